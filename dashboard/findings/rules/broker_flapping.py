"""A broker that comes and goes: at the moment it may respond, and the next moment not."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import timedelta

from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Link, Object, Report, Threshold
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import formatting

KEY = "broker_flapping"
NAME = "Broker comes and goes"
ABOUT = "A broker stopped responding several times within ten minutes."
NEEDS = ("broker",)
THRESHOLDS = (Threshold("outages", "Outages within 10 min", 3, least=2, most=100),)
OPENS_AFTER = timedelta(0)
CLEARS_AFTER = timedelta(seconds=30)

WITHIN = timedelta(minutes=10)


def look(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    broker, now = facts.its_broker, facts.now
    recent = [attempt for attempt in facts.attempts if now - attempt.at <= WITHIN]
    begun = [later for later, earlier in itertools.pairwise(recent) if earlier.answered and not later.answered]
    if not begun or len(begun) < thresholds.of(KEY, "outages", name=broker.name):
        return
    last = begun[0]
    yield Found(
        KEY,
        Object("broker", broker.name, pk=broker.pk),
        "warning",
        "comes and goes",
        since=begun[-1].at,
        summary=f"It stopped responding {len(begun)} times in the last 10 min, last at {formatting.moment_text(last.at, now)}: {last.reason}.",
        meaning="Rates and charts have gaps, and messages that are published meanwhile may be lost by their senders.",
        evidence=[
            Evidence("Outages", f"{len(begun)}", last.at, "over 10 min"),
            Evidence("Polls not answered", f"{sum(not attempt.answered for attempt in recent):,} of {len(recent):,}", recent[0].at, "over 10 min"),
        ],
        causes=[Cause("A node restarts again and again, or the network or a proxy between it and Hareline drops connections.")],
        to_do=["Compare the uptime of its nodes with these times; the log of a node says why it stopped."],
        command="rabbitmq-diagnostics status",
        links=[Link(f"Open {broker.name}", "overview")],
        clears="10 min after the last of so many outages",
    )
