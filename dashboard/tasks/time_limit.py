"""A task that runs past its time limit without an event of its end, in words.

Nothing is said of a task whose limit is unknown, nor of one that is within it.
"""

from __future__ import annotations

from datetime import datetime

from dashboard.tasks.detail_page import TaskPage
from dashboard.tasks.row import runtime_text
from workers.models import Task
from workers.time_limits import ENFORCED, SOFT, past_limit_seconds


def notice(page: TaskPage) -> str:
    """Of the task of a page, whose worker node is only read where it matters."""
    if past_limit_seconds(page.task, page.now) is None:
        return ""
    return past_limit_text(page.task, page.worker.pool if page.worker else None, page.now)


def past_limit_text(task: Task, pool: str | None, now: datetime) -> str:
    """What its page says; "" if it is not past a limit. `pool`: that of its worker node, None where it is unknown."""
    past = past_limit_seconds(task, now)
    if past is None or task.limit_seconds is None:
        return ""
    soft = task.limit_kind == SOFT
    limit = f"{'soft ' if soft else ''}time limit of {runtime_text(task.limit_seconds)}"
    effect = _effect(task, pool, soft)
    source = f"Worker node {task.worker} reported this limit for tasks of this name; the task’s message may have set another, which no event contains."
    return f"Past its {limit} by {runtime_text(past)}, and no event has reported its end. {effect} {source}"


def _effect(task: Task, pool: str | None, soft: bool) -> str:
    if pool is not None and (task.limit_kind or "") not in ENFORCED.get(pool, ()):
        return f"The pool of its worker node, {pool}, does not apply it."
    if soft:
        return "At that limit Celery raises an exception in the task, which the task may catch and go on."
    return "Celery ends a task at that limit: its event may be lost, or its process hangs."
