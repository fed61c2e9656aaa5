"""Reads what rules about queues look at beside the candidates, each only where something may be wrong, and what changes rarely only now and then."""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings

from brokers import usual_hours
from brokers.models import Broker, Queue
from brokers.queries import standing_queues as standing
from brokers.queries import usuals as stored_usuals
from brokers.queries.troubled_queues import troubled_queues
from brokers.routing.past import is_delay_level
from dashboard.findings import dead_letter_paths
from dashboard.findings.losses import Flow, Losses, Lost
from dashboard.findings.queue_context import DeadLetterSource, HeldTask, Name, QueueContext, SilentExchange, VersionFacts
from dashboard.findings.unmoved import Unmoved
from dashboard.findings.worker_groups import WorkerGroups
from dashboard.layout import queue_levels
from workers.celery_names import DEFAULT
from workers.models import Worker
from workers.queries import stranded_tasks

log = structlog.get_logger(__name__)

READ_AGAIN = timedelta(minutes=1)
TASKS_READ_AGAIN = timedelta(seconds=5)
HELD_READ_AGAIN = timedelta(seconds=15)
"""Of a short consumer timeout sooner: a twentieth of it."""
MOST_NAMED, MOST_WAITING, MOST_TARGETS, MOST_SOURCES = 5, 20, 500, 200
MOST_READ_AGAIN = 2
UNROUTED_WITHIN = timedelta(minutes=10)
WAITS_FROM = 0.5
"""From which share of the consumer timeout on the tasks that are held are read: rules decide."""


