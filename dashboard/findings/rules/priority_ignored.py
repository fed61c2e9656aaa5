"""Tasks that are sent with a priority to a queue without priorities."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from brokers import parts
from dashboard.findings import drifted
from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Link, Report
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import formatting

KEY = "priority_ignored"
NAME = "Priority on a queue without priorities"
ABOUT = "The configuration of workers gives tasks a priority, and the queue that they are sent to has no x-max-priority."
NEEDS = ("broker", parts.QUEUES)
THRESHOLDS = ()
OPENS_AFTER, OPENS_TEXT = drifted.OPENS_AFTER, drifted.OPENS_TEXT
CLEARS_AFTER = timedelta(0)


def look(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    yield from drifted.unknown(facts)
    for one in drifted.drifts("priority", KEY, facts, thresholds):
        yield Found(
            KEY,
            drifted.queue_of(one),
            "notice",
            "takes tasks with a priority and has none",
            summary="It was declared without x-max-priority, so that RabbitMQ ignores the priorities of its messages.",
            meaning="Urgent tasks wait behind all others.",
            evidence=[Evidence("Priority", formatting.listed(list(one.values), 5), one.at, f"by {formatting.listed(list(one.workers))}")],
            causes=[Cause("The queue was declared before task_queue_max_priority was set, or without it: a queue’s arguments can’t be changed.")],
            to_do=["Declare the queue anew with x-max-priority (in Celery task_queue_max_priority), or send these tasks to a queue of their own."],
            links=[Link("Show the queue", "queues", query=one.name)],
            clears="when the queue has priorities, or the tasks have none",
        )
