"""What the filter of a list can be completed with: its qualifiers, and for each the values that exist, with counts where they cost little."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from brokers import queries
from brokers.models import Broker
from brokers.scope import Scope
from dashboard.layout.filter_language import EXCHANGES, QUEUES, Qualifier, parse, quoted
from dashboard.queues.list_page import QueueList
from workers import queries as worker_queries

VALUES_AT_MOST = 200


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


def exchange_completion(scope: Scope, broker: Broker | None, vhost: str | None) -> list[dict[str, Any]]:
    """The same for exchanges."""
    chosen = broker.pk if broker else None
    hosts = sorted({host.name for host in queries.virtual_hosts(scope, chosen)})
    policies = sorted({policy.name for policy in queries.policies(scope, chosen, vhost) if not policy.operator})
    return qualifiers(EXCHANGES, {"vhost": [(name, "") for name in hosts], "policy": [(name, "") for name in policies]})


def qualifiers(known: Mapping[str, Qualifier], values: Mapping[str, list[tuple[str, str]]]) -> list[dict[str, Any]]:
    """The qualifiers with their values, those with a blank in quotes."""
    return [
        {
            "name": one.name,
            "sentence": one.sentence,
            "example": one.example,
            "number": one.kind == "number",
            "values": [[quoted(text), note] for text, note in values.get(one.name, [(choice, "") for choice in one.choices])[:VALUES_AT_MOST]],
        }
        for one in known.values()
    ]


def _workers(listed: QueueList, broker: int | None) -> list[tuple[str, str]]:
    found = worker_queries.workers(listed.scope, broker=broker, vhost=listed.vhost, page_size=VALUES_AT_MOST).items
    return [(worker.hostname, "" if worker.state == worker.ONLINE else worker.state) for worker in found]


def _queues(count: int, words: str = "") -> str:
    return f"{count:,} queue{'' if count == 1 else 's'}{' ' + words if words else ''}"
