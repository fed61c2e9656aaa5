"""A client that opens more and more connections or channels, or one connection with far too many channels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from brokers import parts
from brokers.models import ClientTrend
from dashboard.connections.growth import LEAST_FACTOR, LEAST_RISE, Growth
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
        rise = facts.rise(trend)
        sampled_at, connections, channels = trend.samples[-1][:3]
        at = datetime.fromtimestamp(sampled_at, UTC)
        over = connections > 0 and channels / connections > thresholds.of(KEY, "channels", trend.vhost, client)
        if (rise is not None or over) and (now := facts.counted_now(trend)) is not None:
            (connections, channels), at = now, facts.its_broker.connections_at or at
        if rise is not None and _fell(rise, connections, channels):
            rise = None
        many = connections > 0 and channels / connections > thresholds.of(KEY, "channels", trend.vhost, client)
        if rise is not None or many:
            name = _name(facts.names_now(trend), by_channels=rise is None or rise.what == "channels")
            yield _found(trend, client, name, rise, connections, channels, at)


def _fell(rise: Growth, connections: int, channels: int) -> bool:
    """Whether of the rise next to nothing is left: the program was ended, or let go of what it held."""
    now = channels if rise.what == "channels" else connections
    return now - rise.first < LEAST_RISE or now < LEAST_FACTOR * rise.first


def client_name(product: str, host: str, user: str) -> str:
    return f"{product or 'a client'} on {host or 'the broker itself'} as {user or 'an unknown user'}"


def _name(named: Sequence[tuple[str, int, int]], *, by_channels: bool) -> str:
    """The name that the connections with most of them have; "" where none has, or none has more than half."""
    amounts = {name: channels if by_channels else connections for name, connections, channels in named}
    name = max(amounts, key=lambda one: amounts[one], default="")
    return name if name and 2 * amounts[name] > sum(amounts.values()) else ""


def _found(trend: ClientTrend, client: str, name: str, rise: Growth | None, connections: int, channels: int, at: datetime) -> Found:
    sampled_at = datetime.fromtimestamp(trend.samples[-1][0], UTC)
    evidence = [
        Evidence("Connections", f"{connections:,}", at),
        Evidence("Channels", f"{channels:,}", at, f"~{channels / max(1, connections):,.0f} for each connection"),
    ]
    if name:
        evidence.append(Evidence("Client", client, at, f"its connections are named {name}"))
    if rise is not None:
        evidence.insert(0, Evidence("Rise", f"{rise.what} from {rise.first:,} to {rise.last:,}", sampled_at, f"since {rise.since:%H:%M} UTC"))
        short = f"opens more and more {rise.what}: {rise.first:,} at {rise.since:%H:%M}, {rise.last:,} at {sampled_at:%H:%M}"
    else:
        short = f"has ~{channels / max(1, connections):,.0f} channels for each connection"
    return Found(
        KEY,
        Object("client", client, trend.vhost, trend.pk),
        "warning",
        short,
        title=f"{name} {short}" if name else "",
        since=rise.since if rise else None,
        meaning="Each costs memory of the broker and of the client; at the node's limit of sockets or processes nobody can connect any more.",
        evidence=evidence,
        causes=[
            Cause("The program opens one for each task or request and does not close it, or its pool has no bound.", f"virtual host {trend.vhost}"),
        ],
        to_do=["Find where the program opens them; let it keep one connection with a channel for each thread. A restart of it closes them for now."],
        links=[Link("Connections that grow", "connections", query="is:growing")],
        clears="when their number falls to about what it was before, or stays the same for ten minutes",
    )
