"""Connections, channels or queues that are made and deleted all the time: each costs the broker far more than a message."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Link, Object, Report, Threshold
from dashboard.findings.rules.client_leak import client_name
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import formatting

KEY = "churn"
NAME = "Connections or queues churn"
ABOUT = "Connections, channels or queues are made and deleted all the time."
NEEDS = ("broker",)
THRESHOLDS = (
    Threshold("connections", "Connections opened and closed", 5, "/s", least=0.1),
    Threshold("channels", "Channels opened and closed", 50, "/s", least=0.1),
    Threshold("queues", "Queues made and deleted", 2, "/s", least=0.1),
)
OPENS_AFTER = timedelta(seconds=10)  # a deployment of many workers takes a poll or two
CLEARS_AFTER = timedelta(seconds=60)


def look(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    broker = facts.its_broker
    for what, opened, closed in (
        ("connections", broker.connections_opened_per_second, broker.connections_closed_per_second),
        ("channels", broker.channels_opened_per_second, broker.channels_closed_per_second),
        ("queues", broker.queues_created_per_second, broker.queues_deleted_per_second),
    ):
        limit = thresholds.of(KEY, what, name=broker.name)
        if opened is not None and closed is not None and min(opened, closed) >= limit and not thresholds.is_off(KEY, name=broker.name):
            yield _found(what, opened, closed, limit, facts)


def _found(what: str, opened: float, closed: float, limit: float, facts: Facts) -> Found:
    broker = facts.its_broker
    made, gone = ("made", "deleted") if what == "queues" else ("opened", "closed")
    evidence = [
        Evidence(f"{what.capitalize()} {made}", f"{formatting.rate(opened)}/s", broker.polled_at, "the broker's own count"),
        Evidence(f"{what.capitalize()} {gone}", f"{formatting.rate(closed)}/s", broker.polled_at, f"a finding from {limit:g}/s on"),
    ]
    causes = []
    if what != "queues":
        for one in facts.closed_lately():
            client = client_name(one.product, one.peer_host, one.user)
            evidence.append(Evidence(client, f"{one.closed:,} connections closed", broker.connections_at, "seen over 5 min; short ones are never seen"))
        causes.append(Cause("A program connects for each message or task, as PHP and short scripts do, or its connections break at once."))
    else:
        causes.append(Cause("A program declares a queue for each request and deletes it, as with Celery's rpc:// results in short processes."))
    if what == "channels":
        causes = [Cause("A program opens a channel for each message.")]
    return Found(
        KEY,
        Object("broker", broker.name, pk=broker.pk),
        "warning",
        f"has {formatting.rate(min(opened, closed))} {what} {made} and {gone} each second",
        meaning="Each costs the broker more than thousands of messages, and its statistics and log as well.",
        evidence=evidence,
        causes=causes,
        to_do=["Let the program keep its connection and channel." if what != "queues" else "Use one queue for all answers of a process."],
        links=[Link("Connections", "connections") if what != "queues" else Link("Queues", "queues")],
        clears=f"when fewer than {limit:g}/s are {made} and {gone} for a minute",
        detail=what,
    )
