"""The only writer of what is stored about workers, event sources and tasks. A receiver's round is one transaction: `save_batch`."""

from workers.store.canvas import note_canvas, trim_canvas
from workers.store.custom_events import trim_custom_events
from workers.store.failure_changes import comment_on_failures, reopen_failures, resolve_failures, trim_failures
from workers.store.failures import count_failures
from workers.store.listing import forget_worker, pin_worker
from workers.store.reports import trim_reports
from workers.store.silence import mark_workers_unknown
from workers.store.task_counts import repair_counts
from workers.store.task_days import make_task_days
from workers.store.task_statistics import sum_statistics, trim_statistics
from workers.store.tasks import trim_tasks
from workers.store.workers import (
    Batch,
    Sampler,
    SourceFacts,
    Unstorable,
    Writer,
    ensure_source,
    mark_gone,
    note_fault,
    note_look_alikes,
    note_names,
    note_unwatched,
    remove_source,
    save_batch,
    supersede_all,
    take_over,
)  # fmt: skip

__all__ = [
    "Batch",
    "Sampler",
    "SourceFacts",
    "Unstorable",
    "Writer",
    "comment_on_failures",
    "count_failures",
    "ensure_source",
    "forget_worker",
    "make_task_days",
    "mark_gone",
    "mark_workers_unknown",
    "note_canvas",
    "note_fault",
    "note_look_alikes",
    "note_names",
    "note_unwatched",
    "pin_worker",
    "remove_source",
    "reopen_failures",
    "repair_counts",
    "resolve_failures",
    "save_batch",
    "sum_statistics",
    "supersede_all",
    "take_over",
    "trim_canvas",
    "trim_custom_events",
    "trim_failures",
    "trim_reports",
    "trim_statistics",
    "trim_tasks",
]  # fmt: skip
