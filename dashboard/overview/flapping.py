"""The incident of a broker that comes and goes: at the moment it may respond, and the next moment not."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from brokers.models import Broker, PollAttempt
from dashboard.layout import formatting, levels
from dashboard.layout.levels import Level
from dashboard.overview.incidents import Incident

WITHIN = timedelta(minutes=10)
OUTAGES = 3
"""So many within that time are more than a restart."""
MOST_ATTEMPTS = 600


def incident(broker: Broker, attempts: Callable[[int], Sequence[PollAttempt]], now: datetime) -> Incident | None:
    """None where it has responded all the time, or does not respond now, which is an incident of its own. `attempts` returns the latest ones, newest
    first; it is not called where nothing can have happened."""
    if levels.unavailable(broker, now) or broker.since is None or now - broker.since > WITHIN:
        return None
    recent = [attempt for attempt in attempts(MOST_ATTEMPTS) if now - attempt.at <= WITHIN]
    begun = [later for later, earlier in itertools.pairwise(recent) if earlier.answered and not later.answered]
    if len(begun) < OUTAGES:
        return None
    last = begun[0]
    return Incident(
        f"flapping-broker-{broker.pk}",
        Level("warning", "comes and goes"),
        f"{broker.name} comes and goes",
        begun[-1].at,
        f"It stopped responding {len(begun)} times in the last 10 min, last at {formatting.moment_text(last.at, now)}: {last.reason}.",
        "What it means",
        "Rates and charts have gaps, and messages that are published meanwhile may be lost by their senders.",
        "A node restarts again and again, or the network or a proxy between it and Hareline drops connections.",
        "Compare the uptime of its nodes with these times; the log of a node says why it stopped.",
        command="rabbitmq-diagnostics status",
    )
