"""What the filter of exchanges can be completed with: for each qualifier the values that exist."""

from __future__ import annotations

from brokers import queries
from dashboard.exchanges.list_page import ExchangeList
from dashboard.layout.completion import Values


def exchange_values(listed: ExchangeList) -> Values:
    broker = listed.broker.pk if listed.broker else None
    return {
        "vhost": lambda: [(name, "") for name in sorted({host.name for host in queries.virtual_hosts(listed.scope, broker, listed.at)})],
        "policy": lambda: [(name, "") for name in queries.policy_names(listed.scope, broker, listed.vhost)] if listed.at is None else [],
    }
