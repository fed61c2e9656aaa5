"""Whether a poll that does not come waits for its broker or for Hareline's own poller, by what the poller reports of itself. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from brokers.clock import is_within
from dashboard.layout.levels import DEFAULT_POLL_SECONDS

if TYPE_CHECKING:
    from brokers.models import Broker, Heartbeat

IS_ALIVE = timedelta(seconds=30)
BEYOND_INTERVAL = timedelta(seconds=3)
STARTING = timedelta(seconds=60)
"""For so long after Hareline's start a broker that has not answered it yet is not yet reached, which is no finding: both may be starting together."""
LATE = timedelta(seconds=10)
"""A poller whose last heartbeat is older, which is two of its intervals, may stand still."""


def idle(broker: Broker, beats: Iterable[Heartbeat], now: datetime) -> timedelta | None:
    """For how long no living poller has sent the broker a request, at its last heartbeat; zero while one waits for an answer; None if that is not known."""
    alive = [beat.measured or {} for beat in beats if beat.kind == "poller" and is_within(beat.at, now, IS_ALIVE)]
    known = [float(seconds) for seconds in ((one.get("idle_seconds") or {}).get(broker.name) for one in alive) if seconds is not None]
    return timedelta(seconds=min(known)) if known else None


def is_late(beats: Iterable[Heartbeat], now: datetime) -> bool:
    """Whether every poller that there is has missed heartbeats, and none has reported why."""
    known = [beat for beat in beats if beat.kind == "poller"]
    return bool(known) and not any(beat.problem or is_within(beat.at, now, LATE) for beat in known)


def stands_still(broker: Broker, beats: Iterable[Heartbeat], now: datetime) -> bool:
    """Whether a poller lives and sends no request though a poll is due: then nothing is known of the broker."""
    since = idle(broker, beats, now)
    return since is not None and since >= timedelta(seconds=broker.poll_seconds or DEFAULT_POLL_SECONDS) + BEYOND_INTERVAL


def is_not_yet_reached(broker: Broker, beats: Iterable[Heartbeat], now: datetime) -> bool:
    """Whether Hareline started a moment ago and has had no answer of the broker since. Of several pollers the oldest counts; before there is one,
    maintenance, whose rules look."""
    started: dict[str, datetime] = {}
    for beat in beats:
        if beat.started_at is not None and beat.ended_at is None and is_within(beat.at, now, IS_ALIVE):
            started[beat.kind] = min(started.get(beat.kind, beat.started_at), beat.started_at)
    since = started.get("poller", started.get("maintenance"))
    return since is not None and is_within(since, now, STARTING) and (broker.polled_at is None or broker.polled_at < since)
