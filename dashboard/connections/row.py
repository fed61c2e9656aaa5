"""One connection as a table row and as the head of its page: prepared text, marks and numbers."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from django.template.loader import render_to_string
from django.urls import reverse

from brokers.models import Broker, Connection
from dashboard.connections.owners import Owner
from dashboard.connections.state import connection_level, state_word
from dashboard.layout import formatting, levels
from dashboard.live.rows import LiveRow

TLS = {True: "TLS", False: "no TLS", None: "TLS unknown"}


def connection_row(connection: Connection, broker: Broker, owner: Owner, now: datetime) -> LiveRow:
    """The connection as the table and its page show it."""
    level = connection_level(connection, broker, now)
    return LiveRow(
        key=f"connection-{connection.pk}",
        text={
            "state": state_word(connection),
            "reason": f"unknown, because {level.reason}" if level.word == "unknown" and not connection.gone_at else level.reason,
            "channels": formatting.number(connection.channels),
            "unacknowledged": formatting.number(connection.unacknowledged),
            "in": formatting.rate(connection.publish_per_second),
            "out": formatting.rate(connection.deliver_per_second),
            "ack": formatting.rate(connection.ack_per_second),
            "received": _per_second(connection.received_bytes_per_second),
            "sent": _per_second(connection.sent_bytes_per_second),
            "owner": owner.text,
        },
        mark={"level": level.word, "stale": "yes" if levels.unavailable(broker, now) else "no"},
        number={
            "channels": connection.channels,
            "unacknowledged": connection.unacknowledged,
            "publish_per_second": connection.publish_per_second,
            "deliver_per_second": connection.deliver_per_second,
        },
        html={"level": _state_html(level.word, state_word(connection))},
        fixed={
            "connection": connection,
            "client": title(connection, owner),
            "product": connection.product if connection.product != title(connection, owner) else "",
            "address": address(connection),
            "tls": TLS[connection.tls],
            "broker": broker,
            "owner": owner,
            "level": level,
            "url": reverse("connection", args=[connection.pk]),
        },
    )


def title(connection: Connection, owner: Owner) -> str:
    """What to call it: the worker node that it certainly belongs to, else the name that the client gave, else its library."""
    return owner.hostname if owner.hostname and owner.exact else connection.client or connection.name


def address(connection: Connection) -> str:
    """Where the client is.

    >>> address(Connection(peer_host="10.0.0.1", peer_port=52008)), address(Connection(peer_host=""))
    ('10.0.0.1:52008', 'inside the broker')
    """
    if not connection.peer_host:
        return "inside the broker" if connection.name.startswith("<") or not connection.name else "unknown"
    return connection.peer_host if connection.peer_port is None else f"{connection.peer_host}:{connection.peer_port}"


def _per_second(rate: float | None) -> str:
    return formatting.UNKNOWN if rate is None else f"{formatting.data_size(rate)}/s"


@lru_cache(maxsize=256)
def _state_html(word: str, state: str) -> str:
    return render_to_string("components/_level.html", {"level": levels.Level(word, ""), "text": state, "pill": True}).strip()  # type: ignore[arg-type]
