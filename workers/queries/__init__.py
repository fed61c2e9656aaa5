"""Every question about workers, where their events are received, and tasks. The only reader of `workers.models`.

`scope` is what the asking person may see; `at` is a moment, None means now. Rows are models, to be read only.
"""

from workers.queries.task_news import counts_by_state, family_fingerprint, kept_since, newest_task
from workers.queries.task_records import load_doubted_tasks, load_open_tasks, load_tasks, load_tasks_received, load_tasks_sent, workers_with_open_tasks
from workers.queries.tasks import (
    COUNTED,
    TASK_SORTS,
    Family,
    TaskPage,
    family,
    last_sent,
    state_counts,
    task,
    task_by_id,
    task_names,
    tasks,
    tasks_by_ids,
)
from workers.queries.workers import (
    WORKER_SORTS,
    all_workers,
    event_source,
    event_sources,
    registered_tasks,
    revisions,
    telling_workers,
    worker,
    worker_by_id,
    worker_counts,
    worker_slots,
    workers,
    workers_by_ids,
    workers_fingerprint,
    workers_for_list,
)

__all__ = [
    "COUNTED", "TASK_SORTS", "WORKER_SORTS", "Family", "TaskPage", "all_workers", "counts_by_state", "event_source", "event_sources",
    "family", "family_fingerprint", "kept_since", "last_sent", "load_doubted_tasks", "load_open_tasks", "load_tasks", "load_tasks_received",
    "load_tasks_sent", "newest_task", "registered_tasks", "revisions", "state_counts", "task", "task_by_id", "task_names", "tasks", "tasks_by_ids",
    "telling_workers", "worker", "worker_by_id", "worker_counts", "worker_slots", "workers", "workers_by_ids", "workers_fingerprint",
    "workers_for_list", "workers_with_open_tasks",
]  # fmt: skip
