"""What the filter of exchanges can be completed with: for each qualifier the values that exist."""

from __future__ import annotations

from typing import Any

from brokers import queries
from brokers.models import Broker
from brokers.scope import Scope
from dashboard.layout.completion import qualifiers
from dashboard.layout.filter_language import EXCHANGES


def exchange_completion(scope: Scope, broker: Broker | None, vhost: str | None) -> list[dict[str, Any]]:
    """One entry a qualifier: its name, a sentence, an example, and values as [text, note]."""
    chosen = broker.pk if broker else None
    hosts = sorted({host.name for host in queries.virtual_hosts(scope, chosen)})
    policies = sorted({policy.name for policy in queries.policies(scope, chosen, vhost) if not policy.operator})
    return qualifiers(EXCHANGES, {"vhost": [(name, "") for name in hosts], "policy": [(name, "") for name in policies]})
