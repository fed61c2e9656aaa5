"""What waits for the workers of queues: queries the database, lets `waiting` add up. For the pages of queues and of capacity."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from django.utils import timezone

from brokers import queries
from brokers.conditions import Condition
from brokers.models import Broker, Queue
from brokers.queries import kept
from brokers.routing.past import PastRouting, is_delay_level
from brokers.scope import EVERYTHING, Scope
from dashboard.layout.consumer_workers import Consuming
from dashboard.layout.consumption import consuming_of_each
from dashboard.layout.waiting import HoldingNode, InBroker, InDelayQueues, Waiting, waiting
from workers import queries as worker_queries
from workers.held_routes import Bound, Held, held, queue_of
from workers.models import Worker

_Place = tuple[int, str]


def waiting_of(scope: Scope, queues: Iterable[Queue], workers: Iterable[Worker] | None = None) -> dict[int, Waiting]:
    """{primary key: what waits} of queues that were read within the scope; streams and Celery's delay queues have none. `workers`: those of their virtual
    hosts, if they were read within the scope already."""
    wanted = [queue for queue in queues if queue.type != "stream" and not is_delay_level(queue.name) and queue.gone_at is None]
    places = {(queue.broker_id, queue.vhost): queue.broker for queue in wanted}
    known: dict[_Place, list[Worker]] = defaultdict(list)
    for worker in _read(scope, places) if workers is None else workers:
        if worker.state != Worker.GONE:
            known[worker.broker_id, worker.vhost].append(worker)
    delays = {place: _Delays(place[0], place[1], known[place]) for place in places}
    memory = {place: [(worker, _held(worker, _Bindings(broker, place[1]).bound)) for worker in known[place]] for place, broker in places.items()}
    found = {}
    for queue, consuming in consuming_of_each(wanted):
        place = (queue.broker_id, queue.vhost)
        ids = {one.worker_id for one in consuming if one.worker_id is not None}
        nodes = [_node(worker, in_memory, queue.name) for worker, in_memory in memory[place] if worker.pk in ids or _reports(worker, queue.name)]
        found[queue.pk] = waiting(_in_broker(queue, consuming, {worker.pk for worker in known[place]}), nodes, delays[place].of(queue.name))
    return found


def _read(scope: Scope, places: Mapping[_Place, Broker]) -> list[Worker]:
    return [worker for (_, vhost), broker in places.items() for worker in worker_queries.workers_for_list(scope, broker, vhost)]


def _held(worker: Worker, bound: Bound) -> tuple[Held | None, Held | None]:
    routes = ((worker.reserved, worker.reserved_routes), (worker.scheduled, worker.scheduled_routes))
    in_memory = [held(total, found, worker.queues, bound) for total, found in routes]
    return in_memory[0], in_memory[1]


class _Bindings:
    """Where the bindings of now lead messages, read once a poll for each exchange."""

    def __init__(self, broker: Broker, vhost: str) -> None:
        self._broker, self._vhost, self._state = broker, vhost, kept.state_of([broker])

    def bound(self, exchange: str, key: str) -> frozenset[str]:
        if not exchange:
            return frozenset()
        found = kept.shared(self._state, routing_now, self._broker.pk, self._vhost, exchange)
        return found.route(exchange, key, None, found.since).queues


def routing_now(broker_id: int, vhost: str, exchange: str) -> PastRouting:
    return queries.past_routing(broker_id, vhost, exchange, "", timezone.now())


def _node(worker: Worker, in_memory: tuple[Held | None, Held | None], queue: str) -> HoldingNode:
    counts = [None if one is None else one.by_queue.get(queue, 0) for one in in_memory]
    why = worker.reason or worker.state if worker.state != Worker.ONLINE else worker.inspect_reason
    if not why and None in counts:
        why = "it has not answered yet"
    return HoldingNode(worker.hostname, counts[0], counts[1], sum(one.unplaced for one in in_memory if one is not None), worker.inspected_at, why)


def _reports(worker: Worker, queue: str) -> bool:
    return any(entry.get("name") == queue for entry in worker.queues or ())


def _in_broker(queue: Queue, consuming: Sequence[Consuming], known: set[int]) -> InBroker:
    others = sum(one.worker_id not in known for one in consuming)
    return InBroker(queue.ready, queue.unacknowledged, queue.delayed, queue.broker.polled_at, others)


class _Delays:
    """Celery's delay queues of a virtual host, and where what is in them goes."""

    def __init__(self, broker_id: int, vhost: str, workers: Sequence[Worker]) -> None:
        named = (Condition("name", "~", "celery_delayed_"),)
        rows = queries.queues(EVERYTHING, broker=broker_id, vhost=vhost, conditions=named, sort="name", page_size=queries.LARGEST_PAGE, brokers=()).items
        depths = [row.ready for row in rows if is_delay_level(row.name)]
        self.total = None if None in depths else sum(depth or 0 for depth in depths)
        self.by_queue: Counter[str] = Counter()
        if self.total:
            declared = list({str(queue.get("name")): queue for worker in workers for queue in worker.queues or ()}.values())
            for (exchange, key), count in worker_queries.delayed_tasks(broker_id, vhost).items():
                self.by_queue[queue_of(exchange, key, declared) or ""] += count

    def of(self, queue: str) -> InDelayQueues:
        known = sum(count for name, count in self.by_queue.items() if name)
        return InDelayQueues(self.total, self.by_queue[queue], known - self.by_queue[queue])
