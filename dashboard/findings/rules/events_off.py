"""A worker node that runs tasks and sends no events about them: its tasks are missing from every page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from dashboard.findings import folding
from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Link, Object, Report, Unsure
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import formatting
from workers.models import Worker

KEY = "events_off"
NAME = "Task events off"
ABOUT = "A worker node runs tasks and sends no task events, so that its tasks are not seen."
NEEDS = ()
THRESHOLDS = ()
OPENS_AFTER = timedelta(0)
CLEARS_AFTER = timedelta(seconds=5)

TO_DO = "Start it with -E, or set worker_send_task_events = True; with task_send_sent_event = True in the producers, sent tasks are seen too."


def look(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    for worker in facts.groups.unknown:
        yield Unsure(worker.reason or "its state is unknown", worker.vhost, "worker", worker.hostname)
    silent = [worker for worker in facts.groups.without_events if not thresholds.is_off(KEY, worker.vhost, worker.hostname)]
    yield from folding.findings(KEY, silent, facts, _found, lambda one, workers: _many(one, workers, facts))


def _found(worker: Worker) -> Found:
    return Found(
        KEY,
        folding.object_of(worker),
        "notice",
        "sends no task events",
        meaning="What it runs is not among the tasks, and its failures are not seen. Its queues are.",
        evidence=[
            Evidence("Tasks it reports to have run", formatting.number(worker.processed), worker.heartbeat_at),
            Evidence("Task events", "none while that grew", worker.heartbeat_at),
        ],
        causes=[Cause("It was started without -E, or `celery control disable_events` switched them off.")],
        to_do=[TO_DO],
        command="celery control enable_events",
        links=[Link(f"Open {worker.hostname}", "worker", worker.pk)],
        clears="with its next task event",
    )


def _many(one: Object, workers: Sequence[Worker], facts: Facts) -> Found:
    return Found(
        KEY,
        one,
        "notice",
        f"send no task events, {len(workers):,} nodes",
        title=f"{len(workers):,} nodes {one.name} send no task events",
        meaning="What they run is not among the tasks, and its failures are not seen.",
        evidence=[Evidence("Nodes", f"{len(workers):,}", facts.now, formatting.listed([worker.hostname for worker in workers]))],
        causes=[Cause("They were started without -E.")],
        to_do=[TO_DO],
        command="celery control enable_events",
        links=[Link("Worker nodes", "workers")],
        clears="when fewer than three do",
    )
