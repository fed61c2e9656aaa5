"""Which node consumes which queue, as rows of cells: both folded by the pattern of their names where there are too many.

Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

import msgspec

from dashboard.layout.queues_and_nodes import MEANINGS, arrangements
from workers.name_patterns import pattern_of

MOST_ROWS, MOST_COLUMNS = 200, 100
CONSUMES, PROBABLY, REPORTED = "consumes", "probably", "reported"
CELL_TEXTS: Mapping[str, str] = {
    CONSUMES: "consumes it",
    PROBABLY: "probably consumes it",
    REPORTED: "reports to consume it, but the broker shows no consumer",
}
_STRONGEST = (CONSUMES, PROBABLY, REPORTED)


class Consumption(msgspec.Struct, frozen=True):
    """Of one virtual host: `cells` has a kind for each (queue, node). `unclear_queues` have consumers whose node is unknown, `unclear_nodes` have not reported
    their queues; `others`: how many consumers of a queue are other programs."""

    queues: Sequence[str] = ()
    nodes: Sequence[str] = ()
    cells: Mapping[tuple[str, str], str] = {}
    unclear_queues: Collection[str] = ()
    unclear_nodes: Collection[str] = ()
    others: Mapping[str, int] = {}


class Head(msgspec.Struct, frozen=True):
    """A queue, a node, or a pattern that `members` of them have. `arrangement` is a word of MEANINGS, "different" where those of a pattern differ."""

    name: str
    arrangement: str
    members: int = 1
    others: int = 0

    @property
    def meaning(self) -> str:
        return MEANINGS.get(self.arrangement, "its members are arranged differently")


class Cell(msgspec.Struct, frozen=True):
    """`kind` is a word of CELL_TEXTS, "" where the node does not consume the queue; `count`: how many nodes of the column do, where they are folded."""

    kind: str = ""
    count: int = 0
    text: str = ""


class Row(msgspec.Struct, frozen=True):
    head: Head
    cells: tuple[Cell, ...]


class Matrix(msgspec.Struct, frozen=True):
    """`hidden_rows` and `hidden_columns`: how many there is no room for, folded as they are."""

    columns: tuple[Head, ...] = ()
    rows: tuple[Row, ...] = ()
    folds_queues: bool = False
    folds_nodes: bool = False
    hidden_rows: int = 0
    hidden_columns: int = 0


DIFFERENT = "different"
_EMPTY = Cell()


def matrix(found: Consumption, fold_nodes: bool = False) -> Matrix:
    """The queues by the nodes, in the order of their names.

    >>> made = matrix(Consumption(["mail"], ["a@one", "b@two"], {("mail", "a@one"): CONSUMES}))
    >>> [cell.kind for cell in made.rows[0].cells]
    ['consumes', '']
    """
    folds_queues, folds_nodes = len(found.queues) > MOST_ROWS, fold_nodes or len(found.nodes) > MOST_COLUMNS
    words = arrangements(found.queues, found.nodes, found.cells, found.unclear_queues, found.unclear_nodes)
    rows, columns = _folded(found.queues, folds_queues), _folded(found.nodes, folds_nodes)
    row_of = {name: row for row, names in rows.items() for name in names}
    column_of = {name: column for column, names in columns.items() for name in names}
    kinds: dict[tuple[str, str], set[str]] = defaultdict(set)
    nodes: dict[tuple[str, str], set[str]] = defaultdict(set)
    for (queue, node), kind in found.cells.items():
        if queue in row_of and node in column_of:
            place = (row_of[queue], column_of[node])
            kinds[place].add(kind)
            nodes[place].add(node)
    shown = list(columns)[:MOST_COLUMNS]
    made = []
    for name in list(rows)[:MOST_ROWS]:
        cells = tuple(_cell(kinds[name, column], len(nodes[name, column]), len(columns[column])) if (name, column) in kinds else _EMPTY for column in shown)
        made.append(Row(_head(name, rows[name], words.queues, found.others), cells))
    heads = tuple(_head(name, columns[name], words.nodes) for name in shown)
    return Matrix(heads, tuple(made), folds_queues, folds_nodes, max(0, len(rows) - MOST_ROWS), max(0, len(columns) - MOST_COLUMNS))


def _folded(names: Sequence[str], folds: bool) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        found[pattern_of(name) if folds else name].append(name)
    return dict(sorted(found.items()))


def _head(name: str, members: Sequence[str], words: Mapping[str, str], others: Mapping[str, int] | None = None) -> Head:
    found = {words[member] for member in members}
    count = sum(others.get(member, 0) for member in members) if others else 0
    return Head(name, found.pop() if len(found) == 1 else DIFFERENT, len(members), count)


def _cell(kinds: set[str], nodes: int, of: int) -> Cell:
    kind = next(one for one in _STRONGEST if one in kinds)
    return Cell(kind, nodes if of > 1 else 0, CELL_TEXTS[kind] if of == 1 else f"{nodes:,} of {of:,} nodes {CELL_TEXTS[kind].replace('consumes', 'consume')}")
