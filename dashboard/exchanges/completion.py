"""What the filter of exchanges can be completed with: for each qualifier the values that exist."""

from __future__ import annotations

from brokers import queries
from dashboard.exchanges.list_page import ExchangeList
from dashboard.layout.completion import Values


def exchange_values(listed: ExchangeList) -> Values:
    broker = listed.broker.pk if listed.broker else None
    return {
        "vhost": lambda: [(name, "") for name in sorted({host.name for host in queries.virtual_hosts(listed.scope, broker)})],
        "policy": lambda: [(name, "") for name in _policies(listed, broker)],
    }


def _policies(listed: ExchangeList, broker: int | None) -> list[str]:
    return sorted({policy.name for policy in queries.policies(listed.scope, broker, listed.vhost) if not policy.operator})
