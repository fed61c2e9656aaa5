"""Where a topic's rows come from: the questions to the database, and the builders of `dashboard.rows`.

Runs in the tail's thread. Rows are read in the scope of the topic, which all of its viewers share; the socket checks who may subscribe.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from brokers import queries
from brokers.models import Broker
from brokers.polling import leases
from brokers.queries import fingerprints, kept
from dashboard import queries as dashboard_queries
from dashboard.connections.owners import Owners
from dashboard.connections.row import connection_row
from dashboard.exchanges.row import exchange_row
from dashboard.findings.open_now import NOTHING_KNOWN, open_lately
from dashboard.layout.consumer_workers import Consuming
from dashboard.layout.consumption import consumers_by_queue
from dashboard.layout.lost_consumers import lost_queues
from dashboard.live import topics
from dashboard.live.patches import Build, Loaded
from dashboard.live.topics import Topic
from dashboard.overview.row import broker_row, node_row
from dashboard.queues.row import queue_row
from dashboard.tasks.row import task_row
from dashboard.workers.row import worker_row
from dashboard.workers.running import running_list
from workers import queries as worker_queries
from workers.models import Task, Worker

RECEIVER_BEATS_EVERY_SECONDS = 5.0
TASK_PARTS_EVERY_SECONDS = 2.0  # tasks come all the time: pages learn of new ones no more often


def load(topic: Topic, keys: Collection[str], closely: Collection[str] = (), broker: Broker | None = None) -> Loaded:
    """The rows of these keys that exist, and what else is known of the topic. A broker's own topic always has all of its rows. `broker`: its row, where it
    was read in this transaction.

    `closely` are those of the keys that have a page of their own open: facts that cost a question for each row are theirs alone.
    """
    loaders = {
        topics.BROKER: _broker,
        topics.QUEUES: _queues,
        topics.EXCHANGES: _exchanges,
        topics.TOPOLOGY: _topology,
        topics.CONNECTIONS: _connections,
    }
    # What is kept is of a state that was read in this transaction. The tail reads none: what it reads may be of a later state
    if topic.kind == topics.TASKS:
        return _tasks(topic, _ids(topic, keys), frozenset(_ids(topic, closely)), [broker] if broker else [])
    state = kept.state_of([broker]) if broker else None
    if topic.kind == topics.WORKERS:
        return _workers(topic, _ids(topic, keys), state)
    broker = broker or queries.broker_by_id(topic.scope, topic.broker_id)
    return Loaded({}) if broker is None else loaders[topic.kind](topic, _ids(topic, keys), broker, state)


def _ids(topic: Topic, keys: Collection[str]) -> list[int]:
    found = (topics.row_id(topic, key) for key in keys)
    return [row[1] for row in found if row]


def _broker(topic: Topic, _: list[int], broker: Broker, state: kept.State) -> Loaded:
    nodes = kept.shared(state, queries.nodes, topic.scope, broker.pk)
    opened = open_lately(topic.scope, broker.pk, state)
    rows: dict[str, Build] = {f"broker-{broker.pk}": partial(broker_row, broker, opened=opened)}
    rows |= {f"node-{node.pk}": partial(node_row, node, opened=opened) for node in nodes}
    facts = {
        "brokers": (broker.state, broker.reason, repr(broker.alarms), repr(broker.limits)),
        "depth_source": broker.depth_source_reason,  # by itself: under load the costs measured in it are others at each poll
        "nodes": tuple((node.pk, node.running, repr(node.partitions)) for node in nodes),
        "changes": kept.shared(state, fingerprints.changes_fingerprint, broker.pk),
        "findings": kept.shared(state, dashboard_queries.shown_state),
    }
    return Loaded(rows, facts, {}, broker.polled_at, broker.poll_seconds)


def _queues(topic: Topic, ids: list[int], broker: Broker, state: kept.State) -> Loaded:
    if topic.vhost is None:
        return Loaded({})
    queues = [
        queue for queue in kept.shared(state, queries.queues_by_ids, topic.scope, tuple(ids)) if (queue.broker_id, queue.vhost) == (broker.pk, topic.vhost)
    ]
    consuming = consumers_by_queue(broker.pk, topic.vhost, broker if state else None) if queues else {}
    opened = open_lately(topic.scope, broker.pk, state) if queues else NOTHING_KNOWN

    def row(queue: Any) -> Any:
        return lambda now: queue_row(queue, broker, consuming.get((queue.vhost, queue.name), ()), now, opened)

    set_of_queues = kept.shared(state, fingerprints.queues_fingerprint, broker.pk, topic.vhost)
    row_facts = {f"queue-{queue.pk}": {"consumers": (queue.consumers, _who(consuming.get((queue.vhost, queue.name), ())))} for queue in queues}
    return Loaded(
        {f"queue-{queue.pk}": row(queue) for queue in queues},
        {"queues": set_of_queues, "table": set_of_queues},
        row_facts,
        broker.polled_at,
        broker.poll_seconds,
        {f"queue-{queue.pk}": queue.name for queue in queues},
    )


def _exchanges(topic: Topic, ids: list[int], broker: Broker, state: kept.State) -> Loaded:
    if topic.vhost is None:
        return Loaded({})
    found = [
        exchange
        for exchange in kept.shared(state, queries.exchanges_by_ids, topic.scope, tuple(ids))
        if (exchange.broker_id, exchange.vhost) == (broker.pk, topic.vhost)
    ]
    set_of_exchanges = kept.shared(state, fingerprints.exchanges_fingerprint, broker.pk, topic.vhost)
    rows: dict[str, Build] = {f"exchange-{exchange.pk}": partial(exchange_row, exchange, broker) for exchange in found}
    return Loaded(
        rows,
        {"exchanges": set_of_exchanges, "table": set_of_exchanges},
        {f"exchange-{exchange.pk}": {"publishers": repr(exchange.publishers)} for exchange in found},
        broker.polled_at,
        broker.poll_seconds,
        {f"exchange-{exchange.pk}": exchange.name for exchange in found},
    )


def _connections(topic: Topic, ids: list[int], broker: Broker, state: kept.State) -> Loaded:
    if topic.vhost is None:
        return Loaded({})
    found = [one for one in kept.shared(state, queries.connections_by_ids, topic.scope, tuple(ids)) if (one.broker_id, one.vhost) == (broker.pk, topic.vhost)]
    owners, read_at = Owners(topic.scope), (broker.connections_at, broker.channels_at)
    set_of_connections = kept.shared(state, fingerprints.connections_fingerprint, broker.pk, topic.vhost)
    rows: dict[str, Build] = {f"connection-{one.pk}": partial(connection_row, one, broker, owners.of(one)) for one in found}
    return Loaded(
        rows,
        {"connections": set_of_connections, "table": set_of_connections, "clients": read_at},
        {f"connection-{one.pk}": {"channels": (read_at, one.gone_at), "publishes": repr(one.publishes)} for one in found},
        broker.polled_at,
        broker.poll_seconds,
        {f"connection-{one.pk}": one.name for one in found},
    )


def _topology(topic: Topic, _: list[int], broker: Broker, state: kept.State) -> Loaded:
    if topic.vhost is None:
        return Loaded({})
    return Loaded({}, kept.shared(state, fingerprints.topology_fingerprints, broker.pk, topic.vhost), {}, broker.polled_at, broker.poll_seconds)


def _workers(topic: Topic, ids: list[int], state: kept.State) -> Loaded:
    found = [worker for worker in worker_queries.workers_by_ids(topic.scope, ids) if (worker.broker_id, worker.vhost) == (topic.broker_id, topic.vhost)]
    row_facts = {f"worker-{worker.pk}": _facts_of_worker(worker) for worker in found}
    everyone = worker_queries.workers_fingerprint(topic.broker_id, topic.vhost or "")
    consuming = consumers_by_queue(topic.broker_id, topic.vhost or "") if found else {}
    opened = open_lately(topic.scope, topic.broker_id, state) if found else NOTHING_KNOWN

    def row_of(worker: Worker) -> Build:
        return lambda now: worker_row(worker, now, lost_queues(worker, consuming, now), opened)

    rows = {f"worker-{worker.pk}": row_of(worker) for worker in found}
    return Loaded(rows, {"workers": everyone, "table": everyone, "board": everyone}, row_facts, _received_at(topic), RECEIVER_BEATS_EVERY_SECONDS)


def _tasks(topic: Topic, ids: list[int], closely: frozenset[int], brokers: list[Broker]) -> Loaded:
    found = [task for task in worker_queries.tasks_by_ids(topic.scope, ids, brokers) if (task.broker_id, task.vhost) == (topic.broker_id, topic.vhost)]
    newest = worker_queries.newest_task()
    rows: dict[str, Build] = {f"task-{task.pk}": partial(task_row, task) for task in found}
    row_facts = {f"task-{task.pk}": _facts_of_task(task, task.pk in closely) for task in found}
    return Loaded(rows, {"tasks": newest}, row_facts, _received_at(topic), RECEIVER_BEATS_EVERY_SECONDS, parts_at_most_every_seconds=TASK_PARTS_EVERY_SECONDS)


def _received_at(topic: Topic) -> datetime | None:
    """When the receiver last stored a heartbeat of its own, or an event of this virtual host: a page rendered before then may lack what that stored."""
    beats = [beat.at for beat in leases.heartbeats("receiver") if not beat.standby]
    received_at = worker_queries.received_at(topic.broker_id, topic.vhost or "")
    return max((at for at in (*beats[:1], received_at) if at is not None), default=None)


def _facts_of_task(task: Task, closely: bool) -> Mapping[str, Hashable]:
    """What a task's own page shows beside the live row, by the parts of that page."""
    facts: dict[str, Hashable] = {"task": task.changed_at}
    if closely:
        facts["family"] = worker_queries.family_fingerprint(task)
    return facts


def _who(consuming: Sequence[Consuming]) -> Hashable:
    return tuple((one.worker_id, one.hostname, one.exact, one.consumer.tag, one.consumer.channel_name) for one in consuming)


def _facts_of_worker(worker: Worker) -> Mapping[str, Hashable]:
    """What a worker's own page shows beside the live row, by the parts of that page."""
    itself = (worker.state, worker.pool, worker.concurrency, repr(worker.queues), repr(worker.processes), repr(worker.software), len(worker.registered or ()))
    return {
        "worker": itself,
        "registered": itself,
        "running": (worker.state, running_list(worker)),
        "story": (itself, worker.events_off, worker.lost_events, worker.inspect_reason),
    }
