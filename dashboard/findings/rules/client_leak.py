"""A client that opens more and more connections or channels, or one connection with far too many channels."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from brokers import parts
from brokers.models import ClientTrend
from dashboard.connections.growth import Growth, growth
from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Link, Object, Report, Threshold
from dashboard.findings.thresholds import Thresholds

KEY = "client_leak"
NAME = "Connections or channels leak"
ABOUT = "A client opens more and more connections or channels and closes next to none, or has far too many channels on a connection."
NEEDS = ("broker", parts.CONNECTIONS)
THRESHOLDS = (Threshold("channels", "Channels for each connection", 200, least=10, most=65535),)
OPENS_AFTER = timedelta(0)  # a rise is five minutes old when it counts as one
CLEARS_AFTER = timedelta(seconds=60)


def look(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    for trend in facts.trends:
        client = client_name(trend.product, trend.peer_host, trend.user)
        if not trend.samples or thresholds.is_off(KEY, trend.vhost, client):
            continue
        rise = growth(trend.samples) or growth(trend.samples, "channels")
        _, connections, channels = trend.samples[-1][:3]
        many = connections > 0 and channels / connections > thresholds.of(KEY, "channels", trend.vhost, client)
        if rise is not None or many:
            yield _found(trend, client, rise, connections, channels, facts)


def client_name(product: str, host: str, user: str) -> str:
    return f"{product or 'a client'} on {host or 'the broker itself'} as {user or 'an unknown user'}"


def _found(trend: ClientTrend, client: str, rise: Growth | None, connections: int, channels: int, facts: Facts) -> Found:
    at = facts.its_broker.connections_at
    evidence = [
        Evidence("Connections", f"{connections:,}", at),
        Evidence("Channels", f"{channels:,}", at, f"~{channels / max(1, connections):,.0f} for each connection"),
    ]
    if rise is not None:
        evidence.insert(0, Evidence("Rise", f"{rise.what} from {rise.first:,} to {rise.last:,}", at, f"since {rise.since:%H:%M} UTC"))
        short = f"opens more and more {rise.what}: {rise.first:,} at {rise.since:%H:%M}, {rise.last:,} now"
    else:
        short = f"has ~{channels / max(1, connections):,.0f} channels for each connection"
    return Found(
        KEY,
        Object("client", client, trend.vhost, trend.pk),
        "warning",
        short,
        since=rise.since if rise else None,
        meaning="Each costs memory of the broker and of the client; at the node's limit of sockets or processes nobody can connect any more.",
        evidence=evidence,
        causes=[
            Cause("The program opens one for each task or request and does not close it, or its pool has no bound.", f"virtual host {trend.vhost}"),
        ],
        to_do=["Find where the program opens them; let it keep one connection with a channel for each thread. A restart of it closes them for now."],
        links=[Link("Connections that grow", "connections", query="is:growing")],
        clears="when their number stays the same for ten minutes, or falls",
    )
