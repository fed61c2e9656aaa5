"""Writes what workers report of their application, when it changes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max

from workers.models import Worker, WorkerReport
from workers.receiving.worker_state import WorkerState
from workers.reports import Report, encode

MOST_OF_A_WORKER = 200
DELETED_AT_ONCE = 5_000
MOST_NOTED = 1_000
_noted: dict[int, Report] = {}
"""By worker what this process stored of it last, of the latest MOST_NOTED: values that are the same objects need not be compared."""


def note_reports(workers: Iterable[tuple[int, WorkerState]], now: datetime) -> None:
    """Stores the reports of these workers, given with their keys, that differ from their last; within the transaction that stores the workers."""
    changed = {key: report for key, worker in workers if not (report := _report(worker)).is_empty and not _is_noted(key, report)}
    if not changed:
        return
    latest = WorkerReport.objects.filter(worker_id__in=changed).order_by().values("worker_id").annotate(latest=Max("pk")).values("latest")
    known = dict(WorkerReport.objects.filter(pk__in=latest).values_list("worker_id", "content_hash"))
    there = set(Worker.objects.filter(pk__in=changed).values_list("pk", flat=True))  # a row may be deleted that a watch still believes stored
    rows = []
    for key in changed.keys() & there:
        content_hash, data = encode(changed[key])
        if known.get(key) != content_hash:
            rows.append(WorkerReport(worker_id=key, at=now, content_hash=content_hash, data=data))
    WorkerReport.objects.bulk_create(rows)
    transaction.on_commit(lambda: _note(changed))


def _note(reports: dict[int, Report]) -> None:
    for key, report in reports.items():
        _noted.pop(key, None)
        _noted[key] = report
    for key in list(_noted)[:-MOST_NOTED]:
        del _noted[key]


def _report(worker: WorkerState) -> Report:
    return Report(worker.configuration, worker.queues, worker.registered)


def _is_noted(key: int, report: Report) -> bool:
    last = _noted.get(key)
    return last is not None and all(getattr(last, name) is getattr(report, name) for name in ("configuration", "queues", "registered"))


def trim_reports(now: datetime, hours: float) -> int:
    """How many were deleted: those that were not in force any more `hours` ago, and beyond the newest 200 of a worker. At most 5,000 a call."""
    oldest, keys = now - timedelta(hours=hours), list[int]()
    for worker_id in WorkerReport.objects.order_by().values_list("worker_id", flat=True).distinct():
        rows = WorkerReport.objects.filter(worker_id=worker_id).order_by("-at", "-pk")
        in_force = rows.filter(at__lte=oldest).values_list("pk", flat=True).first()
        keys += [] if in_force is None else rows.filter(at__lte=oldest).exclude(pk=in_force).values_list("pk", flat=True)[:DELETED_AT_ONCE]
        keys += rows.values_list("pk", flat=True)[MOST_OF_A_WORKER : MOST_OF_A_WORKER + DELETED_AT_ONCE]
        if len(keys) >= DELETED_AT_ONCE:
            break
    return WorkerReport.objects.filter(pk__in=keys[:DELETED_AT_ONCE]).delete()[0] if keys else 0
