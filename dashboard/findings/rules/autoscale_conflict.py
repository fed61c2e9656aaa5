"""Worker nodes whose pool has another size than their autoscaler allows: it changes it back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Link, Object, Report
from dashboard.findings.thresholds import Thresholds

KEY = "autoscale_conflict"
NAME = "Autoscaler against pool size"
ABOUT = "The pool of a worker node is larger or smaller than its autoscaler allows, which changes it back."
NEEDS = ("broker",)
THRESHOLDS = ()
OPENS_AFTER = timedelta(minutes=1)  # an autoscaler looks every second, and shrinks after half a minute
CLEARS_AFTER = timedelta(seconds=30)


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
            summary="Its pool was grown or shrunk beyond the bounds of its autoscaler.",
            meaning="The autoscaler undoes the change, or keeps a pool that nobody chose: both can’t decide the size.",
            evidence=[Evidence("Pool", f"{size:,}", worker.inspected_at), Evidence("Autoscaler", f"{least:,} to {most:,}", worker.inspected_at)],
            causes=[Cause("Somebody grew or shrank the pool (pool_grow, pool_shrink) of a node that was started with --autoscale.")],
            to_do=["Change the autoscaler’s bounds instead of the pool, or start the node without --autoscale."],
            links=[Link("Open the worker node", "worker", worker.pk)],
            clears="when the pool is within the bounds",
        )
