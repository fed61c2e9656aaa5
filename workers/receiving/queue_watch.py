"""In which queue each task of a virtual host is: routes it by the topology that was polled, and keeps what that came to while nothing changes.

The only place where the receiver reads the topology. The rules are in `brokers.routing.past` and `workers.task_queue`.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import structlog

from brokers import queries as broker_queries
from brokers.routing.past import NOTICED_WITHIN_SECONDS, PastRouting, Route, undecided
from workers import queries
from workers.receiving.consumed_queues import ConsumedQueues
from workers.receiving.task_order import RETRIED, SENT
from workers.receiving.task_state import TaskRecord
from workers.receiving.worker_state import WorkerState
from workers.task_queue import NOT_SENT, TaskQueue, resolved

log = structlog.get_logger(__name__)

CHECK_SECONDS = 1.0
SHARE = 20  # reading and routing anew takes at most a twentieth of the time
HISTORY = timedelta(hours=1)  # events are not kept longer by the broker; older tasks are read for on demand
TOPOLOGY_HOLDS_SECONDS = 90.0
MOST_ROUTES, MOST_SOURCES = 4096, 1024
MOST_AGAIN = 2000

Pair = tuple[str, str, str | None]
"""Exchange, routing key, name of the task."""

_resolved = lru_cache(maxsize=4096)(resolved)


class QueueWatch:
    """`refresh` each round, then `place` for each task that changed; `again` gives those that must be placed again since what was known changed."""

    def __init__(self, broker_id: int, vhost: str) -> None:
        self._broker_id, self._vhost = broker_id, vhost
        self._pasts: OrderedDict[tuple[str, str], PastRouting] = OrderedDict()
        self._routes: dict[tuple[Pair, tuple[int, int]], Route] = {}
        self._consumed: dict[str, ConsumedQueues] = {}
        self._read_at = 0.0  # when the topology was last read; 0: never yet
        self._placed_unread = False  # whether tasks were placed while it had never been read
        self._state: object = None
        self._next_check = 0.0
        self._spent = 0.0
        self._sent_again: list[tuple[float, list[tuple[str, str]]]] = []
        self._received_again: dict[str, float] = {}

    def note_queues(self, hostname: str, listed: Iterable[Mapping[str, Any]], at: datetime) -> None:
        """Takes the queues that a worker node reports to consume."""
        names = frozenset(str(queue.get("name")) for queue in listed)
        since = self._consumed.setdefault(hostname, ConsumedQueues()).note(names, at.timestamp())
        if since is not None:
            self._received_again[hostname] = min(since, self._received_again.get(hostname, since))

    def refresh(self, workers: Mapping[str, WorkerState]) -> None:
        """Notices a changed topology, and worker nodes that restarted or are no longer kept."""
        if time.monotonic() < self._next_check:
            return
        self._consumed = {hostname: found for hostname, found in self._consumed.items() if hostname in workers}
        for hostname, worker in workers.items():
            if hostname not in self._consumed and worker.queues is not None and worker.inspected_at is not None:
                self.note_queues(hostname, worker.queues, worker.inspected_at)
            if worker.began_at is not None and hostname in self._consumed:
                self._consumed[hostname].note_start(worker.began_at.timestamp())
        began = time.monotonic()
        self._look()
        spent = time.monotonic() - began + self._spent
        self._spent = 0.0
        self._next_check = time.monotonic() + max(CHECK_SECONDS, SHARE * spent)

    def _look(self) -> None:
        read_at, state = broker_queries.routing_state(self._broker_id, self._vhost)
        before, self._read_at = self._read_at, read_at.timestamp() if read_at else 0.0
        first = self._placed_unread and not before and self._read_at > 0
        if first or (before and self._read_at - before > TOPOLOGY_HOLDS_SECONDS):
            self._sent_again.append((before, []))
        if state != self._state:
            self._state = state
            self._take_up(before - NOTICED_WITHIN_SECONDS)

    def _take_up(self, since: float) -> None:
        """Forgets the routes, and notes which of them are others by now."""
        pasts, routes = self._pasts, {pair for pair, _ in self._routes}
        self._pasts, self._routes = OrderedDict(), {}
        now = time.time()
        changed = []
        for pair in routes:
            exchange, key, task = pair
            source = _source(exchange, key)
            if source not in pasts or self._past(source, now).same_as(pasts[source]):
                continue
            if self._past(source, now).route(exchange, key, task, now) != pasts[source].route(exchange, key, task, now):
                changed.append((exchange, key))
        if changed:
            self._sent_again.append((since, changed))

    def place(self, record: TaskRecord) -> bool:
        """Notes in which queue the task is. False if that is what was noted before."""
        found = self._found(record)
        if found == record.found:
            return False
        record.found, record.details_changed = found, True
        return True

    def _found(self, record: TaskRecord) -> TaskQueue:
        known, route = record.exchange is not None and record.routing_key is not None, NOT_SENT
        if known:
            sent_at = max((moment.at for moment in record.moments if moment.rank in (SENT, RETRIED)), default=record.first_seen_at)
            route = self._route((record.exchange or "", record.routing_key or "", record.name), sent_at, record.found)
        consumed = None
        if record.worker is not None and record.state != "PENDING" and not (known and record.state == "RETRY"):
            node = self._consumed.get(record.worker)
            consumed = None if node is None else node.at(record.received_at or record.moments[-1].at)
        return _resolved(route, consumed)

    def _route(self, pair: Pair, sent_at: float, found: TaskQueue | None) -> Route:
        exchange, key, task = pair
        past = self._past(_source(exchange, key), sent_at)
        place = (pair, past.epoch(sent_at))
        if sent_at < past.since and found is not None and found.names:
            return Route(frozenset(found.names), "", frozenset(found.names))  # as it was worked out while they were
        route = self._routes.get(place)
        if route is None:
            began = time.monotonic()
            route = past.route(exchange, key, task, sent_at)
            self._spent += time.monotonic() - began
            if len(self._routes) >= MOST_ROUTES:
                self._routes.clear()
            if sent_at >= past.since:
                self._routes[place] = route
        if not self._read_at:
            self._placed_unread = True
            return undecided("the bindings have not been read yet", route.possible)
        if sent_at > self._read_at + TOPOLOGY_HOLDS_SECONDS:
            return undecided(f"the bindings were last read at {datetime.fromtimestamp(self._read_at, UTC):%Y-%m-%d %H:%M:%S} UTC", route.possible)
        return route

    def _past(self, source: tuple[str, str], at: float) -> PastRouting:
        past = self._pasts.get(source)
        if past is None or (at < past.since and past.reaches_back):
            began = time.monotonic()
            since = min(datetime.now(UTC) - HISTORY, datetime.fromtimestamp(at, UTC))
            past = self._pasts[source] = broker_queries.past_routing(self._broker_id, self._vhost, *source, since)
            self._spent += time.monotonic() - began
        self._pasts.move_to_end(source)
        while len(self._pasts) > MOST_SOURCES:
            self._pasts.popitem(last=False)
        return past

    def again(self) -> Iterator[TaskRecord]:
        """Stored tasks that were sent or received while what is known by now was not; each time at most a few thousand, the newest of them."""
        sent, self._sent_again = self._sent_again, []
        for since, pairs in sent:
            yield from self._whole(queries.load_tasks_sent(self._broker_id, self._vhost, since, pairs, MOST_AGAIN))
        received, self._received_again = self._received_again, {}
        for hostname, since in received.items():
            yield from self._whole(queries.load_tasks_received(self._broker_id, self._vhost, hostname, since, MOST_AGAIN))

    def _whole(self, found: Mapping[str, TaskRecord]) -> Iterable[TaskRecord]:
        if len(found) == MOST_AGAIN:
            log.warning("queues_of_tasks_not_corrected", vhost=self._vhost, reason=f"more than {MOST_AGAIN} tasks at once; the older ones stay as they are")
        return found.values()


def _source(exchange: str, key: str) -> tuple[str, str]:
    """What is read at once: all that an exchange reaches, or one queue of the default exchange."""
    return (exchange, "") if exchange else ("", key)
