"""What rules about queues look at beside the rows of the queues: who consumes them, what is usual, where dead letters go, and what Celery reports of tasks.

Pure. `dashboard.findings.gathered_queues` reads it; tests make it by hand.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from brokers.usuals import QueueUsuals
from dashboard.findings.losses import Flow

if TYPE_CHECKING:
    from brokers.models import Queue

Name = tuple[str, str]
"""(virtual host, queue)."""


class DeadLetterSource(msgspec.Struct, frozen=True):
    """A queue whose dead letters may arrive in another one. `certain`: whatever their routing key is."""

    pk: int
    name: str
    exchange: str
    certain: bool


class VersionFacts(msgspec.Struct, frozen=True):
    """Of a virtual host what newer versions of the broker refuse or ignore: names of queues and policies, the first few of so many."""

    vhost: str
    transient: int = 0
    transient_names: Sequence[str] = ()
    mirrored_policies: Sequence[str] = ()
    global_prefetch: int = 0
    """Channels with consumers and a prefetch count that all of them share."""


class HeldTask(msgspec.Struct, frozen=True):
    """A task that a worker node received and has not begun, so that its message is unacknowledged."""

    vhost: str
    worker: str
    uuid: str
    name: str
    queue: str
    received_at: datetime
    eta: datetime | None


class SilentExchange(msgspec.Struct, frozen=True):
    """An exchange that takes more messages than it passes on, and routing keys of tasks that reached no queue from there."""

    pk: int
    vhost: str
    name: str
    in_per_second: float
    out_per_second: float
    keys: Sequence[str] = ()
    tasks: Sequence[str] = ()


class QueueContext(msgspec.Struct, frozen=True):
    """`consuming`: the host names of the worker nodes that consume a queue, where their connections show them. `usuals` by the key of a queue.
    `dead_letters`: by queue those whose dead letters may arrive there; `sources`: their rows by key, where it grows. `quorum_queues`
    are those that a worker is configured to consume, `consumer_limits` how many messages their consumers may hold.
    `waiting`: names of tasks that wait in a queue that no node consumes.
    `unroutable_per_second`: over the latest polls, of which `unroutable_polls` had any; None while nothing is unroutable, or not for long enough to know where:
    at `silent_exchanges`. `flows`: of all exchanges over the same polls."""

    consuming: Mapping[Name, Collection[str]] = {}
    usuals: Mapping[int, QueueUsuals] = {}
    dead_letters: Mapping[Name, Sequence[DeadLetterSource]] = {}
    sources: Mapping[int, Queue] = {}
    versions: Sequence[VersionFacts] = ()
    quorum_queues: Sequence[Queue] = ()
    consumer_limits: Mapping[Name, int] = {}
    waiting: Mapping[Name, Sequence[str]] = {}
    unroutable_per_second: float | None = None
    unroutable_polls: int = 0
    silent_exchanges: Sequence[SilentExchange] = ()
    flows: Sequence[Flow] = ()
    held: Sequence[HeldTask] = ()
    consumer_timeout: timedelta | None = None
    unmoved: Mapping[int, datetime] = {}
    """By the key of a queue, since when it holds the same messages unacknowledged."""

    def dead_letters_of(self, vhost: str, name: str) -> Sequence[DeadLetterSource]:
        """The queues whose dead letters may arrive in this one."""
        return self.dead_letters.get((vhost, name), ())
