"""How much of a worker node's slots was in use, as a strip of cells and as text. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import msgspec

CELLS = 24
UNKNOWN = "unknown"
SOLO = "Slots in use: unknown, since a node with the pool solo reports only between its tasks"
_STEPS = (0.0, 0.25, 0.5, 0.75)
CELL_WIDTH = 3.5


class Cell(msgspec.Struct, frozen=True):
    """`kind`: unknown, 0 (no slot used), 1 to 4 (up to a quarter, a half, three quarters, all); `x` in px of the strip."""

    kind: str
    x: float


class Heat(msgspec.Struct, frozen=True):
    cells: tuple[Cell, ...] = ()
    text: str = ""


def heat(active: Sequence[float | None], slots: Sequence[float | None], span: str = "last hour") -> Heat:
    """The strip of two records at the same moments; no cells where nothing is known.

    >>> heat([1, 1], [4, 4]).text
    'Slots in use, last hour: 25 % on average, 25 % at most'
    """
    shares = [_share(used, total) for used, total in zip(active, slots, strict=False)]
    known = [share for share in shares if share is not None]
    if not known:
        return Heat(text=f"Slots in use, {span}: nothing recorded")
    averages = [_average(part) for part in _parts(shares)]
    unknown = sum(share is None for share in averages)
    gaps = f", unknown for {unknown} of {len(averages)} parts" if unknown else ""
    text = f"Slots in use, {span}: {_percent(sum(known) / len(known))} on average, {_percent(max(known))} at most{gaps}"
    return Heat(tuple(Cell(_kind(share), at * CELL_WIDTH) for at, share in enumerate(averages)), text)


def heat_of(pool: str | None, active: Sequence[float | None], slots: Sequence[float | None]) -> Heat:
    """The strip of a node: none of one that reports no task that it runs.

    >>> heat_of("solo", [0, 0], [1, 1]).cells
    ()
    """
    return Heat(text=SOLO) if pool == "solo" else heat(active, slots)


def _share(used: float | None, total: float | None) -> float | None:
    return None if used is None or not total else min(1.0, used / total)


def _parts(shares: Sequence[float | None]) -> list[Sequence[float | None]]:
    """CELLS parts of nearly the same length; fewer where there are fewer values."""
    count = min(CELLS, len(shares))
    bounds = [round(at * len(shares) / count) for at in range(count + 1)]
    return [shares[begin:end] for begin, end in pairwise(bounds)]


def _average(shares: Sequence[float | None]) -> float | None:
    known = [share for share in shares if share is not None]
    return sum(known) / len(known) if known else None


def _kind(share: float | None) -> str:
    return UNKNOWN if share is None else str(sum(share > step for step in _STEPS))


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"
