"""A cluster that HARELINE_BROKERS names twice: it is watched under one of the names alone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Object, Report
from dashboard.findings.thresholds import Thresholds

KEY = "watched_twice"
NAME = "Cluster watched twice"
ABOUT = "Two entries of HARELINE_BROKERS are addresses of the same cluster."
NEEDS = ()
THRESHOLDS = ()
OPENS_AFTER = timedelta(0)
CLEARS_AFTER = timedelta(seconds=10)


def look(facts: Facts, _: Thresholds) -> Iterable[Report]:
    broker = facts.its_broker
    if not broker.same_as:
        return
    yield Found(
        KEY,
        Object("broker", broker.name, pk=broker.pk),
        "notice",
        f"is the same cluster as {broker.same_as}, and is watched under that name alone",
        since=broker.since,
        summary=f"Nothing is read for {broker.name}; all of it is on the pages of {broker.same_as}.",
        evidence=[Evidence("Cluster", broker.cluster_name or broker.cluster_id or "not reported", broker.tried_at)],
        causes=[Cause("HARELINE_BROKERS has an entry for each of two nodes, or two addresses of one.")],
        to_do=["Put the addresses of a cluster's nodes into one entry of HARELINE_BROKERS, separated by |."],
        clears="when HARELINE_BROKERS names each cluster once",
    )
