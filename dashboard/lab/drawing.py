"""An experiment drawn: producer, exchanges, queues and worker nodes in four columns, the path of the last message lit. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from workers.lab.plan import Plan

WIDTH, HEIGHT, GAP_Y = 150, 44, 18
GAP_X, WIDEST_GAP, CHARACTER = 100, 190, 6.2  # pixels; as wide as what is written on the arrows needs
_PRODUCER, _EXCHANGES, _QUEUES, _NODES = range(4)


class Box(msgspec.Struct, frozen=True):
    """`kind`: producer, exchange, queue or node."""

    kind: str
    name: str
    text: str
    x: int
    y: int
    lit: bool = False


class Arrow(msgspec.Struct, frozen=True):
    """`kind`: "", alternate or dead-letter."""

    path: str
    label: str
    kind: str = ""
    lit: bool = False
    label_x: int = 0
    label_y: int = 0


class Drawing(msgspec.Struct, frozen=True):
    width: int
    height: int
    boxes: list[Box]
    arrows: list[Arrow]


def drawn(plan: Plan, measured: Mapping[str, Any]) -> Drawing:
    """The drawing with what was measured, {} before anything was."""
    last = next(iter(reversed(measured.get("messages", []))), None)
    queues, nodes = set(last["queues"]) if last else set(), set(last["nodes"]) if last else set()
    found = {each["name"]: each for each in measured.get("nodes", [])}
    gap = _gap(plan)
    boxes = {("producer", ""): _box("producer", "producer", _sent_text(measured), _PRODUCER, 0, lit=last is not None)}
    names = [one["name"] for one in plan.definitions["queues"]]
    rows = max(len(names), len(plan.nodes), len(plan.definitions["exchanges"]), 1)
    for number, one in enumerate(plan.definitions["exchanges"]):
        boxes["exchange", one["name"]] = _box("exchange", one["name"], one["type"], _EXCHANGES, number, lit=last is not None and number == 0)
    for number, name in enumerate(names):
        boxes["queue", name] = _box("queue", name, _waiting_text(name, measured), _QUEUES, number, lit=name in queues)
    for number, node in enumerate(plan.nodes):
        boxes["node", node.name] = _box("node", node.name, _node_text(found.get(node.name)), _NODES, number, lit=node.name in nodes)
    middle = {key: msgspec.structs.replace(box, x=_x(box.x, gap), y=_y(box.y, _count(key[0], plan), rows)) for key, box in boxes.items()}
    width, height = _x(_NODES, gap) + WIDTH + 2, rows * (HEIGHT + GAP_Y) - GAP_Y + 4
    return Drawing(width, height, list(middle.values()), _arrows(plan, middle, last))


def _gap(plan: Plan) -> int:
    """Between producer, exchanges and queues, whose arrows have labels."""
    labels = [_binding_label(one) for one in plan.definitions["bindings"]]
    if plan.publisher.exchange:
        labels += [each.label for each in plan.publisher.variants]
    return round(min(WIDEST_GAP, max([GAP_X, *(CHARACTER * len(label) + 24 for label in labels)])))


def _x(column: int, gap: int) -> int:
    return 2 + column * WIDTH + min(column, _QUEUES) * gap + max(0, column - _QUEUES) * GAP_X


def _binding_label(binding: Mapping[str, Any]) -> str:
    """Its key, or by headers whether all or any of them must agree, and which."""
    arguments = binding["arguments"]
    headers = [f"{name}={value}" for name, value in arguments.items() if name != "x-match"]
    match = [str(arguments["x-match"])] if len(headers) > 1 and "x-match" in arguments else []
    return binding["routing_key"] or " ".join([*match, *headers])


def _box(kind: str, name: str, text: str, column: int, row: int, *, lit: bool) -> Box:
    """Its `x` and `y` are its column and its row until all are placed."""
    return Box(kind, name, text, column, row, lit)


def _count(kind: str, plan: Plan) -> int:
    return {"producer": 1, "exchange": len(plan.definitions["exchanges"]), "queue": len(plan.definitions["queues"]), "node": len(plan.nodes)}[kind]


def _y(row: int, of: int, rows: int) -> int:
    """The upper edge of a box: each column is in the middle of the height."""
    return 2 + round((row + (rows - of) / 2) * (HEIGHT + GAP_Y))


def _arrows(plan: Plan, boxes: Mapping[tuple[str, str], Box], last: Mapping[str, Any] | None) -> list[Arrow]:
    producer, publisher = boxes["producer", ""], plan.publisher
    reached = set(last["queues"]) if last else set()
    found: list[Arrow] = []
    if publisher.exchange:
        found.append(_arrow(producer, boxes["exchange", publisher.exchange], _label(plan, last), lit=last is not None))
    else:
        found += [_arrow(producer, boxes["queue", key], "", lit=key in reached) for key in dict.fromkeys(each.routing_key for each in publisher.variants)]
    for one in plan.definitions["bindings"]:
        lit = one["destination"] in reached
        found.append(_arrow(boxes["exchange", one["source"]], boxes["queue", one["destination"]], _binding_label(one), lit=lit))
    for one in plan.definitions["exchanges"]:
        if other := one["arguments"].get("alternate-exchange"):
            found.append(_down(boxes["exchange", one["name"]], boxes["exchange", other], "alternate"))
    for one in plan.definitions["queues"]:
        if (key := one["arguments"].get("x-dead-letter-routing-key")) and key != one["name"]:
            found.append(_down(boxes["queue", one["name"]], boxes["queue", key], "dead-letter"))
    worked = set(last["nodes"]) if last else set()
    found += [_arrow(boxes["queue", node.queue], boxes["node", node.name], "", lit=node.name in worked) for node in plan.nodes]
    return found


def _label(plan: Plan, last: Mapping[str, Any] | None) -> str:
    return plan.publisher.variants[last["variant"]].label if last else ""


def _arrow(source: Box, target: Box, label: str, *, lit: bool) -> Arrow:
    x1, y1, x2, y2 = source.x + WIDTH, source.y + HEIGHT // 2, target.x - 5, target.y + HEIGHT // 2
    middle = (x1 + x2) // 2
    return Arrow(f"M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}", _short(label, x2 - x1), "", lit, middle, y2 - 7)


def _down(source: Box, target: Box, kind: str) -> Arrow:
    """Between two boxes of one column; a later one beside the first, so that both directions are seen."""
    down = target.y > source.y
    x = source.x + (WIDTH // 3 if down else 2 * WIDTH // 3)
    y1, y2 = (source.y + HEIGHT, target.y - 5) if down else (source.y, target.y + HEIGHT + 5)
    return Arrow(f"M{x} {y1}V{y2}", "", kind)


def _short(text: str, room: int) -> str:
    """
    >>> _short("format=pdf kind=invoice", 95), _short("format=pdf kind=invoice", 185)
    ('format=pdf k…', 'format=pdf kind=invoice')
    """
    most = int((room - 14) / CHARACTER)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _sent_text(measured: Mapping[str, Any]) -> str:
    return f"{measured['sent']:,} sent" if measured else ""


def _waiting_text(name: str, measured: Mapping[str, Any]) -> str:
    held = sum(max(0, each["held"]) for each in measured.get("nodes", []) if each["queue"] == name)
    return f"{held} with its nodes" if any(each["queue"] == name for each in measured.get("nodes", [])) else ""


def _node_text(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return ""
    if found["address"] is None:
        return "not connected"
    return f"{found['done']:,} done, holds {max(0, found['held'])}"
