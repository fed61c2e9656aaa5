"""Aligns a topic pattern with a routing key, word by word, at the least cost. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Edit(NamedTuple):
    """One word. `place`: its position in the key; `word`: the key's, `wanted`: the pattern's."""

    kind: str  # keep, change, lack (missing in the key), extra (not in the pattern)
    place: int
    word: str
    wanted: str


CHANGED, MOVED = 100, 101
"""The cost of an edit: of two equally short alignments, a changed word is preferred to a missing one."""

Move = tuple[int, int, int, str]
"""(cost, words of the pattern used, words of the key used, kind)."""


def cost(pattern: Sequence[str], parts: Sequence[str]) -> int:
    """How many words must be changed, added or removed for the pattern to match; 0 if it matches.

    >>> cost(["order", "*", "eu"], ["order", "new", "us"])
    1
    """
    return _costs(pattern, parts)[0][0] // CHANGED


def alignment(pattern: Sequence[str], parts: Sequence[str]) -> list[Edit]:
    """The cheapest alignment of the pattern with the key."""
    if len(pattern) == len(parts) and "#" not in pattern:
        side_by_side = [
            Edit("keep" if wanted in ("*", word) else "change", place, word, wanted) for place, (word, wanted) in enumerate(zip(parts, pattern, strict=True))
        ]
        if sum(edit.kind == "change" for edit in side_by_side) <= 1:  # nothing is cheaper, and most misses are of this kind
            return side_by_side
    costs = _costs(pattern, parts)
    edits: list[Edit] = []
    i = j = 0
    while i < len(pattern) or j < len(parts):
        for price, di, dj, kind in _moves(pattern, parts, i, j):
            if costs[i][j] == price + costs[i + di][j + dj]:
                edits.append(Edit(kind, j, parts[j] if dj else "", pattern[i] if i < len(pattern) else ""))
                i, j = i + di, j + dj
                break
    return edits


def _costs(pattern: Sequence[str], parts: Sequence[str]) -> list[list[int]]:
    """[words of the pattern used][words of the key used] -> cost of the rest."""
    rows, columns = len(pattern) + 1, len(parts) + 1
    costs = [[0] * columns for _ in range(rows)]
    for i in range(rows - 1, -1, -1):
        for j in range(columns - 1, -1, -1):
            costs[i][j] = min((price + costs[i + di][j + dj] for price, di, dj, _ in _moves(pattern, parts, i, j)), default=0)
    return costs


def _moves(pattern: Sequence[str], parts: Sequence[str], i: int, j: int) -> list[Move]:
    moves: list[Move] = []
    wanted = pattern[i] if i < len(pattern) else None
    if wanted is not None and j < len(parts):
        if wanted == "#":
            moves.append((0, 0, 1, "keep"))
        elif wanted in ("*", parts[j]):
            moves.append((0, 1, 1, "keep"))
        else:
            moves.append((CHANGED, 1, 1, "change"))
    if wanted == "#":
        moves.append((0, 1, 0, "keep"))
    elif wanted is not None:
        moves.append((MOVED, 1, 0, "lack"))
    if j < len(parts) and wanted != "#":
        moves.append((MOVED, 0, 1, "extra"))
    return moves
