"""The whole story of a message in a virtual host as it is known: the broker's rules, and who consumes what is reached.

Pure. `dashboard.why.loaded_vhost` gathers the virtual host; the rules are in `brokers.routing`. Tasks are in `task_explanations`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from brokers.routing.definitions import NEEDS_ADMINISTRATOR, Right
from brokers.routing.questions import answer_in
from brokers.routing.virtual_host import VirtualHostRouter
from brokers.routing.what_if.changed import changed_router
from brokers.routing.what_if.changes import listed, read_changes
from brokers.routing.what_if.comparison import compared
from brokers.topology import BindingDefinition, ExchangeDefinition, PolicyDefinition, QueueDefinition, Topology
from dashboard.layout.consumer_workers import Consuming

JSON = dict[str, Any]


class WorkerBehind(msgspec.Struct, frozen=True):
    """A worker node that consumes a queue. `id` None: we have no row of it; `exact` False: probably this one. The numbers are None while unknown, as
    those of a node that is gone are; `free_slots` are the slots that run nothing."""

    id: int | None
    hostname: str
    exact: bool
    concurrency: int | None = None
    free_slots: int | None = None
    prefetch: int | None = None


class Slots(msgspec.Struct, frozen=True):
    """How much a worker node can take now; None: unknown."""

    concurrency: int | None
    free: int | None
    prefetch: int | None


UNKNOWN_SLOTS = Slots(None, None, None)


class Place(msgspec.Struct):
    """A virtual host as it is known. `consumers` and `workers` are by queue; a queue that `consumers` lacks, or None: unknown.
    `unknown` are sentences on what can't be seen, each of which takes certainty away. `rights` None: what users may write to is not known, for the
    reason in `rights_unknown`; that takes certainty away only where a user is named."""

    topology: Topology
    version: str | None
    consumers: Mapping[str, int | None]
    workers: Mapping[str, Sequence[WorkerBehind]]
    unknown: Sequence[str] = ()
    rights: tuple[Right, ...] | None = None
    rights_unknown: str = NEEDS_ADMINISTRATOR

    made: tuple[Topology, VirtualHostRouter] | None = None

    def router(self) -> VirtualHostRouter:
        """Ready for any number of questions; its indexes are made once."""
        if self.made is None or self.made[0] is not self.topology:
            self.made = self.topology, VirtualHostRouter.from_topology(self.topology, self.version, self.rights, self.rights_unknown)
        return self.made[1]


def topology_of(vhost: str, exchanges: Iterable[Any], queues: Iterable[Any], bindings: Iterable[Any], policies: Iterable[Any]) -> Topology:
    """The topology of rows that have the fields of `brokers.topology`."""
    return Topology(
        vhost,
        tuple(ExchangeDefinition(row.name, row.type, internal=bool(row.internal), arguments=row.arguments or {}) for row in exchanges),
        tuple(_queue(row) for row in queues),
        tuple(BindingDefinition(row.source, row.destination, row.destination_type, row.routing_key, row.arguments or {}) for row in bindings),
        tuple(PolicyDefinition(row.name, row.pattern, row.apply_to, row.priority, row.definition or {}, row.operator) for row in policies),
    )


def _queue(row: Any) -> QueueDefinition:
    """What is unknown of a queue is taken as usual: durable, not exclusive."""
    durable = True if row.durable is None else row.durable
    return QueueDefinition(row.name, row.type or "", durable, bool(row.auto_delete), bool(row.exclusive), row.arguments or {})


def workers_behind(consuming: Iterable[Consuming], slots: Mapping[int, Slots]) -> list[WorkerBehind]:
    """The worker nodes among the consumers, each once, by name; a sure sign counts more than a guess. `slots` by the worker's id."""
    found: dict[str, WorkerBehind] = {}
    for one in consuming:
        if one.hostname and (one.hostname not in found or one.exact):
            has = slots.get(one.worker_id, UNKNOWN_SLOTS) if one.worker_id is not None else UNKNOWN_SLOTS
            found[one.hostname] = WorkerBehind(one.worker_id, one.hostname, one.exact, has.concurrency, has.free, has.prefetch)
    return [found[name] for name in sorted(found)]


def explain_message(place: Place, asked: Mapping[str, Any]) -> JSON:
    """The contract's answer, with consumers and workers; with `what_if` in the question, also after these changes. Raises InvalidQuestion."""
    router = place.router()
    answer = seen(answer_in(router, asked), place)
    changes = read_changes(listed(asked))
    return {**answer, "what_if": compared(answer, seen(answer_in(changed_router(router, changes), asked), place))} if changes else answer


def seen(answer: JSON, place: Place) -> JSON:
    """The answer with who takes from its queues, and with what can't be seen."""
    for one in answer["after"]:
        one["consumers"] = place.consumers.get(one["queue"], one["consumers"])
        behind = place.workers.get(one["queue"])
        if one["consumers"] is not None:
            one["workers"] = [msgspec.structs.asdict(worker) for worker in behind or ()]
    waits = [one["queue"] for one in answer["after"] if one["consumers"] == 0]
    if waits:
        answer["text"] += f" Nobody consumes {', '.join(waits[:5])}{' and others' if len(waits) > 5 else ''}: it waits there."
    if place.unknown:
        answer["certain"] = False
        answer["text"] += f" This is not certain: {' '.join(place.unknown)}"
    return answer
