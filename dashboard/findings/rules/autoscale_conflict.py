"""Worker nodes whose pool has another size than their autoscaler allows.

pool_grow and pool_shrink lead to no such pool: Celery refuses them beside an autoscaler, and before 5.0 moved its range with them. A lower range does:
it ends idle processes alone, and the autoscaler ends others only once nothing was received for half a minute.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Link, Object, Report
from dashboard.findings.thresholds import Thresholds

KEY = "autoscale_conflict"
NAME = "Autoscaler against pool size"
ABOUT = "The pool of a worker node is larger or smaller than its autoscaler allows."
NEEDS = ("broker",)
THRESHOLDS = ()
OPENS_AFTER = timedelta(minutes=1)  # an autoscaler looks every second, and shrinks after half a minute
CLEARS_AFTER = timedelta(seconds=30)

TOO_MANY = "The autoscaler ends processes only once nothing was received for half a minute: on a node that always works, those beyond its range stay."
TOO_FEW = "The node does fewer tasks at once than it is meant to, and the autoscaler adds processes only for tasks that it has received."
LARGER = [
    Cause("The range was lowered while processes were busy: Celery then ends idle ones alone."),
    Cause("A program changed the pool by itself, beside the autoscaler."),
]
SMALLER = [Cause("Processes end again and again, by a signal or for want of memory."), Cause("A program changed the pool by itself, beside the autoscaler.")]


def look(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    for worker in facts.groups.autoscaled:
        least, most, size = worker.autoscale_min, worker.autoscale_max, worker.concurrency
        if least is None or most is None or size is None or least <= size <= most:
            continue
        if thresholds.is_off(KEY, worker.vhost, worker.hostname):
            continue
        yield Found(
            KEY,
            Object("worker", worker.hostname, worker.vhost, worker.pk),
            "notice",
            f"has a pool of {size:,}, and its autoscaler allows {least:,} to {most:,}",
            summary="Its range was changed, or its pool was changed by something else." if size > most else "Processes of its pool ended, or were ended.",
            meaning=TOO_MANY if size > most else TOO_FEW,
            evidence=[Evidence("Pool", f"{size:,}", worker.inspected_at), Evidence("Autoscaler", f"{least:,} to {most:,}", worker.inspected_at)],
            causes=LARGER if size > most else SMALLER,
            to_do=[
                "Start the node again with the range that it should have (--autoscale=max,min), or give it a range that holds its pool.",
                "Change the range instead of the pool.",
            ],
            links=[Link("Open the worker node", "worker", worker.pk)],
            clears="when the pool is within the bounds",
        )