class QueueReader:
    """Of one broker; keeps what changes rarely. For one thread."""

    def __init__(self) -> None:
        self._read_at: datetime | None = None
        self._topology_at: datetime | None = None
        self._dead_letters: Mapping[Name, Sequence[DeadLetterSource]] = {}
        self._targets: Collection[int] = ()
        self._limited: Mapping[int, int] = {}
        self._own_timeouts: Mapping[int, timedelta] = {}
        self._versions: Sequence[VersionFacts] = ()
        self._quorum: frozenset[Name] = frozenset()
        self._usuals: tuple[datetime, usual_hours.Numbers] | None = None
        self._usuals_read_at: datetime | None = None
        self._held: tuple[datetime, Sequence[HeldTask]] | None = None
        self._waiting_names: Mapping[Name, tuple[datetime, Sequence[str]]] = {}
        self._losses, self._unmoved = Losses(), Unmoved()

    def candidates(self, broker: Broker, also: Collection[int], now: datetime) -> list[Queue]:
        """The queues that may be in trouble, and those of `also`, by primary key."""
        if self._is_old(broker, now):
            self._read(broker, now)
        return troubled_queues(broker, {*also, *self._targets, *self._own_timeouts}, self._limited, self._shortest(broker) is not None, now)

    def _shortest(self, broker: Broker) -> timedelta | None:
        """The shortest consumer timeout of the broker and of queues with one of their own; None where all wait for ever."""
        return min((one for one in (consumer_timeout(broker), *self._own_timeouts.values()) if one is not None), default=None)

    def context(self, broker: Broker, queues: Sequence[Queue], workers: WorkerGroups, now: datetime) -> QueueContext:
        """What belongs to these candidates."""
        shortest = self._shortest(broker)
        growing = [queue for queue in queues if (queue.growth_per_second or 0) > 0]
        lost = self._losses.read(broker.polled_at, broker.unroutable_per_second, lambda: _flows(broker))
        sources = [source.pk for queue in growing for source in self._dead_letters.get((queue.vhost, queue.name), ())][:MOST_SOURCES]
        quorum = self._quorum_queues(broker, workers.workers)
        return QueueContext(
            consuming=_consuming(broker, queues),
            usuals=self._usuals_of(broker, queues, now),
            dead_letters=self._dead_letters,
            sources=standing.queues_by_keys(broker, set(sources)),
            versions=self._versions,
            quorum_queues=quorum,
            consumer_limits=standing.consumer_limits(broker, quorum) if quorum else {},
            waiting=self._waiting(broker, queues, workers.by_queue, now),
            unroutable_per_second=lost.per_second if lost is not None else None,
            unroutable_polls=lost.polls if lost is not None else 0,
            silent_exchanges=_silent(broker, lost, now),
            flows=lost.flows if lost is not None else (),
            held=self._held_tasks(broker, shortest, now) if shortest is not None else (),
            consumer_timeout=consumer_timeout(broker),
            unmoved=self._unmoved.read(queues) if shortest is not None else {},
        )

    def _is_old(self, broker: Broker, now: datetime) -> bool:
        return self._read_at is None or self._topology_at != broker.topology_at or not timedelta(0) <= now - self._read_at < READ_AGAIN

    def _read(self, broker: Broker, now: datetime) -> None:
        found = standing.standing_queues(broker)
        self._dead_letters = _dead_letters(broker, found)
        keys = standing.queue_keys(broker, sorted({name for _, name in self._dead_letters})) if self._dead_letters else {}
        self._targets = [pk for name, pk in keys.items() if name in self._dead_letters][:MOST_TARGETS]
        limits = {one.pk: limit for one in found if isinstance(limit := one.settings.get("max-length"), int)}
        self._limited = dict(list(limits.items())[:MOST_TARGETS])
        timeouts = {one.pk: timedelta(milliseconds=own) for one in found if type(own := one.settings.get("consumer-timeout")) is int}
        self._own_timeouts = dict(list(timeouts.items())[:MOST_TARGETS])
        self._versions = _versions(broker)
        self._read_at, self._topology_at = now, broker.topology_at

    def _usuals_of(self, broker: Broker, queues: Sequence[Queue], now: datetime) -> Mapping[int, Any]:
        if self._usuals_read_at is None or not timedelta(0) <= now - self._usuals_read_at < READ_AGAIN:
            self._usuals_read_at = now
            at = stored_usuals.usuals_at(broker.pk)
            if at is None:
                self._usuals = None
            elif self._usuals is None or self._usuals[0] != at:
                try:
                    self._usuals = (at, usual_hours.decode(stored_usuals.usuals_data(broker.pk)))
                except ValueError as error:  # it is learned again with the next hour
                    log.warning("what is usual could not be read", broker=broker.name, reason=str(error))
                    self._usuals = None
        return usual_hours.usuals_of(self._usuals[1], [queue.pk for queue in queues]) if self._usuals and queues else {}

    def _quorum_queues(self, broker: Broker, workers: Sequence[Worker]) -> Sequence[Queue]:
        """Those that workers with a problem there are configured to consume: an old Celery, or tasks held until their ETA."""
        names = {
            (worker.vhost, str(one.get("name")))
            for worker in workers
            if worker.state != Worker.GONE and ((worker.scheduled or 0) > 0 or str((worker.software or {}).get("version", "9")) < "5.5")
            for one in worker.queues or ()
        }
        return standing.quorum_queues(broker, names) if names else ()

    def _waiting(self, broker: Broker, queues: Sequence[Queue], configured: Container[Name], now: datetime) -> Mapping[Name, Sequence[str]]:
        """Only of queues that nobody consumes, consumed or is configured to; the tasks of each are read anew after a while, of some in each round."""
        nobody = [queue for queue in queues if queue_levels.nobody_takes(queue) and not queue.last_consumers and not is_delay_level(queue.name)]
        if not nobody:
            return {}
        names = [name for queue in nobody[:MOST_WAITING] if (name := (queue.vhost, queue.name)) not in configured]
        kept = {name: self._waiting_names[name] for name in names if name in self._waiting_names}
        old = [name for name in names if name not in kept or not timedelta(0) <= now - kept[name][0] < (READ_AGAIN if kept[name][1] else TASKS_READ_AGAIN)]
        old.sort(key=lambda name: (name in kept, kept[name][0] if name in kept else now))  # those of which nothing is known yet first
        for place, name in enumerate(old):
            if name not in kept or place < MOST_READ_AGAIN:
                kept[name] = (now, stranded_tasks.waiting_names(broker.pk, *name))
        self._waiting_names = kept
        return {name: found for name, (_, found) in kept.items() if found}

    def _held_tasks(self, broker: Broker, timeout: timedelta, now: datetime) -> Sequence[HeldTask]:
        again = min(HELD_READ_AGAIN, max(TASKS_READ_AGAIN, timeout / 20))
        if self._held is None or not timedelta(0) <= now - self._held[0] < again:
            tasks = stranded_tasks.held(broker.pk, now - WAITS_FROM * timeout, WAITS_FROM * timeout)
            held = [
                HeldTask(one.vhost, one.worker or "", one.uuid, one.name or "", one.queue or "", one.received_at, one.eta) for one in tasks if one.received_at
            ]
            self._held = (now, held)
        return self._held[1]


