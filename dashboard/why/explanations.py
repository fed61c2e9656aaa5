"""Explains a message in a loaded virtual host: the broker's rules, and the consumers of the queues it reaches.

Pure. `dashboard.why.loaded_vhost` loads the virtual host; the rules are in `brokers.routing`. Tasks are in `task_explanations`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from brokers.routing.answer import AfterQueue, ConsumingWorker, Explanation
from brokers.routing.definitions import NEEDS_ADMINISTRATOR, Right
from brokers.routing.questions import answer_in
from brokers.routing.virtual_host import Reported, VirtualHostRouter
from brokers.routing.what_if.changed import changed_router
from brokers.routing.what_if.changes import listed, read_changes
from brokers.routing.what_if.comparison import compared
from brokers.topology import BindingDefinition, ExchangeDefinition, PolicyDefinition, QueueDefinition, Topology
from dashboard.layout.consumer_workers import Consuming


class Slots(msgspec.Struct, frozen=True):
    """The capacity of a worker; None: unknown."""

    concurrency: int | None
    free: int | None
    prefetch: int | None


UNKNOWN_SLOTS = Slots(None, None, None)


class LoadedVhost(msgspec.Struct):
    """A virtual host loaded for explanations. `consumers` and `workers` are by queue; missing or None in `consumers`: unknown.
    `unknown`: reasons why answers are not certain, as sentences. `rights` None: write permissions are unknown, for the reason in
    `rights_unknown`; that matters only for questions that name a user. `reported`: the policies in force as the broker reports them, None for
    the past; `unreported`: queues for which it may not have reported them yet. `default_type`: of durable, shared queues that are declared without a
    type, "" unknown."""

    topology: Topology
    version: str | None
    consumers: Mapping[str, int | None]
    workers: Mapping[str, Sequence[ConsumingWorker]]
    unknown: Sequence[str] = ()
    rights: tuple[Right, ...] | None = None
    rights_unknown: str = NEEDS_ADMINISTRATOR
    reported: Reported | None = None
    unreported: frozenset[str] = frozenset()
    default_type: str = ""

    made: tuple[Topology, VirtualHostRouter] | None = None

    @property
    def facts(self) -> tuple[Any, ...]:
        """What a router is built from besides the topology."""
        return self.version, self.rights, self.reported, self.unreported

    def router(self) -> VirtualHostRouter:
        """The router, reusable for any number of questions; built once."""
        if self.made is None or self.made[0] is not self.topology:
            self.made = (
                self.topology,
                VirtualHostRouter.from_topology(self.topology, self.version, self.rights, self.rights_unknown, self.reported, self.unreported),
            )
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
    """The queue; unknown properties are taken as usual: durable, not exclusive."""
    durable = True if row.durable is None else row.durable
    return QueueDefinition(row.name, row.type or "", durable, bool(row.auto_delete), bool(row.exclusive), row.arguments or {})


def consuming_workers(consuming: Iterable[Consuming], slots: Mapping[int, Slots]) -> list[ConsumingWorker]:
    """The workers among the consumers, each once, by name; an exact match takes precedence over a guess. `slots` by the worker's id."""
    found: dict[str, ConsumingWorker] = {}
    for one in consuming:
        if one.hostname and (one.hostname not in found or one.exact):
            has = slots.get(one.worker_id, UNKNOWN_SLOTS) if one.worker_id is not None else UNKNOWN_SLOTS
            found[one.hostname] = ConsumingWorker(one.worker_id, one.hostname, one.exact, has.concurrency, has.free, has.prefetch)
    return [found[name] for name in sorted(found)]


def explain_message(loaded: LoadedVhost, question: Mapping[str, Any]) -> Explanation:
    """The answer, with consumers and workers; with `what_if` in the question, also after these changes. Raises InvalidQuestion."""
    router = loaded.router()
    answer = with_consumers(answer_in(router, question), loaded)
    changes = read_changes(listed(question))
    if not changes:
        return answer
    after = with_consumers(answer_in(changed_router(router, changes), question), loaded)
    return msgspec.structs.replace(answer, what_if=compared(answer, after))


def with_consumers(answer: Explanation, loaded: LoadedVhost) -> Explanation:
    """The answer with the consumers of its queues and the reasons why it is not certain."""
    found = msgspec.structs.replace(answer, after=[_with_consumers(one, loaded) for one in answer.after])
    text, waits = found.text, found.idle
    if waits:
        text += f" Nobody consumes {', '.join(waits[:5])}{' and others' if len(waits) > 5 else ''}: it waits there."
    if loaded.unknown:
        text += f" This is not certain: {' '.join(loaded.unknown)}"
    return msgspec.structs.replace(found, text=text, certain=found.certain and not loaded.unknown)


def _with_consumers(one: AfterQueue, loaded: LoadedVhost) -> AfterQueue:
    consumers = loaded.consumers.get(one.queue, one.consumers)
    workers = None if consumers is None else list(loaded.workers.get(one.queue, ()))
    return msgspec.structs.replace(one, consumers=consumers, workers=workers)
