"""All that waits for a queue's workers, wherever it is: ready in the broker, prefetched into a worker's memory, held there until its ETA, or in Celery's
delay queues. Each message once.

Pure. What a worker has in its memory is unacknowledged in the broker, so that unacknowledged messages are never added to the sum: what is left of them is
shown beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from dashboard.layout import formatting


class HoldingNode(msgspec.Struct, frozen=True):
    """A worker node that consumes the queue: how many of its tasks it has prefetched, and holds until their ETA, None where unknown. `unplaced`: more that it
    has and that came from this queue or another one; `why` its numbers are old or unknown, "" while it answers."""

    hostname: str
    prefetched: int | None = None
    scheduled: int | None = None
    unplaced: int = 0
    at: datetime | None = None
    why: str = ""


class InDelayQueues(msgspec.Struct, frozen=True):
    """Messages in Celery's delay queues of the virtual host, None where unknown; `here`: those known to go to the queue, `elsewhere`: to others."""

    total: int | None = 0
    here: int = 0
    elsewhere: int = 0

    @property
    def unplaced(self) -> int:
        return max(0, (self.total or 0) - self.here - self.elsewhere)


class InBroker(msgspec.Struct, frozen=True):
    """What the broker reports of the queue, None where it doesn't. `postponed`: it waits there for its next delivery. `others`: consumers that are no worker
    node that Hareline knows."""

    ready: int | None = None
    unacknowledged: int | None = None
    postponed: int | None = None
    at: datetime | None = None
    others: int = 0


class Part(msgspec.Struct, frozen=True):
    """Where some wait. `added`: it is part of the sum. `at_least`: there may be more."""

    key: str
    label: str
    count: int | None
    source: str
    at: datetime | None = None
    added: bool = True
    at_least: bool = False

    @property
    def text(self) -> str:
        return _number(self.count, self.at_least)


class Waiting(msgspec.Struct, frozen=True):
    """`total` is None where it is unknown."""

    parts: tuple[Part, ...] = ()
    total: int | None = None
    at_least: bool = False
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return _number(self.total, self.at_least)

    def count(self, key: str) -> int | None:
        return next((part.count for part in self.parts if part.key == key), None)


def waiting(broker: InBroker, nodes: Sequence[HoldingNode], delayed: InDelayQueues) -> Waiting:
    """What waits for the queue's workers.

    >>> waiting(InBroker(ready=5, unacknowledged=3), [HoldingNode("a@b", 2, 1)], InDelayQueues()).text
    '8'
    """
    silent = [node for node in nodes if node.why]
    unplaced = sum(node.unplaced for node in nodes)
    prefetched, scheduled = _sum(node.prefetched for node in nodes), _sum(node.scheduled for node in nodes)
    rest = None if None in (broker.unacknowledged, prefetched, scheduled) else max(0, (broker.unacknowledged or 0) - (prefetched or 0) - (scheduled or 0))
    vague = bool(silent or unplaced)
    oldest = min((node.at for node in nodes if node.at is not None), default=None)
    delay = None if delayed.total is None else min(delayed.here, delayed.total)
    parts = [
        Part("ready", "Ready in the broker", broker.ready, "the broker’s last poll", broker.at),
        Part("prefetched", "Prefetched by workers", prefetched, "what each node answers to inspect reserved", oldest, at_least=vague),
        Part("scheduled", "Held by workers until their ETA", scheduled, "what each node answers to inspect scheduled", oldest, at_least=vague),
        Part("delayed", "In Celery’s delay queues", delay, _delay_source(delayed), broker.at, at_least=delayed.unplaced > 0),
        Part("rest", "Other unacknowledged", rest, "the rest of what the broker counts: run now, rate-limited, or with other programs", broker.at, added=False),
    ]
    if broker.postponed:
        parts.insert(1, Part("postponed", "Waiting for the next delivery", broker.postponed, "the broker’s last poll", broker.at))
    if broker.ready is None:
        return Waiting(tuple(parts), None, False, ("The broker does not report how many messages are ready.",))
    total = sum(part.count or 0 for part in parts if part.added)
    hidden = bool(broker.others and (rest is None or rest > 0))
    at_least = vague or hidden or delayed.total is None or delayed.unplaced > 0 or prefetched is None or scheduled is None
    return Waiting(tuple(parts), total, at_least, tuple(_notes(silent, unplaced, hidden, delayed)))


def _notes(silent: Sequence[HoldingNode], unplaced: int, hidden: bool, delayed: InDelayQueues) -> Iterable[str]:
    if silent:
        verb = "does" if len(silent) == 1 else "do"
        yield f"{formatting.listed(sorted(node.hostname for node in silent))} {verb} not answer: what it holds is not known, or old."
    if unplaced:
        yield f"{formatting.count(unplaced, 'task')} in the memory of these nodes came from this queue or another one that they consume."
    if hidden:
        yield "Some consumers are no worker nodes that Hareline knows: what they hold may wait too."
    if delayed.total is None:
        yield "How many messages are in Celery’s delay queues is unknown."
    elif delayed.unplaced:
        yield f"{formatting.count(delayed.unplaced, 'message')} in Celery’s delay queues may go here: no task-sent event names where."


def _delay_source(delayed: InDelayQueues) -> str:
    if not delayed.total:
        return "the broker’s last poll"
    return f"task-sent events name the queue of {min(delayed.total, delayed.here + delayed.elsewhere):,} of {formatting.count(delayed.total, 'message')} there"


def _sum(counts: Iterable[int | None]) -> int | None:
    """Of those that are known; None where there are some and none is."""
    found = list(counts)
    known = [count for count in found if count is not None]
    return sum(known) if known or not found else None


def _number(count: int | None, at_least: bool) -> str:
    if count is None:
        return "unknown"
    return f"at least {count:,}" if at_least else f"{count:,}"
