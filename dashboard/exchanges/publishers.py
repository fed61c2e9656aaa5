"""Who publishes to an exchange: the broker's last sample, by channel, as one line for each connection with its client's name.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from brokers.models import Connection
from dashboard.layout import formatting


class Publisher(msgspec.Struct, frozen=True):
    """`client` is the name that the program gave its connection, else its library; "" while the connection is not listed."""

    client: str
    library: str  # "py-amqp 5.3.1", where it is not the client's name already
    user: str
    connection: str
    rate: str


def publishers_of(sample: Iterable[Mapping[str, Any]], connections: Iterable[Connection]) -> list[Publisher]:
    """The lines, the busiest first; the channels of a connection are added up."""
    by_name = {connection.name: connection for connection in connections}
    channels: dict[str, list[Mapping[str, Any]]] = {}
    for one in sample:
        channels.setdefault(str(one.get("connection") or ""), []).append(one)
    busiest = sorted(channels.items(), key=lambda item: -(_rate(item[1]) or 0))
    return [_publisher(name, found, by_name.get(name)) for name, found in busiest]


def _publisher(name: str, channels: list[Mapping[str, Any]], connection: Connection | None) -> Publisher:
    given, product = (connection.provided_name, connection.product) if connection else ("", "")
    user = str(channels[0].get("user") or (connection.user if connection else ""))
    return Publisher(given or product, product if given else "", user, name or str(channels[0].get("host") or ""), formatting.rate(_rate(channels)))


def _rate(channels: Iterable[Mapping[str, Any]]) -> float | None:
    """The sum of what is known; None where nothing is."""
    known = [rate for one in channels if (rate := one.get("per_second")) is not None]
    return sum(known) if known else None
