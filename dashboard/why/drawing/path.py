"""Selects what is drawn of an explanation: the message, the exchanges it passes, the queues of each, and the arrows between them. Pure.

Dead-lettering is left out: the drawing shows the path of this message, not what may happen later.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from brokers.routing.answer import AfterQueue, Explanation, ListedBinding, Step

MOST_BOXES = 40
MOST_EXCHANGES = 12
MOST_NEAR = 4
"""Near misses beside one exchange."""

MESSAGE = "message"
NOWHERE = "nowhere"


class Box(msgspec.Struct, frozen=True):
    """`id` is what arrows point at; `look` is "", critical, unknown, or missed for what is not reached."""

    id: str
    name: str
    text: str
    look: str = ""


class Stage(msgspec.Struct, frozen=True):
    """An exchange and the queues beside it; `more`: a text on what was left out there."""

    exchange: Box
    beside: list[Box]
    more: str


class Arrow(msgspec.Struct, frozen=True):
    """`kind` is way, near (dashed: a near miss) or maybe (the broker decides by hash or chance)."""

    source: str
    target: str
    kind: str
    label: str = ""


class DrawnPath(msgspec.Struct, frozen=True):
    """`more` counts the exchanges that are not drawn."""

    message: Box
    stages: list[Stage]
    arrows: list[Arrow]
    more: int


def drawn_path(answer: Explanation, expected: str = "", sender: str = "your message") -> DrawnPath | None:
    """What is drawn of an explanation; None if the message enters no exchange. `expected`: the expected queue, `sender`: the name of the first box."""
    passed = [step for step in answer.steps if step.via != "dead-letter"]
    if not passed:
        return None
    steps = passed[:MOST_EXCHANGES]
    columns = _columns(answer, steps, expected)
    room = _shared_out([len(column) for column in columns], MOST_BOXES - 1 - len(steps))
    stages = [_stage(step, column, count, expected) for step, column, count in zip(steps, columns, room, strict=True)]
    drawn = {stage.exchange.id for stage in stages} | {box.id for stage in stages for box in stage.beside}
    keys = steps[0].keys
    more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
    message = Box(MESSAGE, sender, f"{keys[0] or 'empty key'}{more}")
    arrows = [Arrow(MESSAGE, _exchange_id(steps[0].exchange), "way")]
    arrows += [arrow for step in steps for arrow in _arrows(answer, step) if arrow.target in drawn and arrow.source in drawn]
    return DrawnPath(message, stages, arrows, len(passed) - len(steps))


def _columns(answer: Explanation, steps: list[Step], expected: str) -> list[list[Box]]:
    """The queues beside each exchange: each queue once, where it is reached first."""
    reached, after = {*answer.queues, *answer.possible}, {one.queue: one for one in answer.after}
    placed: set[str] = set()
    columns: list[list[Box]] = []
    for step in steps:
        names = dict.fromkeys(one.destination for one in step.bindings if _may_take(one, step) and one.destination_type == "queue")
        columns.append([_queue(name, after.get(name)) for name in names if name in reached and name not in placed])
        placed |= names.keys()
    for step, column in zip(steps, columns, strict=True):
        near = {one.destination: one.destination_type for one in step.bindings if one.near and not one.matched}
        column += [_missed(name, kind, expected) for name, kind in near.items() if not (kind == "queue" and name in reached | placed)]
        placed |= {name for name, kind in near.items() if kind == "queue"}
    if expected and expected not in reached | placed:
        columns[0].append(_missed(expected, "queue", expected))
    if not reached and answer.outcome == "unknown":
        columns[-1].insert(0, Box(NOWHERE, "unknown", "rules not known", "unknown"))
    elif not reached:
        columns[-1].insert(0, Box(NOWHERE, "no queue", "discarded", "critical" if answer.certain else "unknown"))
    return columns


def _may_take(binding: ListedBinding, step: Step) -> bool:
    """Whether the binding takes the message, as far as the rules of its exchange are known."""
    return bool(binding.matched or step.unknown)


def _queue(name: str, after: AfterQueue | None) -> Box:
    text, look = consumed(after)
    return Box(_queue_id(name), name, text, look)


def consumed(after: AfterQueue | None) -> tuple[str, str]:
    """(short text on the consumers of a queue, its look), from its item of an explanation's `after`.

    >>> consumed(AfterQueue("mail", consumers=2, workers=[]))
    ('2 consumers', '')
    """
    if after is None or after.consumers is None:
        return "consumers unknown", "unknown"
    count, nodes = after.consumers, after.workers or ()
    if not count:
        return "no consumers", "critical"
    if not nodes:
        return f"{count:,} {'consumer' if count == 1 else 'consumers'}", ""
    free = [node.free_slots for node in nodes if node.free_slots is not None]
    slots = f", {sum(free):,} free" if len(free) == len(nodes) else ""
    return f"{len(nodes):,} {'node' if len(nodes) == 1 else 'nodes'}{slots}", ""


def _missed(name: str, kind: str, expected: str) -> Box:
    text = "not reached" if name == expected and kind == "queue" else "near miss" if kind == "queue" else "exchange, missed"
    return Box(_queue_id(name) if kind == "queue" else f"near exchange {name}", name, text, "missed")


def _shared_out(wanted: list[int], room: int) -> list[int]:
    """Distributes `room` one by one in turn.

    >>> _shared_out([1, 50, 3], 10)
    [1, 6, 3]
    """
    given = [0] * len(wanted)
    while room > 0 and given != wanted:
        for at, count in enumerate(wanted):
            if given[at] < count and room > 0:
                given[at] += 1
                room -= 1
    return given


def _stage(step: Step, column: list[Box], room: int, expected: str) -> Stage:
    """The most important boxes in their own order: the expected queue, queues without consumers, reached queues, near misses."""
    rank = {"critical": 1, "missed": 3}
    order = sorted(column, key=lambda box: 0 if box.name == expected else rank.get(box.look, 2))
    near = [box for box in order if box.look == "missed"][MOST_NEAR:]
    kept = {box.id for box in [box for box in order if box not in near][:room]}
    beside = [box for box in column if box.id in kept]
    left = [box for box in column if box.id not in kept]
    queues, missed = sum(box.look != "missed" for box in left), sum(box.look == "missed" for box in left)
    counts = [f"{queues:,} more {'queue' if queues == 1 else 'queues'}"] if queues else []
    counts += [f"{missed:,} more near {'miss' if missed == 1 else 'misses'}"] if missed else []
    return Stage(Box(_exchange_id(step.exchange), step.exchange or "(default)", step.type), beside, ", ".join(counts))


def _arrows(answer: Explanation, step: Step) -> Iterable[Arrow]:
    """The arrows that leave one exchange, one for each target."""
    source, sure = _exchange_id(step.exchange), _sure(answer)
    found: dict[str, Arrow] = {}
    for one in step.bindings:
        queue = one.destination_type == "queue"
        target = _queue_id(one.destination) if queue else _exchange_id(one.destination)
        if _may_take(one, step) and found.get(target, NO_ARROW).kind not in ("way", "maybe"):
            maybe = step.unknown or step.perhaps or (queue and sure is not None and one.destination not in sure)
            label = "" if queue or step.type in ("fanout", "headers") else one.routing_key
            found[target] = Arrow(source, target, "maybe" if maybe else "way", label)
        elif one.near and not one.matched:
            target = target if queue else f"near exchange {one.destination}"
            found.setdefault(target, Arrow(source, target, "near"))
    alternate = step.alternate
    if alternate and alternate.used:
        found[_exchange_id(alternate.exchange)] = Arrow(source, _exchange_id(alternate.exchange), "way", "nothing matched")
    if not answer.queues and not answer.possible and all(arrow.kind == "near" for arrow in found.values()):
        found[NOWHERE] = Arrow(source, NOWHERE, "near")
    return found.values()


NO_ARROW = Arrow("", "", "")


def _sure(answer: Explanation) -> set[str] | None:
    """The queues of each possible result; None where there is only one."""
    return set.intersection(*(set(result) for result in answer.one_of)) if answer.one_of else None


def _exchange_id(name: str) -> str:
    return f"exchange {name}"


def _queue_id(name: str) -> str:
    return f"queue {name}"