def consumer_timeout(broker: Broker) -> timedelta | None:
    """As HARELINE_CONSUMER_TIMEOUT has it; None where the broker waits for ever."""
    seconds = settings.CONSUMER_TIMEOUTS.get(broker.name, 1800.0)
    return timedelta(seconds=seconds) if seconds else None


def _dead_letters(broker: Broker, found: Sequence[standing.StandingQueue]) -> Mapping[Name, Sequence[DeadLetterSource]]:
    exchanges = {exchange for queue in found if (exchange := dead_letter_paths.exchange_of(queue)) is not None}
    if not exchanges:
        return {}
    types, bindings = standing.exchange_types(broker), dict[Name, list[dead_letter_paths.Binding]]()
    waiting, known = exchanges - {""}, {""}
    while waiting:
        rows = standing.bindings_from(broker, sorted(waiting))
        known |= waiting
        for vhost, source, kind, destination, key in rows:
            bindings.setdefault((vhost, source), []).append((kind, destination, key))
        waiting = {destination for _, _, kind, destination, _ in rows if kind == "exchange"} - known
    return dead_letter_paths.targets(found, types, bindings)


def _versions(broker: Broker) -> list[VersionFacts]:
    if not broker.version.startswith(("4.", "5.")):
        return []
    transient, mirrored, prefetches = standing.transient_queues(broker), standing.mirrored_policies(broker), standing.global_prefetches(broker)
    return [
        VersionFacts(vhost, *transient.get(vhost, (0, [])), mirrored.get(vhost, []), prefetches.get(vhost, 0))
        for vhost in sorted({*transient, *mirrored, *prefetches})
    ]


def _consuming(broker: Broker, queues: Sequence[Queue]) -> Mapping[Name, Collection[str]]:
    still = {(queue.vhost, queue.name) for queue in queues if queue.consumers and (queue.still_since or queue.active_consumers == 0)}
    if not still:
        return {}
    found = standing.control_queues_beside(broker, still)
    return {name: {hostname for one in control if (hostname := DEFAULT.hostname_of(one))} for name, control in found.items()}


def _silent(broker: Broker, lost: Lost | None, now: datetime) -> Sequence[SilentExchange]:
    if lost is None or not lost.exchanges:
        return ()
    tasks = stranded_tasks.unrouted(broker.pk, {(one.vhost, one.name) for one in lost.exchanges}, now - UNROUTED_WITHIN)
    found = []
    for one in lost.exchanges:
        mine = [(key, task) for vhost, exchange, key, task in tasks if (vhost, exchange) == (one.vhost, one.name)]
        keys, names = sorted({key for key, _ in mine}), sorted({task for _, task in mine if task})
        found.append(SilentExchange(one.pk, one.vhost, one.name, one.taken, one.passed_on, keys[:MOST_NAMED], names[:MOST_NAMED]))
    return found


def _flows(broker: Broker) -> list[Flow]:
    return [
        Flow(one.pk, one.vhost, one.name, one.publish_in_per_second or 0.0, one.publish_out_per_second or 0.0) for one in standing.exchanges_with_rates(broker)
    ]
