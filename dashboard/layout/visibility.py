"""What a page can't show, listed above it: unavailable brokers, missing permissions, parts that can't be read. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

import msgspec

from brokers import parts
from brokers.models import Broker
from dashboard.layout import formatting, levels

ON_QUEUES = frozenset({parts.QUEUES, parts.VHOSTS, parts.CONSUMERS, parts.QUEUE_DETAILS, parts.QUEUE_COUNTERS, parts.QUEUE_TOTALS})
ON_QUEUE = ON_QUEUES | {parts.BINDINGS, parts.POLICIES, parts.OPERATOR_POLICIES, parts.CHANNELS, parts.CONNECTIONS, parts.EXCHANGES, parts.TRANSFERS}
ON_CONNECTIONS = frozenset({parts.VHOSTS, parts.CONNECTIONS, parts.CHANNELS, parts.CONSUMERS})
ON_CONNECTION = ON_CONNECTIONS | {parts.PUBLISHED}
ON_EXCHANGES = frozenset({parts.VHOSTS, parts.EXCHANGES, parts.BINDINGS})
ON_EXCHANGE = ON_EXCHANGES | {parts.POLICIES, parts.PUBLISHERS, parts.TRANSFERS}


class Step(msgspec.Struct, frozen=True):
    """A line of a checklist or of what is missing: `level` is a word of `dashboard.layout.levels`."""

    level: str
    title: str
    text: str = ""
    grant: str = ""


def unavailable(brokers: Iterable[Broker], now: datetime) -> list[dict[str, Any]]:
    """The brokers that are unavailable now: why, since when, and the time of their numbers."""
    return [
        {"broker": broker, "why": why, "as_of": formatting.moment_text(broker.polled_at, now), "since": formatting.moment_text(broker.since, now)}
        for broker in brokers
        if (why := levels.unavailable(broker, now))
    ]


def old_figures(brokers: Iterable[Broker], now: datetime, what: str) -> list[Step]:
    """A line for each broker that is unavailable now: of when what a page shows of it is."""
    found = []
    for broker in brokers:
        if why := levels.unavailable(broker, now):
            as_of = f"are as of {formatting.moment_text(broker.polled_at, now)}" if broker.polled_at else "are unknown"
            found.append(Step("unknown", f"{what} of {broker.name} {as_of}, because {why}"))
    return found


def limits(brokers: Iterable[Broker], vhost: str | None) -> list[dict[str, Any]]:
    """Missing permissions of our user there, with the command that grants them."""
    return [
        {"broker": broker.name, **limit}
        for broker in brokers
        for limit in broker.limits
        if not limit.get("part") and (vhost is None or limit.get("vhost") in (None, vhost))
    ]


def why_no_channels(broker: Broker) -> str:
    """Why channels, and with them the rates of connections, are unknown; "" where nothing is known to keep them away."""
    return next((str(limit["why"]) for limit in broker.limits if not limit.get("part") and "channels" in str(limit.get("what"))), "")


def old_parts(brokers: Iterable[Broker], now: datetime, shown: Collection[str] | None = None) -> list[dict[str, str]]:
    """The parts (see `brokers.parts`) that can't be read now: of those that the page shows, or all. None of an unavailable broker,
    whose page shows that already."""
    return [
        {
            "broker": broker.name,
            "what": str(limit["what"]),
            "why": str(limit["why"]),
            "since": formatting.moment_text(datetime.fromisoformat(limit["since"]), now),
        }
        for broker in brokers
        if not levels.unavailable(broker, now)
        for limit in broker.limits
        if limit.get("part") and (shown is None or limit["part"] in shown)
    ]
