"""What the filter of queues can be completed with: for each qualifier the values that exist, with counts where they cost little."""

from __future__ import annotations

from collections import Counter
from typing import Any

from brokers import queries
from dashboard.layout.completion import VALUES_AT_MOST, qualifiers
from dashboard.layout.filter_language import QUEUES, parse
from dashboard.queues.list_page import QueueList
from workers import queries as worker_queries


def queue_completion(listed: QueueList) -> list[dict[str, Any]]:
    """One entry a qualifier: its name, a sentence, an example, and values as [text, note]."""
    broker = listed.broker.pk if listed.broker else None
    vhosts = Counter(vhost for _, vhost, _ in queries.queue_names(listed.scope, broker, listed.vhost))
    values: dict[str, list[tuple[str, str]]] = {
        "vhost": [(name, _queues(count)) for name, count in sorted(vhosts.items())],
        "type": [(name, _queues(count)) for name in QUEUES["type"].choices if (count := listed.count(parse(f"type:{name}", QUEUES)))],
        "state": [(name, "") for name in QUEUES["state"].choices],
        "policy": [(name, "") for name in sorted({policy.name for policy in queries.policies(listed.scope, broker, listed.vhost) if not policy.operator})],
        "worker": [("none", _queues(listed.count(parse("worker:none", QUEUES)), "no consumers")), *_workers(listed, broker)],
        "is": [("growing", _queues(listed.count(parse("is:growing", QUEUES))))],
    }
    return qualifiers(QUEUES, values)


def _workers(listed: QueueList, broker: int | None) -> list[tuple[str, str]]:
    found = worker_queries.workers(listed.scope, broker=broker, vhost=listed.vhost, page_size=VALUES_AT_MOST).items
    return [(worker.hostname, "" if worker.state == worker.ONLINE else worker.state) for worker in found]


def _queues(count: int, words: str = "") -> str:
    return f"{count:,} queue{'' if count == 1 else 's'}{' ' + words if words else ''}"
