"""Positions the boxes and arrows of a drawn path: the message at the left, its exchanges below one another, their queues at the right. Pure.

Lengths are units of the drawing, 360 wide: nearly pixels on a phone. They are text, as templates localize numbers.
"""

from __future__ import annotations

import msgspec

from dashboard.layout import formatting
from dashboard.layout.cells import shortened
from dashboard.why.drawing.path import MESSAGE, NOWHERE, Arrow, Box, DrawnPath

BOX_WIDTH, BOX_HEIGHT = 104, 36
GAP = 24
"""Between columns, and between one exchange's row and the next's."""

ROW = BOX_HEIGHT + 8
COLUMNS = (0, BOX_WIDTH + GAP, 2 * (BOX_WIDTH + GAP))
LOWEST_ROW = 2
"""An exchange is centred on its queues, but not lower than this, so that the path begins at the top."""

NAME_CELLS, SAYS_CELLS, LABEL_CELLS = 13, 17, 16


class PlacedBox(msgspec.Struct, frozen=True):
    """`whole` is the full name, for the tooltip."""

    x: str
    y: str
    name: str
    text: str
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
    """`text` is the text alternative; `legend` the kinds of arrows in it."""

    height: str
    boxes: list[PlacedBox]
    arrows: list[PlacedArrow]
    labels: list[Label]
    legend: list[str]
    text: str


def drawn(path: DrawnPath) -> Drawing:
    """The drawing with all positions."""
    corners, labels, bottom = _places(path)
    boxes = [path.message] + [box for stage in path.stages for box in (stage.exchange, *stage.beside)]
    placed = [_box(box, *corners[box.id]) for box in boxes]
    arrows = [PlacedArrow(_line(arrow, path, corners), arrow.kind) for arrow in path.arrows]
    labels += [_label(arrow, corners) for arrow in path.arrows if arrow.label and _is_below(arrow, path)]
    kinds = {arrow.kind for arrow in path.arrows if arrow.target != NOWHERE}
    return Drawing(str(bottom), placed, arrows, labels, [kind for kind in ("way", "maybe", "near") if kind in kinds], drawing_text(path))


def _places(path: DrawnPath) -> tuple[dict[str, tuple[int, int]], list[Label], int]:
    """The upper left corner of each box, the labels of what is left out, and the drawing's height."""
    corners: dict[str, tuple[int, int]] = {}
    labels: list[Label] = []
    top = 1
    for stage in path.stages:
        row = min((max(len(stage.beside), 1) - 1) / 2, LOWEST_ROW)
        corners[stage.exchange.id] = (COLUMNS[1], top + round(row * ROW))
        for at, box in enumerate(stage.beside):
            corners[box.id] = (COLUMNS[2], top + at * ROW)
        below = max(top + len(stage.beside) * ROW, corners[stage.exchange.id][1] + ROW)
        if stage.more:
            labels.append(Label(str(COLUMNS[2]), str(top + len(stage.beside) * ROW + 10), stage.more, stage.more, key=False))
            below += 18
        top = below + GAP - 8
    if path.more:
        labels.append(Label(str(COLUMNS[1]), str(top + 4), f"{path.more:,} more exchanges", f"{path.more:,} more exchanges", key=False))
        top += 24
    corners[MESSAGE] = (COLUMNS[0], corners[path.stages[0].exchange.id][1])
    return corners, labels, top - GAP + 2


def _box(box: Box, x: int, y: int) -> PlacedBox:
    whole = f"{box.name}: {box.text}"
    return PlacedBox(str(x), str(y), shortened(box.name, NAME_CELLS), shortened(box.text, SAYS_CELLS), whole, box.look, key=box.id == MESSAGE)


def _is_below(arrow: Arrow, path: DrawnPath) -> bool:
    """Whether the arrow leads from one exchange to that in the next row."""
    ids = [stage.exchange.id for stage in path.stages]
    return arrow.source in ids and arrow.target in ids and ids.index(arrow.target) == ids.index(arrow.source) + 1


def _line(arrow: Arrow, path: DrawnPath, corners: dict[str, tuple[int, int]]) -> str:
    """The line of an arrow and, unless it is a near miss, its head."""
    (x, y), (to_x, to_y) = corners[arrow.source], corners[arrow.target]
    middle, to_middle = y + BOX_HEIGHT // 2, to_y + BOX_HEIGHT // 2
    if _is_below(arrow, path):
        return f"M{x + 16} {y + BOX_HEIGHT}V{to_y - 1}m-4 -5l4 5l4 -5"
    head = "" if arrow.kind == "near" else "m-5 -4l5 4l-5 4"
    if x == to_x:  # past other exchanges, in the gap at their left
        row = [stage.exchange.id for stage in path.stages].index(arrow.source)
        return f"M{x} {middle + 8}{_elbow(x - 8 - 4 * (row % 3), middle + 8, to_middle - 6)}H{to_x - 1}{head}"
    start = f"M{x + BOX_WIDTH} {middle}"
    if abs(to_middle - middle) > 2 * ROW:
        return f"{start}{_elbow(x + BOX_WIDTH + GAP // 2, middle, to_middle)}H{to_x - 1}{head}"
    return f"{start}C{x + BOX_WIDTH + 14} {middle} {to_x - 14} {to_middle} {to_x - 1} {to_middle}{head}"


def _elbow(x: int, y: int, to_y: int) -> str:
    """A line across to `x` and along it to `to_y`: many of them share one trunk."""
    return f"H{x}V{to_y}"


def _label(arrow: Arrow, corners: dict[str, tuple[int, int]]) -> Label:
    x, y = corners[arrow.target]
    return Label(str(x + 24), str(y - 8), shortened(arrow.label, LABEL_CELLS), arrow.label, key=arrow.label != "nothing matched")


def drawing_text(path: DrawnPath) -> str:
    """The text alternative of the drawing; the story beside it has every detail."""
    passed = formatting.listed([stage.exchange.name for stage in path.stages])
    reached = [box.name for stage in path.stages for box in stage.beside if box.look != "missed" and box.id != NOWHERE]
    missed = [box.name for stage in path.stages for box in stage.beside if box.look == "missed"]
    maybe = any(arrow.kind == "maybe" for arrow in path.arrows)
    unknown = any(box.id == NOWHERE and box.look == "unknown" for stage in path.stages for box in stage.beside)
    ends = f"{'perhaps ' if maybe else ''}to {formatting.listed(reached)}" if reached else "to where is unknown" if unknown else "to no queue"
    return f"Drawing: from {path.message.name} by {passed} {ends}.{f' Near misses: {formatting.listed(missed)}.' if missed else ''}"
