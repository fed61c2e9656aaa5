"""Exchanges from where no message can reach a queue."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from brokers import parts
from dashboard.findings import faulted
from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Found, Link, Object, Report
from dashboard.findings.thresholds import Thresholds

KEY = "no_way_out"
NAME = "Exchange without a way out"
ABOUT = "An exchange to which something was published within ten minutes has no binding and no alternate exchange from where a queue can be reached."
NEEDS = ("broker", parts.BINDINGS)
THRESHOLDS = ()
OPENS_AFTER = timedelta(minutes=2)  # subscribers that start again bind their queues anew
CLEARS_AFTER = timedelta(seconds=10)


def look(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    yield from faulted.unknown(facts)
    for one in faulted.faults("no way out", KEY, facts, thresholds):
        yield Found(
            KEY,
            Object("exchange", one.name, one.vhost, one.pk),
            "notice",
            "has no way out: no queue can be reached from it",
            summary="It has no binding and no alternate exchange from where a message reaches a queue.",
            meaning="Whatever is published to it is dropped, or returned where the publisher set mandatory.",
            causes=[
                Cause("Its subscribers are not running: they declare and bind their queues when they start."),
                Cause("The queues were deleted, or bound to another exchange."),
            ],
            to_do=["Start the subscribers, bind a queue to it, or stop publishing to it."],
            links=[Link("Open the exchange", "exchange", one.pk)],
            clears="when a queue can be reached from it",
        )
