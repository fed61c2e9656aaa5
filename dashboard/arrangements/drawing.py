"""A flow's machines as a drawing: those that produce at the left, the broker's in the middle, those that consume at the right. Pure.

Lengths are units of the drawing, nearly pixels. They are text, as templates localize numbers. What shares a machine stands in one box; an arrow crosses the
network.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from dashboard.arrangements.flows import Flow, Here
from dashboard.layout import formatting
from dashboard.layout.cells import shortened

BOX_WIDTH, HEAD, LINE, GAP_X, GAP_Y = 148, 24, 18, 56, 12
COLUMNS = (1, 1 + BOX_WIDTH + GAP_X, 1 + 2 * (BOX_WIDTH + GAP_X))
WIDTH = COLUMNS[2] + BOX_WIDTH + 1
MOST_BOXES = 3
"""Of more machines in a column, the rest is one box."""
NAME_CELLS, ROLE_CELLS = 18, 20


class Role(msgspec.Struct, frozen=True):
    y: str
    kind: str  # producer, broker, consumer
    text: str


class Box(msgspec.Struct, frozen=True):
    x: str
    y: str
    height: str
    name: str
    whole: str
    roles: tuple[Role, ...]
    is_known: bool


class Arrow(msgspec.Struct, frozen=True):
    path: str
    kind: str  # publish, deliver


class Drawing(msgspec.Struct, frozen=True):
    """`text` is the text alternative."""

    width: str
    height: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    text: str


class _Sketch(msgspec.Struct):
    """A box before it has a place. `roles`: how many clients by kind; None of the broker."""

    name: str
    roles: dict[str, int | None]
    is_known: bool = True

    @property
    def height(self) -> int:
        return HEAD + LINE * len(self.roles) + 4


def drawing(flow: Flow) -> Drawing:
    """The machines of a flow with their roles."""
    left, middle, right = _sketches(flow)
    columns = (_folded(left), [middle], _folded(right))
    heights = [sum(one.height for one in column) + GAP_Y * max(0, len(column) - 1) for column in columns]
    height = max(heights) + 2
    corners: dict[int, tuple[int, int]] = {}
    boxes = []
    for x, column, high in zip(COLUMNS, columns, heights, strict=True):
        y = 1 + (height - 2 - high) // 2
        for one in column:
            corners[id(one)] = (x, y)
            boxes.append(_box(one, x, y))
            y += one.height + GAP_Y
    at = corners[id(middle)]
    arrows = tuple(arrow for one in (*columns[0], *columns[2]) for arrow in _arrows(one, middle, corners[id(one)], at))
    return Drawing(str(WIDTH), str(height), tuple(boxes), arrows, _text(columns))


def _sketches(flow: Flow) -> tuple[list[_Sketch], _Sketch, list[_Sketch]]:
    """(machines that produce and are not the broker's, the broker's, those that only consume)."""
    producers, consumers = _by_name(flow.producers), _by_name(flow.consumers)
    known = bool(flow.broker.name)
    middle = _Sketch(flow.broker.name or "machine not known", {"broker": None}, known)
    if known:
        name = flow.broker.name
        amounts = {"producer": producers.pop(name, 0), "consumer": consumers.pop(name, 0)}
        middle.roles |= {kind: amount for kind, amount in amounts.items() if amount}
    left = []
    for name, amount in producers.items():
        roles: dict[str, int | None] = {"producer": amount}
        if name and name in consumers:
            roles["consumer"] = consumers.pop(name)
        left.append(_Sketch(name or "machine not known", roles, bool(name)))
    if not flow.producers:
        left.append(_Sketch("producers not known", {}, False))
    right = [_Sketch(name or "machine not known", {"consumer": amount}, bool(name)) for name, amount in consumers.items()]
    if not flow.consumers:
        right.append(_Sketch("no consumer", {}, False))
    return left, middle, right


def _by_name(places: Sequence[Here]) -> dict[str, int]:
    """Clients by the name of their machine, "" where that is not known."""
    found: dict[str, int] = {}
    for place in places:
        found[place.machine.name] = found.get(place.machine.name, 0) + place.clients
    return found


def _folded(column: list[_Sketch]) -> list[_Sketch]:
    if len(column) <= MOST_BOXES:
        return column
    kept, rest = column[: MOST_BOXES - 1], column[MOST_BOXES - 1 :]
    roles: dict[str, int | None] = {}
    for one in rest:
        for kind, amount in one.roles.items():
            roles[kind] = (roles.get(kind) or 0) + (amount or 0)
    return [*kept, _Sketch(f"{len(rest):,} more machines", roles)]


def _box(one: _Sketch, x: int, y: int) -> Box:
    roles = tuple(
        Role(str(HEAD + LINE * place + 12), kind, shortened(_role(kind, amount), ROLE_CELLS)) for place, (kind, amount) in enumerate(one.roles.items())
    )
    return Box(str(x), str(y), str(one.height), shortened(one.name, NAME_CELLS), one.name, roles, one.is_known)


def _role(kind: str, amount: int | None) -> str:
    return kind if amount is None else formatting.count(amount, kind)


def _arrows(one: _Sketch, middle: _Sketch, corner: tuple[int, int], at: tuple[int, int]) -> list[Arrow]:
    """What goes to the broker from a machine, and what comes from it there."""
    is_left = corner[0] < at[0]
    own_x, broker_x = (corner[0] + BOX_WIDTH, at[0]) if is_left else (corner[0], at[0] + BOX_WIDTH)
    own_y, broker_y = corner[1] + one.height // 2, at[1] + middle.height // 2
    found = []
    if "producer" in one.roles:
        found.append(Arrow(_line(own_x, own_y - 4, broker_x, broker_y - 4), "publish"))
    if "consumer" in one.roles:
        found.append(Arrow(_line(broker_x, broker_y + 4, own_x, own_y + 4), "deliver"))
    return found


def _line(x: int, y: int, to_x: int, to_y: int) -> str:
    middle = (x + to_x) // 2
    end, back = (to_x - 2, to_x - 8) if to_x > x else (to_x + 2, to_x + 8)
    return f"M{x} {y}C{middle} {y} {middle} {to_y} {end} {to_y}M{back} {to_y - 3}L{end} {to_y}L{back} {to_y + 3}"


def _text(columns: Sequence[Sequence[_Sketch]]) -> str:
    """Each machine with what is on it."""
    said = [
        f"{one.name}: {formatting.listed([_role(kind, amount) for kind, amount in one.roles.items()])}" for column in columns for one in column if one.roles
    ]
    return "; ".join(said)
