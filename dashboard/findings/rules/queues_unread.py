"""Queues that can't be read although their broker responds."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from brokers import parts
from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Link, Object, Report
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import formatting

KEY = "queues_unread"
NAME = "Queues can't be read"
ABOUT = "The broker responds, and its list of queues can't be read, so that they are unknown."
NEEDS = ("broker",)
THRESHOLDS = ()
OPENS_AFTER = timedelta(0)
CLEARS_AFTER = timedelta(seconds=10)


def look(facts: Facts, _: Thresholds) -> Iterable[Report]:
    broker = facts.its_broker
    limit = next((limit for limit in broker.limits if limit.get("part") == parts.QUEUES), None)
    if limit is None:
        return
    since, reason = datetime.fromisoformat(str(limit["since"])), str(limit["why"]).rstrip(".")
    yield Found(
        KEY,
        Object("broker", broker.name, pk=broker.pk),
        "warning",
        "does not list its queues; they are unknown",
        title=f"The queues of {broker.name} can't be read; they are unknown",
        since=since,
        summary=f"{reason[:1].upper()}{reason[1:]}. Numbers are from {formatting.moment_text(since, facts.now)} or earlier.",
        meaning=f"{broker.name} answers other requests, and what they show is live.",
        evidence=[Evidence("Queues last read", formatting.moment_text(since, facts.now), since)],
        causes=[Cause("The broker fails at the list of queues, or a proxy between it and Hareline refuses that path.")],
        to_do=["Check the log of the broker's node, and the proxy's. Hareline retries and recovers automatically."],
        links=[Link(f"Open {broker.name}", "overview")],
        clears="with the next list of queues that is read",
    )
