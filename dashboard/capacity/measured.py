"""The capacity of virtual hosts, measured over a window: how long each queue lasts and what would empty it, and which nodes are idle or overloaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from brokers import queries
from brokers.models import Queue
from brokers.scope import Scope
from dashboard.capacity.drain import Drain, drain, more_processes, per_slot_second
from dashboard.capacity.loaded import Loaded
from dashboard.capacity.node_load import NodeLoad, QueueState, node_load
from dashboard.layout.waiting import Waiting
from dashboard.layout.waiting_queues import waiting_of
from workers.models import Worker

POINTS = 120
ONLY_BETWEEN_TASKS = "tasks ended on it; how much of the time it ran one is unknown, since a solo pool reports nothing while it does"
_OF_NODES = ("active", "concurrency", "reserved", "succeeded_per_second", "failed_per_second")
Course = Sequence[float | None]


class Span(msgspec.Struct, frozen=True):
    """A window, or a time until when a queue is to be empty; `key` is what the address holds."""

    key: str
    seconds: int
    words: str


WINDOWS = (Span("5m", 300, "5 min"), Span("1h", 3600, "1 h"))
WITHIN = (Span("15m", 900, "15 min"), Span("1h", 3600, "1 h"), Span("6h", 21600, "6 h"))


def chosen(text: str | None, spans: Sequence[Span], usual: int = 0) -> Span:
    """The span that the address names; the usual one otherwise."""
    return next((one for one in spans if one.key == text), spans[usual])


class QueueCapacity(msgspec.Struct):
    """`processes`: how many more empty it within the time, None where unknown; `per_slot`: what one used slot of its nodes ends a second. `held`: messages
    in the memory of its nodes until their ETA, which no rate empties; `drain` is that of the others."""

    queue: Queue
    waiting: Waiting | None
    drain: Drain
    nodes: list[Worker]
    per_slot: float | None = None
    processes: int | None = None
    others: int = 0
    held: int = 0


class NodeCapacity(msgspec.Struct):
    worker: Worker
    load: NodeLoad
    queues: list[str]


class Measured(msgspec.Struct):
    """Of one virtual host."""

    place: Loaded
    queues: list[QueueCapacity]
    nodes: list[NodeCapacity]


def measured(scope: Scope, places: Sequence[Loaded], window: Span, within: Span, now: datetime) -> list[Measured]:
    """Each virtual host with what its history of the window shows; queues that are empty and that no node consumes are left out."""
    found = []
    for place in places:
        shown = {name: queue for name, queue in place.queues.items() if queue.depth != 0 or place.consuming.get(name)}
        waiting = waiting_of(scope, shown.values(), place.workers)
        rates = _courses(scope, place, "queues", [queue.pk for queue in shown.values()], ("publish_per_second", "ack_per_second"), window, now)
        slots = _courses(scope, place, "workers", [worker.pk for worker in place.workers], _OF_NODES, window, now)
        queues = [_queue(place, queue, waiting.get(queue.pk), rates, slots, within) for queue in shown.values() if queue.type != "stream"]
        states = {one.queue.name: _state(one) for one in queues}
        found.append(Measured(place, queues, [_node(place, worker, slots, states) for worker in place.workers]))
    return found


_Courses = Mapping[str, Mapping[int, Course]]


def _courses(scope: Scope, place: Loaded, kind: str, ids: Sequence[int], metrics: Sequence[str], window: Span, now: datetime) -> _Courses:
    if not ids:
        return {metric: {} for metric in metrics}
    step = max(5.0, window.seconds / POINTS)
    begin = now - timedelta(seconds=window.seconds)
    return queries.histories(scope, place.broker.pk, kind, ids, metrics, begin, now, step)[1]


def _queue(place: Loaded, queue: Queue, waiting: Waiting | None, rates: _Courses, slots: _Courses, within: Span) -> QueueCapacity:
    nodes = [worker for worker in place.workers if queue.name in place.consumed_by(worker)]
    held = min((waiting.count("scheduled") if waiting else None) or 0, queue.depth or 0)
    depth = None if queue.depth is None else queue.depth - held
    found = drain(depth, rates["publish_per_second"][queue.pk], rates["ack_per_second"][queue.pk])
    ended = [_ended(slots, worker.pk) for worker in nodes]
    per_slot = per_slot_second(ended, [_active(slots, worker) for worker in nodes])
    known = {worker.pk for worker in nodes}
    others = sum(one.worker_id not in known for one in place.consuming.get(queue.name, ()))
    return QueueCapacity(queue, waiting, found, nodes, per_slot, more_processes(found, depth, per_slot, within.seconds), others, held)


def _ended(slots: _Courses, pk: int) -> list[float | None]:
    """Tasks that a node ended a second, whichever their end."""
    pairs = zip(slots["succeeded_per_second"][pk], slots["failed_per_second"][pk], strict=True)
    return [None if succeeded is None or failed is None else succeeded + failed for succeeded, failed in pairs]


def _active(slots: _Courses, worker: Worker) -> Course:
    """Its used slots, unknown for the pool solo: while it runs a task it sends no heartbeat and answers nothing, so that what it reports is always 0."""
    reported = slots["active"][worker.pk]
    return [None] * len(reported) if worker.pool == "solo" else reported


def _state(one: QueueCapacity) -> QueueState:
    known = one.drain.publish is not None and one.drain.ack is not None
    return QueueState(
        one.queue.name, None if one.queue.depth is None else one.queue.depth - one.held, (one.drain.publish or 0) > (one.drain.ack or 0) if known else None
    )


def _node(place: Loaded, worker: Worker, slots: _Courses, states: Mapping[str, QueueState]) -> NodeCapacity:
    names = place.consumed_by(worker)
    queues = None if worker.queues is None and not names else [states.get(name, QueueState(name, place.queues[name].depth)) for name in names]
    if worker.state == Worker.ONLINE and worker.pool == "solo" and any(_ended(slots, worker.pk)):
        return NodeCapacity(worker, NodeLoad("busy", reason=ONLY_BETWEEN_TASKS), names)
    load = node_load(slots["active"][worker.pk], slots["concurrency"][worker.pk], slots["reserved"][worker.pk], queues)
    return NodeCapacity(worker, load if worker.state == Worker.ONLINE else NodeLoad("unknown", reason=worker.reason or worker.state), names)
