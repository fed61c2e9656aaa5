"""Sentences on connections: clients that leak, and connections or channels that are opened and closed all the time."""

from __future__ import annotations

import msgspec

from brokers.models import Broker, Connection
from dashboard.connections.growth import GrowingClient
from dashboard.layout import formatting
from dashboard.layout.addresses import ListAddress
from dashboard.layout.filter_language import quoted

SHORTEST_LIFE_SECONDS = {"connections": 600.0, "channels": 60.0}
"""On average; where some last, the others are much shorter."""
LEAST_PER_SECOND = {"connections": 1.0, "channels": 10.0}
CHURN_ADVICE = {
    "connections": "Opening one costs several round trips; a client should keep its connection.",
    "channels": "A client should keep its channels, and not open one for each message.",
}


class Leak(msgspec.Struct, frozen=True):
    """A client that seems to leak: the sentence, and the list of its connections."""

    text: str
    address: str


def leak_sentence(found: GrowingClient, busiest: Connection | None) -> str:
    """Which client has opened more and more, and since when; `busiest`: a connection of it, named where it has most of the channels."""
    trend, growth = found.trend, found.growth
    client = f"{trend.product or 'A client of unknown library'} on {trend.peer_host or 'the broker itself'}, user {trend.user or 'unknown'}"
    since = f"{growth.since:%H:%M}"
    text = f"{client} in {trend.vhost}: from {growth.first:,} to {growth.last:,} {growth.what} since {since}, and it closes next to none."
    if growth.what == "channels" and busiest is not None and (busiest.channels or 0) > growth.last / 2:
        text += f" {busiest.channels:,} of them are on the connection {busiest.provided_name or busiest.name}."
    return text


def leak_text(found: GrowingClient, address: ListAddress, busiest: Connection | None) -> Leak:
    """The sentence, and the list of the client's connections."""
    trend = found.trend
    terms = [f"{name}:{quoted(value)}" for name, value in (("user", trend.user), ("host", trend.peer_host), ("product", trend.product)) if value]
    return Leak(leak_sentence(found, busiest), address.with_(q=" ".join(terms), vhost=trend.vhost, broker=trend.broker.name))


def churn_text(broker: Broker) -> list[str]:
    """What is opened and closed so often that it does not live long; [] also while that is unknown."""
    found = []
    for what in ("connections", "channels"):
        opened, closed = getattr(broker, f"{what}_opened_per_second"), getattr(broker, f"{what}_closed_per_second")
        total = (broker.object_totals or {}).get(what)
        if opened is None or closed is None or total is None or min(opened, closed) < LEAST_PER_SECOND[what]:
            continue
        life = total / opened
        if life < SHORTEST_LIFE_SECONDS[what]:
            found.append(
                f"{broker.name}: {formatting.rate(opened)} {what} a second are opened and {formatting.rate(closed)} closed, "
                f"so on average they live for about {formatting.duration(life)}. {CHURN_ADVICE[what]}"
            )
    return found
