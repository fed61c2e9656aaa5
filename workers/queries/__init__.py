"""Every question about workers, where their events are received, and tasks. The only reader of `workers.models`.

`scope` is what the person may see; `at` is a moment, None means now. Rows are models, to be read only.
"""

from workers.queries.custom_events import custom_events, load_custom_events
from workers.queries.delayed_tasks import delayed_tasks
from workers.queries.failures import (
    FAILURE_SORTS,
    FailureFilter,
    Failures,
    Sample,
    failure,
    failure_events,
    failure_of_task,
    failure_sample,
    failures,
    failures_counted_until,
    names_in,
    tasks_of_failure,
)
from workers.queries.flows import FlowRows, NameCount, flow, flow_size
from workers.queries.latest_tasks import Takers, senders_of_queues, takers, takers_of_queue
from workers.queries.ordered_workers import workers_chosen, workers_named, workers_to_order
from workers.queries.past_reports import applications_at
from workers.queries.periodic import frequent_names, places_with_task, receiving_since, reported_schedules, runs_of
from workers.queries.reports import reports
from workers.queries.task_counts import kept_counts
from workers.queries.task_cursors import TASK_SORTS
from workers.queries.task_filtering import Search, search_tasks
from workers.queries.task_news import counts_by_state, family_fingerprint, kept_since, newest_task
from workers.queries.task_pages import TaskPage, tasks, tasks_after
from workers.queries.task_parts import COUNTED
from workers.queries.task_records import load_open_tasks, load_orphaned_tasks, load_tasks, load_tasks_received, load_tasks_sent, workers_with_open_tasks
from workers.queries.task_stamps import stamped_tasks
from workers.queries.task_statistics import (
    Part,
    StatisticsQuestion,
    counted_periods,
    counted_since,
    ended_courses,
    statistics_counts,
    statistics_totals,
    task_statistics,
)
from workers.queries.tasks import (
    Family,
    family,
    last_sent,
    state_counts,
    task,
    task_by_id,
    task_names,
    tasks_by_ids,
    tasks_by_uuid,
)
from workers.queries.unended_tasks import unended_tasks
from workers.queries.visible_workers import workers_in
from workers.queries.worker_news import revisions, workers_fingerprint
from workers.queries.workers import (
    WORKER_SORTS,
    all_workers,
    celery_names,
    event_source,
    event_sources,
    gone_for,
    liveliest,
    names_of,
    received_at,
    registered_tasks,
    reported_applications,
    reported_names,
    silent_workers,
    worker,
    worker_by_id,
    worker_counts,
    worker_slots,
    workers,
    workers_by_ids,
    workers_for_list,
)

__all__ = [
    "COUNTED",
    "FAILURE_SORTS",
    "TASK_SORTS",
    "WORKER_SORTS",
    "FailureFilter",
    "Failures",
    "Family",
    "FlowRows",
    "NameCount",
    "Part",
    "Sample",
    "Search",
    "StatisticsQuestion",
    "Takers",
    "TaskPage",
    "all_workers",
    "applications_at",
    "celery_names",
    "counted_periods",
    "counted_since",
    "counts_by_state",
    "custom_events",
    "delayed_tasks",
    "ended_courses",
    "event_source",
    "event_sources",
    "failure",
    "failure_events",
    "failure_of_task",
    "failure_sample",
    "failures",
    "failures_counted_until",
    "family",
    "family_fingerprint",
    "flow",
    "flow_size",
    "frequent_names",
    "gone_for",
    "kept_counts",
    "kept_since",
    "last_sent",
    "liveliest",
    "load_custom_events",
    "load_open_tasks",
    "load_orphaned_tasks",
    "load_tasks",
    "load_tasks_received",
    "load_tasks_sent",
    "names_in",
    "names_of",
    "newest_task",
    "places_with_task",
    "received_at",
    "receiving_since",
    "registered_tasks",
    "reported_applications",
    "reported_names",
    "reported_schedules",
    "reports",
    "revisions",
    "runs_of",
    "search_tasks",
    "senders_of_queues",
    "silent_workers",
    "stamped_tasks",
    "state_counts",
    "statistics_counts",
    "statistics_totals",
    "takers",
    "takers_of_queue",
    "task",
    "task_by_id",
    "task_names",
    "task_statistics",
    "tasks",
    "tasks_after",
    "tasks_by_ids",
    "tasks_by_uuid",
    "tasks_of_failure",
    "unended_tasks",
    "worker",
    "worker_by_id",
    "worker_counts",
    "worker_slots",
    "workers",
    "workers_by_ids",
    "workers_chosen",
    "workers_fingerprint",
    "workers_for_list",
    "workers_in",
    "workers_named",
    "workers_to_order",
    "workers_with_open_tasks",
]
