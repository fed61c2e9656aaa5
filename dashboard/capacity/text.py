"""Capacity in sentences. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from dashboard.capacity.drain import Drain
from dashboard.capacity.measured import NodeCapacity, QueueCapacity, Span
from dashboard.layout import formatting
from dashboard.layout.waiting import Waiting
from dashboard.workers.row import pool_text


def drain_text(found: Drain, held: int = 0) -> str:
    """When the queue is empty; `held`: messages that its nodes hold until their ETA.

    >>> drain_text(Drain("drains", 60.0, 30.0, None))
    'in 1 min'
    """
    if found.outcome == "unknown":
        return "unknown"
    if found.outcome == "empty":
        return "empty but for tasks with an ETA" if held else "empty now"
    if found.outcome == "keeps_up":
        return "keeps up"
    return "never at this rate" if found.seconds is None else f"in {formatting.duration(found.seconds)}"


def range_text(found: Drain) -> str:
    """The range around it, or why it is unknown; "" for an empty queue.

    >>> range_text(Drain("drains", 60.0, 30.0, None))
    '30 s at the fastest, never at the slowest'
    """
    if found.outcome == "unknown":
        return found.why
    if found.outcome == "empty":
        return ""
    if found.outcome == "keeps_up":
        return "what is there leaves within seconds"
    if found.soonest == found.latest:
        return "nor at the fastest" if found.soonest is None else "throughout the window"
    soonest, latest = ("never" if seconds is None else formatting.duration(seconds) for seconds in (found.soonest, found.latest))
    return f"{soonest} at the fastest, {latest} at the slowest"


def parts_text(found: Waiting) -> str:
    """Where those that wait are, beside their sum; a single number is not repeated.

    >>> from dashboard.layout.waiting import Part
    >>> parts_text(Waiting((Part("ready", "Ready in the broker", 2, ""), Part("scheduled", "Held by workers until their ETA", 3, "")), 5))
    '2 ready in the broker, 3 held by workers until their ETA'
    >>> parts_text(Waiting((Part("scheduled", "Held by workers until their ETA", 3, ""),), 3))
    'held by workers until their ETA'
    """
    parts = [part for part in found.parts if part.added and part.count]
    labels = [f"{part.label[0].lower()}{part.label[1:]}" for part in parts]
    if [part.text for part in parts] == [found.text]:
        return labels[0]
    return ", ".join(f"{part.text} {label}" for part, label in zip(parts, labels, strict=True))


def level(one: QueueCapacity) -> str:
    """A word of `dashboard.layout.levels`."""
    return {"empty": "ok", "keeps_up": "ok", "drains": "ok", "never": "warning", "unknown": "unknown"}[one.drain.outcome]


def processes_text(one: QueueCapacity, within: Span, now: datetime) -> str:
    """What would empty it in time.

    >>> from brokers.models import Queue
    >>> processes_text(QueueCapacity(Queue(depth=9), None, Drain("never"), [], 0.5, 3), Span("1h", 3600, "1 h"), datetime(2026, 1, 1, 13, 20))
    '3 more processes would empty it by 14:20'
    """
    by = f"{now + timedelta(seconds=within.seconds):%H:%M}"
    if one.drain.outcome in ("empty", "keeps_up"):
        return ""
    if one.processes == 0:
        return f"empty by {by} without more"
    if one.processes is None:
        return f"unknown: {_why_unknown(one)}"
    verb = "more process would empty it by" if one.processes == 1 else "more processes would empty it by"
    return f"{one.processes:,} {verb} {by}"


def _why_unknown(one: QueueCapacity) -> str:
    if one.drain.outcome == "unknown":
        return one.drain.why
    if not one.nodes:
        return "no worker node consumes it"
    return "no task of its nodes ended in this window, or they send no task events"


def node_text(one: NodeCapacity) -> str:
    """How it is loaded: "all slots were used, and its queues grow (mail)"."""
    behind = f" ({formatting.listed(one.load.behind)})" if one.load.behind else ""
    return f"{one.load.reason}{behind}"


def advice(one: NodeCapacity, nodes: Sequence[NodeCapacity], queues: Sequence[QueueCapacity]) -> str:
    """What it could do; "" where nothing is to be done."""
    worker = one.worker
    if one.load.word == "idle":
        late = [queue.queue.name for queue in queues if queue.drain.outcome == "never" and queue.queue.name not in one.queues]
        return f"It could consume {formatting.listed(late)} too, if its application has these tasks." if late else ""
    if one.load.word != "overloaded":
        return ""
    if worker.autoscale_max is not None and worker.concurrency is not None and worker.concurrency < worker.autoscale_max:
        return f"Its autoscaler may add {worker.autoscale_max - worker.concurrency:,} to {pool_text(worker)}."
    idle = [other.worker.hostname for other in nodes if other.load.word == "idle"]
    if idle:
        return f"{formatting.listed(idle)} {'is' if len(idle) == 1 else 'are'} idle and could consume {formatting.listed(one.load.behind or one.queues)}."
    if worker.pool == "solo":
        return "Its pool runs one task at a time: another node, or another pool, would take more."
    return "More processes, or another node for its queues, would take more."
