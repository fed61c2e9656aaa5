"""What the filter of connections can be completed with: for each qualifier the values that exist."""

from __future__ import annotations

from functools import partial

from brokers import queries
from dashboard.connections.list_page import ConnectionList
from dashboard.layout import formatting
from dashboard.layout.completion import VALUES_AT_MOST, Values
from workers import queries as worker_queries

_COLUMNS = {"host": "peer_host", **{name: name for name in ("client", "user", "vhost", "node", "product", "protocol")}}


def connection_values(listed: ConnectionList) -> Values:
    broker = listed.broker.pk if listed.broker else None

    def of_column(column: str) -> list[tuple[str, str]]:
        return [(value, formatting.count(amount, "connection")) for value, amount in queries.connection_values(listed.scope, column, broker, listed.vhost)]

    def workers() -> list[tuple[str, str]]:
        found = worker_queries.workers(listed.scope, broker=broker, vhost=listed.vhost, page_size=VALUES_AT_MOST).items
        return [(worker.hostname, "" if worker.state == worker.ONLINE else worker.state) for worker in found]

    def consumed() -> list[tuple[str, str]]:
        return [(name, "") for name in sorted({one.queue for one in queries.consumers(listed.scope, broker, listed.vhost)})]

    return {**{name: partial(of_column, column) for name, column in _COLUMNS.items()}, "worker": workers, "queue": consumed}
