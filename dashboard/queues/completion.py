"""What the filter of queues can be completed with: for each qualifier the values that exist, with counts where they cost little."""

from __future__ import annotations

from collections import Counter

from brokers import queries
from dashboard.layout.completion import VALUES_AT_MOST, Values
from dashboard.layout.filter_language import QUEUES, parse
from dashboard.queues.list_page import QueueList
from workers import queries as worker_queries


def queue_values(listed: QueueList) -> Values:
    broker = listed.broker.pk if listed.broker else None
    if listed.at is not None:
        return {name: values for name, values in _values(listed, broker).items() if name in ("vhost", "type")}
    return _values(listed, broker)


def _values(listed: QueueList, broker: int | None) -> Values:
    return {
        "vhost": lambda: [(name, _queues(count)) for name, count in sorted(_by_vhost(listed, broker).items())],
        "type": lambda: [(name, _queues(count)) for name in QUEUES["type"].choices if (count := _count(listed, f"type:{name}"))],
        "policy": lambda: [(name, "") for name in queries.policy_names(listed.scope, broker, listed.vhost)],
        "worker": lambda: [("none", _queues(_count(listed, "worker:none"), "no consumers")), *_workers(listed, broker)],
        "is": lambda: [(name, _queues(_count(listed, f"is:{name}"))) for name in ("growing", "stuck")],
    }


def _by_vhost(listed: QueueList, broker: int | None) -> Counter[str]:
    return Counter(vhost for _, vhost, _ in queries.queue_names(listed.scope, broker, listed.vhost, listed.at))


def _count(listed: QueueList, text: str) -> int:
    return listed.count(parse(text, QUEUES))


def _workers(listed: QueueList, broker: int | None) -> list[tuple[str, str]]:
    found = worker_queries.workers(listed.scope, broker=broker, vhost=listed.vhost, page_size=VALUES_AT_MOST).items
    return [(worker.hostname, "" if worker.state == worker.ONLINE else worker.state) for worker in found]


def _queues(count: int, words: str = "") -> str:
    return f"{count:,} queue{'' if count == 1 else 's'}{' ' + words if words else ''}"
