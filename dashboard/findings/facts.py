"""What rules look at: one broker as it is stored now, and what Hareline's processes report. `facts_of` reads it; tests make it by hand.

Rows are models, to be read only. Of ten thousand queues only those are here that may be in trouble or have an open finding (`candidate_queues`), so that a
round costs little.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from dashboard.connections.growth import Growth, rise
from dashboard.findings.counters import Risen
from dashboard.findings.drift import Drift
from dashboard.findings.installation import Installation
from dashboard.findings.outcomes import TaskOutcomes
from dashboard.findings.passage import Passage
from dashboard.findings.queue_context import QueueContext
from dashboard.findings.rule import Found, Object, identity
from dashboard.findings.topology_faults import TopologyFault
from dashboard.findings.worker_groups import WorkerGroups

if TYPE_CHECKING:
    from brokers.models import Broker, Change, ClientTrend, Connection, Consumer, Heartbeat, Node, PollAttempt, Queue, Transfer, VirtualHost
    from brokers.queries.for_findings import BusyQueue, ClosedClient
    from dashboard.findings.missed_runs import Expected
    from dashboard.models import Target
    from workers.models import EventSource, Worker
    from workers.queries.held_tasks import HeldTasks


@dataclass
class Facts:
    """`broker` is None in the round that looks at Hareline itself. `queues` are candidates, each with its `broker`; `consumers` are those of the candidates
    only. `open_objects` are the objects of open findings, by rule. `found` are the findings of this round of the rules that looked before."""

    now: datetime
    broker: Broker | None = None
    vhosts: Sequence[VirtualHost] = ()
    nodes: Sequence[Node] = ()
    queues: Sequence[Queue] = ()
    workers: Sequence[Worker] = ()
    sources: Sequence[EventSource] = ()
    consumers: Sequence[Consumer] = ()
    transfers: Sequence[Transfer] = ()
    trends: Sequence[ClientTrend] = ()
    attempts: Sequence[PollAttempt] = ()
    changes: Sequence[Change] = ()
    beats: Sequence[Heartbeat] = ()
    failing_targets: Sequence[Target] = ()  # of notifications
    unusable_targets: Sequence[tuple[str, str, datetime]] = ()
    """Of notifications, those of which nothing can be planned: (name, why, since when)."""
    context: QueueContext = field(default_factory=QueueContext)
    open_objects: Mapping[str, Sequence[Object]] = field(default_factory=dict)
    found: list[Found] = field(default_factory=list)
    gone_for: timedelta = timedelta(hours=24)
    """After so long a worker that is gone is no longer listed."""
    outcomes: Sequence[TaskOutcomes] = ()
    risen: Mapping[tuple[str, int], Risen] = field(default_factory=dict)
    """By how much a counter has risen lately: ("lost of worker", primary key), ("refused", primary key of an event source)."""
    expected: Sequence[Expected] = ()
    """Periodic tasks, and which of their moments had no run."""
    drift: Sequence[Drift] | None = None  # None: not known yet
    passage: Passage | None = None  # None: nothing is known of it
    installation: Installation | None = None  # in the round about Hareline itself
    topology_faults: Sequence[TopologyFault] | None = None  # None: not known yet
    busy_queues: Callable[[float], Sequence[BusyQueue]] = lambda _: ()
    """The queues of which at least so many messages a second are acknowledged."""
    consuming_nodes: Callable[[str, str], Collection[str]] = lambda _, __: ()
    """Read only of busy queues, by (virtual host, queue): the worker nodes, or hosts of other clients, that consume it."""
    only_connections: Callable[[], Sequence[Connection]] = tuple
    """The connections that are the only one of their virtual host."""
    blocked: Callable[[], tuple[Sequence[Connection], int]] = lambda: ((), 0)
    """Read only where there is an alarm: the first connections of the broker that are blocked, and how many are."""
    closed_lately: Callable[[], Sequence[ClosedClient]] = tuple
    """Read only where there is churn: whose connections were closed lately."""
    names_now: Callable[[ClientTrend], Sequence[tuple[str, int, int]]] = lambda _: ()
    """Read only where a client leaks: [(name that it gave its connections, how many, their channels)]."""
    counted_now: Callable[[ClientTrend], tuple[int, int] | None] = lambda _: None
    """Read only of a client that may leak: (connections, channels) by the last list of them; None where that was not read."""
    rise: Callable[[ClientTrend], Growth | None] = rise
    """How the number of a client's connections or channels has risen until now; None where nothing looks like a leak."""
    held: Callable[[Worker], HeldTasks | None] = lambda _: None
    """The tasks that a worker has according to their rows; None where that was not read."""
    grouped: Callable[[Sequence[Worker]], WorkerGroups] = WorkerGroups
    """The worker nodes in the groups that rules look at."""
    explained: dict[tuple[str, int], str] = field(default_factory=dict)
    """{(kind, primary key): identity of the finding of this round that says the object is out of order}, for rules that look later."""

    @property
    def its_broker(self) -> Broker:
        """The broker, in a rule of RULES. Raises ValueError in the round about Hareline itself."""
        if self.broker is None:
            raise ValueError("this round is about no broker")
        return self.broker

    def identity(self, rule: str, object: Object, detail: str = "") -> str:
        return identity(rule, self.broker.name if self.broker else "", object, detail)

    @cached_property
    def groups(self) -> WorkerGroups:
        return self.grouped(self.workers)

    @cached_property
    def queues_by_key(self) -> dict[int | None, Queue]:
        return {queue.pk: queue for queue in self.queues}
