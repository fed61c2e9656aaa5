"""What the filter of tasks can be completed with: names, queues and exceptions of the tasks listed and registered, worker nodes, and moments."""

from __future__ import annotations

from dashboard.layout.completion import Values
from dashboard.tasks.list_page import TaskList
from workers import queries
from workers.models import Worker

MOMENTS = [(text, "") for text in ("-5min", "-1h", "-24h")]


def task_values(listed: TaskList) -> Values:
    return {
        "name": lambda: [(name, "") for name in _names(listed)],
        "queue": lambda: [(name, "") for name in _queue_names(listed)],
        "worker": lambda: [(worker.hostname, "" if worker.state == Worker.ONLINE else worker.state) for worker in listed.workers],
        "exception": lambda: [(name, "") for name in _exception_names(listed)],
        "after": lambda: MOMENTS,
        "before": lambda: MOMENTS,
    }


def _names(listed: TaskList) -> list[str]:
    broker = listed.broker.pk if listed.broker else None
    registered = {name for name, _, _ in queries.registered_tasks(listed.scope, broker, listed.vhost)}
    return sorted(registered | {task.name for task in listed.page.items if task.name})


def _queue_names(listed: TaskList) -> list[str]:
    consumed = {str(queue.get("name")) for worker in listed.workers for queue in worker.queues or []}
    return sorted(consumed | {name for task in listed.page.items if task.found for name in task.found.names})


def _exception_names(listed: TaskList) -> list[str]:
    """The classes of the exceptions on the page: "ValueError" of "ValueError('no')"."""
    raised = {(task.exception or "").partition("(")[0].strip() for task in listed.page.items}
    return sorted(name for name in raised if name.replace(".", "").isidentifier())
