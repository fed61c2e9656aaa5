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


def idle(broker: Broker, beats: Iterable[Heartbeat], now: datetime) -> timedelta | None:
    """For how long no living poller has sent the broker a request, at its last heartbeat; zero while one waits for an answer; None if that is not known."""
    alive = [beat.measured or {} for beat in beats if beat.kind == "poller" and is_within(beat.at, now, IS_ALIVE)]
    known = [float(seconds) for seconds in ((one.get("idle_seconds") or {}).get(broker.name) for one in alive) if seconds is not None]
    return timedelta(seconds=min(known)) if known else None


def stands_still(broker: Broker, beats: Iterable[Heartbeat], now: datetime) -> bool:
    """Whether a poller lives and sends no request though a poll is due: then it says nothing about the broker."""
    since = idle(broker, beats, now)
    return since is not None and since >= timedelta(seconds=broker.poll_seconds or DEFAULT_POLL_SECONDS) + BEYOND_INTERVAL
