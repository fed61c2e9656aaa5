"""A route to a queue that exists nowhere: neither in the broker, nor in task_queues, nor consumed by a worker."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from brokers import parts
from dashboard.findings import drifted
from dashboard.findings.drift import Drift
from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Link, Object, Report
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import formatting

KEY = "route_undeclared"
NAME = "Route to a queue that is not there"
ABOUT = "An entry of task_routes leads to a queue that neither the broker nor the configuration of a worker has."
NEEDS = ("broker", parts.QUEUES)
THRESHOLDS = ()
OPENS_AFTER, OPENS_TEXT = drifted.OPENS_AFTER, drifted.OPENS_TEXT
CLEARS_AFTER = timedelta(0)


def look(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    yield from drifted.unknown(facts)
    for one in drifted.drifts("route undeclared", KEY, facts, thresholds):
        yield _found(one)


def _found(one: Drift) -> Found:
    if one.may_create:
        meaning = "The first task that is sent there creates the queue, and nobody consumes it: tasks wait without end."
    else:
        meaning = "task_create_missing_queues is off, so that sending such a task raises QueueNotFound."
    return Found(
        KEY,
        Object("queue", one.name, one.vhost),
        "warning",
        "is the queue of a route, and does not exist",
        title=f"The route {one.detail} leads to the queue {one.name}, which does not exist",
        meaning=meaning,
        evidence=[
            Evidence("Route", f"{one.detail} → {one.name}", one.at, f"task_routes of {formatting.listed(list(one.workers))}"),
            Evidence("Queue", "not in the broker, not in task_queues, consumed by nobody", one.at),
        ],
        causes=[Cause("The name of the queue is mistyped, or its workers are not deployed yet.")],
        to_do=["Correct the route, or start a worker for the queue (-Q)."],
        links=[Link("Queues", "queues"), Link("Where a task goes", "why")],
        clears="when the queue exists, or no configuration has the route",
        detail=one.detail,
    )
