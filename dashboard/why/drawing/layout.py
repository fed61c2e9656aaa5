"""Where the boxes and arrows of a drawn way stand: the message at the left, its exchanges below one another, their queues at the right. Pure.

Lengths are units of the drawing, 360 wide: nearly pixels on a phone. They come as text, for templates print numbers in the reader's form.
"""

from __future__ import annotations

import unicodedata

import msgspec

from dashboard.layout import formatting
from dashboard.why.drawing.path import MESSAGE, NOWHERE, Arrow, Box, Way

BOX_WIDTH, BOX_HEIGHT = 104, 36
GAP = 24
"""Between columns, and between one exchange's row and the next's."""

ROW = BOX_HEIGHT + 8
COLUMNS = (0, BOX_WIDTH + GAP, 2 * (BOX_WIDTH + GAP))
LOWEST_ROW = 2
"""An exchange stands in the middle of its queues, but not lower than this, so that the way begins at the top."""

NAME_CELLS, SAYS_CELLS, LABEL_CELLS = 13, 17, 16


class PlacedBox(msgspec.Struct, frozen=True):
    """`whole` is the name in full, for who points at it."""

    x: str
    y: str
    name: str
    says: str
    whole: str
    look: str
    key: bool
    """Whether the second line is a routing key."""


class PlacedArrow(msgspec.Struct, frozen=True):
    path: str
    kind: str


class Label(msgspec.Struct, frozen=True):
    x: str
    y: str
    text: str
    whole: str
    key: bool


class Drawing(msgspec.Struct, frozen=True):
    """`says` is the drawing in words; `legend` the kinds of arrows in it."""

    height: str
    boxes: list[PlacedBox]
    arrows: list[PlacedArrow]
    labels: list[Label]
    legend: list[str]
    says: str


def drawn(way: Way) -> Drawing:
    """The whole, placed."""
    corners, labels, bottom = _places(way)
    boxes = [way.message] + [box for stage in way.stages for box in (stage.exchange, *stage.beside)]
    placed = [_box(box, *corners[box.id]) for box in boxes]
    arrows = [PlacedArrow(_path(arrow, way, corners), arrow.kind) for arrow in way.arrows]
    labels += [_label(arrow, corners) for arrow in way.arrows if arrow.words and _is_below(arrow, way)]
    kinds = {arrow.kind for arrow in way.arrows if arrow.target != NOWHERE}
    return Drawing(str(bottom), placed, arrows, labels, [kind for kind in ("way", "maybe", "near") if kind in kinds], in_words(way))


def _places(way: Way) -> tuple[dict[str, tuple[int, int]], list[Label], int]:
    """The upper left corner of each box, the labels of what is left out, and the drawing's height."""
    corners: dict[str, tuple[int, int]] = {}
    labels: list[Label] = []
    top = 1
    for stage in way.stages:
        row = min((max(len(stage.beside), 1) - 1) / 2, LOWEST_ROW)
        corners[stage.exchange.id] = (COLUMNS[1], top + round(row * ROW))
        for at, box in enumerate(stage.beside):
            corners[box.id] = (COLUMNS[2], top + at * ROW)
        below = max(top + len(stage.beside) * ROW, corners[stage.exchange.id][1] + ROW)
        if stage.more:
            labels.append(Label(str(COLUMNS[2]), str(top + len(stage.beside) * ROW + 10), stage.more, stage.more, key=False))
            below += 18
        top = below + GAP - 8
    if way.more:
        labels.append(Label(str(COLUMNS[1]), str(top + 4), f"{way.more:,} more exchanges", f"{way.more:,} more exchanges", key=False))
        top += 24
    corners[MESSAGE] = (COLUMNS[0], corners[way.stages[0].exchange.id][1])
    return corners, labels, top - GAP + 2


def _box(box: Box, x: int, y: int) -> PlacedBox:
    whole = f"{box.name}: {box.says}"
    return PlacedBox(str(x), str(y), shortened(box.name, NAME_CELLS), shortened(box.says, SAYS_CELLS), whole, box.look, key=box.id == MESSAGE)


def shortened(text: str, cells: int) -> str:
    """The text with its middle left out where it is too wide: names often differ at their ends. Wide letters take two cells.

    >>> shortened("orders.eu.new.customers", 13), shortened("mail", 13)
    ('orders…tomers', 'mail')
    """
    widths = [2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text]
    if sum(widths) <= cells:
        return text
    head, tail = (cells - 1) // 2, cells - 1 - (cells - 1) // 2
    return f"{_first(text, head)}…{_first(text[::-1], tail)[::-1]}"


def _first(text: str, cells: int) -> str:
    for at, letter in enumerate(text):
        cells -= 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        if cells < 0:
            return text[:at]
    return text


def _is_below(arrow: Arrow, way: Way) -> bool:
    """Whether the arrow leads from one exchange to that in the next row."""
    ids = [stage.exchange.id for stage in way.stages]
    return arrow.source in ids and arrow.target in ids and ids.index(arrow.target) == ids.index(arrow.source) + 1


def _path(arrow: Arrow, way: Way, corners: dict[str, tuple[int, int]]) -> str:
    """The line and, where something goes along it, its head."""
    (x, y), (to_x, to_y) = corners[arrow.source], corners[arrow.target]
    middle, to_middle = y + BOX_HEIGHT // 2, to_y + BOX_HEIGHT // 2
    if _is_below(arrow, way):
        return f"M{x + 16} {y + BOX_HEIGHT}V{to_y - 1}m-4 -5l4 5l4 -5"
    head = "" if arrow.kind == "near" else "m-5 -4l5 4l-5 4"
    if x == to_x:  # past other exchanges, in the gap at their left
        row = [stage.exchange.id for stage in way.stages].index(arrow.source)
        return f"M{x} {middle + 8}{_elbow(x - 8 - 4 * (row % 3), middle + 8, to_middle - 6)}H{to_x - 1}{head}"
    start = f"M{x + BOX_WIDTH} {middle}"
    if abs(to_middle - middle) > 2 * ROW:
        return f"{start}{_elbow(x + BOX_WIDTH + GAP // 2, middle, to_middle)}H{to_x - 1}{head}"
    return f"{start}C{x + BOX_WIDTH + 14} {middle} {to_x - 14} {to_middle} {to_x - 1} {to_middle}{head}"


def _elbow(x: int, y: int, to_y: int) -> str:
    """Across to `x`, along it, and ready to leave at `to_y`: many of them become one trunk, where curves would become a smear."""
    return f"H{x}V{to_y}"


def _label(arrow: Arrow, corners: dict[str, tuple[int, int]]) -> Label:
    x, y = corners[arrow.target]
    return Label(str(x + 24), str(y - 8), shortened(arrow.words, LABEL_CELLS), arrow.words, key=arrow.words != "nothing matched")


def in_words(way: Way) -> str:
    """The drawing for who can't see it; the story beside it has all of it."""
    passed = formatting.listed([stage.exchange.name for stage in way.stages])
    reached = [box.name for stage in way.stages for box in stage.beside if box.look != "missed" and box.id != NOWHERE]
    missed = [box.name for stage in way.stages for box in stage.beside if box.look == "missed"]
    ends = f"to {formatting.listed(reached)}" if reached else "to no queue"
    return f"Drawing: from {way.message.name} by {passed} {ends}.{f' Nearly to {formatting.listed(missed)}.' if missed else ''}"
