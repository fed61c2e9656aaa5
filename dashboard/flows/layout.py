"""Positions the boxes of a workflow: the root at the left, what came after a box at its right, the parts of a group below one another. Pure.

Lengths are units of the drawing, which are pixels. They are text, as templates localize numbers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from dashboard.flows.folded import Box

WIDTH, HEIGHT = 160, 62
GAP, ROW = 32, HEIGHT + 22
EDGE, FRAME = 10, 8
BAR = WIDTH - 16
CERTAIN, MAYBE = "certain", "maybe"


class PlacedBox(msgspec.Struct, frozen=True):
    box: Box
    x: str
    y: str
    critical: bool


class PlacedArrow(msgspec.Struct, frozen=True):
    """`kind`: critical, missing (something between is not known), or ""."""

    path: str
    kind: str


class Frame(msgspec.Struct, frozen=True):
    """Around the parts of a group."""

    x: str
    y: str
    width: str
    height: str
    kind: str
    text: str


class Drawing(msgspec.Struct, frozen=True):
    width: str
    height: str
    boxes: list[PlacedBox]
    arrows: list[PlacedArrow]
    frames: list[Frame]


class Framed(msgspec.Struct, frozen=True):
    """Tasks to draw a frame around."""

    tasks: Collection[str]
    kind: str
    text: str


def drawn(boxes: Sequence[Box], critical: Collection[str] = (), framed: Iterable[Framed] = ()) -> Drawing:
    """The drawing. `critical`: the tasks of the critical path."""
    columns, rows = _columns(boxes), _rows(boxes)
    corners = {box.key: (EDGE + columns[box.key] * (WIDTH + GAP), EDGE + FRAME + round(rows[box.key] * ROW)) for box in boxes}
    path = {box.key for box in boxes if not set(critical).isdisjoint(box.tasks)}
    placed = [PlacedBox(box, str(corners[box.key][0]), str(corners[box.key][1]), box.key in path) for box in boxes]
    arrows = [_arrow(corners, before, box.key, before in path and box.key in path) for box in boxes for before in box.before]
    arrows.sort(key=lambda arrow: arrow.kind == "critical")  # above the others
    frames = [frame for one in framed if (frame := _frame(one, boxes, corners)) is not None]
    right, bottom = max((x for x, _ in corners.values()), default=0), max((y for _, y in corners.values()), default=0)
    return Drawing(str(right + WIDTH + EDGE), str(bottom + HEIGHT + EDGE + FRAME), placed, arrows, frames)


def _columns(boxes: Sequence[Box]) -> dict[str, int]:
    """Each to the right of all that came before it. Boxes of many tasks may stand before each other by turns: then only to the right of some of them."""
    after: dict[str, set[str]] = defaultdict(set)
    for box in boxes:
        after[box.above].add(box.key)
    for box in boxes:
        for before in box.before:
            if before not in _reached(after, box.key):
                after[before].add(box.key)
    found = {box.key: 0 for box in boxes}
    for _ in boxes:  # as many rounds as the longest path can have, since no box comes after itself
        moved = False
        for key in found:
            for later in after[key]:
                if found[later] <= found[key]:
                    found[later], moved = found[key] + 1, True
        if not moved:
            break
    return found


def _reached(after: Mapping[str, Collection[str]], start: str) -> set[str]:
    """`start`, and what comes after it."""
    seen, left = {start}, [start]
    while left:
        following = set(after.get(left.pop(), ())) - seen
        seen |= following
        left += following
    return seen


def _rows(boxes: Sequence[Box]) -> dict[str, float]:
    """Each in the middle of what hangs below it; what nothing hangs below has a row of its own."""
    below: dict[str, list[str]] = defaultdict(list)
    for box in boxes:
        below[box.above].append(box.key)
    order: list[str] = []
    left = list(reversed(below[""]))
    while left:
        key = left.pop()
        order.append(key)
        left += reversed(below.get(key, ()))
    ends = [key for key in order if not below.get(key)]
    rows = {key: float(row) for row, key in enumerate(ends)}
    for key in reversed(order):
        if key not in rows:
            rows[key] = (rows[below[key][0]] + rows[below[key][-1]]) / 2
    return rows


def _arrow(corners: Mapping[str, tuple[int, int]], before: str, after: str, is_critical: bool) -> PlacedArrow:
    (x, y), (to_x, to_y) = corners[before], corners[after]
    start, middle, end = x + WIDTH, y + HEIGHT // 2, to_y + HEIGHT // 2
    bend = GAP // 2
    line = f"M{start} {middle}H{to_x - GAP}" if to_x - start > GAP else f"M{start} {middle}"
    curve = f"C{to_x - GAP + bend} {middle} {to_x - bend} {end} {to_x - 2} {end}"
    return PlacedArrow(f"{line}{curve}m-5 -4l5 4l-5 4", "critical" if is_critical else "")


def _frame(one: Framed, boxes: Sequence[Box], corners: Mapping[str, tuple[int, int]]) -> Frame | None:
    """None where other boxes stand between its own."""
    own = {box.key for box in boxes if not set(one.tasks).isdisjoint(box.tasks)}
    if not own:
        return None
    xs, ys = [corners[key][0] for key in own], [corners[key][1] for key in own]
    left, top, right, bottom = min(xs), min(ys), max(xs), max(ys)
    if any(left <= x <= right and top <= y <= bottom for key, (x, y) in corners.items() if key not in own):
        return None
    return Frame(str(left - FRAME), str(top - FRAME), str(right - left + WIDTH + 2 * FRAME), str(bottom - top + HEIGHT + 2 * FRAME), one.kind, one.text)
