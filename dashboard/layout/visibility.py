"""What a list can't show, said above it: brokers that are out of sight, and what our user may not see. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from brokers.models import Broker
from dashboard.layout import formatting, levels


def out_of_sight(brokers: Iterable[Broker], now: datetime) -> list[dict[str, Any]]:
    """The brokers of which nothing is known right now: why, since when, and from when their numbers are."""
    return [
        {"broker": broker, "why": why, "as_of": formatting.moment_text(broker.polled_at, now), "since": formatting.moment_text(broker.since, now)}
        for broker in brokers
        if (why := levels.out_of_sight(broker, now))
    ]


def limits(brokers: Iterable[Broker], vhost: str | None) -> list[dict[str, Any]]:
    """What our user may not see there, with the command that would grant it."""
    return [{"broker": broker.name, **limit} for broker in brokers for limit in broker.limits_to_sight if vhost is None or limit.get("vhost") in (None, vhost)]
