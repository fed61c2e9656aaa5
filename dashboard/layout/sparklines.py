"""A sparkline: SVG path texts from a list of numbers, gaps as gaps, the dot that is now, and the same as text.

Pure. A part of the page that has sparklines is fetched again as often as they have a new point.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

MARGIN = 3  # room for the dot (radius 2.25) and half the line's width
BASE = 1


class Sparkline(msgspec.Struct, frozen=True):
    """`line` and `area` are path data, "" where nothing is known; the dot is at (`end_x`, `end_y`), None without one."""

    line: str = ""
    area: str = ""
    end_x: float | None = None
    end_y: float | None = None


def drawn(values: Sequence[float | None], width: int = 96, height: int = 24) -> Sparkline:
    """The sparkline of values at equal distances, zero at the bottom. A line that is flat at zero lies on the bottom.

    >>> drawn([0, 2, None, 1], 13, 14).line
    'M3.0 13.0L5.3 3.0M10.0 8.0h0'
    """
    known = [value for value in values if value is not None]
    if not known:
        return Sparkline()
    top = max(*known, 0) or 1.0
    step = (width - 2 * MARGIN) / max(1, len(values) - 1)
    floor = height - BASE
    points = [None if value is None else (MARGIN + step * at, floor - (floor - MARGIN) * max(0.0, value) / top) for at, value in enumerate(values)]
    line, area = "", ""
    for run in _runs(points):
        joined = "L".join(f"{x:.1f} {y:.1f}" for x, y in run)
        line += f"M{joined}" + ("h0" if len(run) == 1 else "")
        if len(run) > 1:
            area += f"M{run[0][0]:.1f} {floor}L{joined}L{run[-1][0]:.1f} {floor}Z"
    x, y = next(point for point in reversed(points) if point is not None)
    return Sparkline(line, area, round(x, 1), round(y, 1))


def recorded(values: Sequence[float | None]) -> list[float | None]:
    """The values from the first known one on, so that a line that has just begun has the whole width; a single one twice, as a line.

    >>> recorded([None, None, 3, None, 4]), recorded([None, 3]), recorded([None])
    ([3, None, 4], [3, 3], [])
    """
    first = next((at for at, value in enumerate(values) if value is not None), len(values))
    found = list(values[first:])
    return found * 2 if len(found) == 1 else found


def text(values: Sequence[float | None]) -> str:
    """What the line shows, for those who can't see it.

    >>> text([3, None, 1200.5]), text([2, 2.01]), text([None])
    ('from 3 to 1,200.5, latest 1,200.5', 'steady at 2', 'nothing recorded')
    """
    known = [value for value in values if value is not None]
    if not known:
        return "nothing recorded"
    low, high, last = (f"{value:,.1f}".removesuffix(".0") for value in (min(known), max(known), known[-1]))
    return f"steady at {low}" if low == high else f"from {low} to {high}, latest {last}"


def _runs(points: Sequence[tuple[float, float] | None]) -> Iterator[list[tuple[float, float]]]:
    """The stretches of known points between gaps."""
    run: list[tuple[float, float]] = []
    for point in points:
        if point is not None:
            run.append(point)
        elif run:
            yield run
            run = []
    if run:
        yield run
