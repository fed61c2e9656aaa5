"""A queue that task_queues names twice: Celery keeps the last of the two."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from dashboard.findings import drifted
from dashboard.findings.drift import Drift
from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Link, Report
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import formatting

KEY = "queue_named_twice"
NAME = "Queue named twice"
ABOUT = "The task_queues of an application names a queue twice, of which Celery keeps only the last."
NEEDS = ()
THRESHOLDS = ()
OPENS_AFTER = timedelta(0)
CLEARS_AFTER = timedelta(0)


def look(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    yield from drifted.unknown(facts)
    for one in facts.drift or ():
        if one.what == "queue twice" and not thresholds.is_off(KEY, one.vhost, one.name):
            yield _found(one, facts)


def _found(one: Drift, facts: Facts) -> Found:
    return Found(
        KEY,
        drifted.queue_of(one),
        "notice",
        "is named twice in task_queues",
        meaning="Celery keeps the last entry only: the exchange, key and arguments of the other are never declared.",
        evidence=[Evidence("Reported by", formatting.listed(list(one.workers)), one.at, "setting task_queues")],
        causes=[Cause("Two parts of the configuration define the same queue, or a line was copied.")],
        to_do=["Keep one entry. For a queue with two bindings, give one entry a list of bindings."],
        links=[Link("Worker nodes", "workers")],
        clears="when each entry of task_queues has a name of its own",
    )
