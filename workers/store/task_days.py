"""Tasks by day on PostgreSQL: their table and that of their words have a partition for each day on which tasks were first seen.

A task's key begins with that day (`hareline_task_id`), so that keys, and lists in their order, lead to partitions, and a batch whose tasks are of
two days finds each where it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import connection
from django.db.models import Sum

from brokers.database import engine, partitions
from brokers.database.partitions import by_id, first_id
from workers.models import Task, TaskCount
from workers.receiving.task_state import TaskRecord
from workers.store import task_counts

TASKS = by_id("workers_task", "id", ("broker_id", "vhost", "uuid"))
WORDS = by_id("workers_task_words", "task_id")


def ids_of(records: Iterable[TaskRecord]) -> tuple[int, int]:
    """Between which keys the rows of these are, the second excluded: those that were there before partitions aside."""
    days = {task_counts.day_of(record.first_seen_at) for record in records}
    return first_id(min(days)), first_id(max(days) + 1)


def make_task_days(now: datetime) -> tuple[int, int]:
    """As `partitions.add_days`; SQLite has none."""
    return partitions.add_days((TASKS, WORDS), now) if engine.is_postgresql() else (0, 0)


def first_in_days() -> int:
    """The least key in a partition of a day: what is before is deleted row by row."""
    days = partitions.days(TASKS)
    return first_id(days[0]) if days else 2**63 - 1


def drop_old(oldest: datetime, most: int) -> int:
    """Drops the days that ended before `oldest`, and the oldest ones without which there are still `most` tasks; how many tasks that were."""
    days, before = partitions.days(TASKS), total()
    old = [day for day in days if day + 1 <= partitions.day_of(oldest)]
    if not Task.objects.filter(pk__lt=first_in_days()).exists():
        sizes = dict(TaskCount.objects.filter(day__in=days).values_list("day").annotate(Sum("tasks")).order_by())
        left = before - sum(sizes.get(day, 0) for day in old)
        for day in days[len(old) :]:
            left -= sizes.get(day, 0)
            if left < most or not sizes.get(day):
                break
            old.append(day)
    partitions.drop_days((TASKS, WORDS), old, _count_anew)
    return before - total() if old else 0


def total() -> int:
    """How many tasks are stored."""
    return TaskCount.objects.aggregate(Sum("tasks"))["tasks__sum"] or 0


def _count_anew(day: int) -> None:
    """What is left of a day is in the partition from before there were days."""
    TaskCount.objects.filter(day=day).delete()
    sql = task_counts.day_in_sql()
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO workers_taskcount (broker_id, vhost, day, state, tasks) SELECT broker_id, vhost, {sql}, state, count(*) FROM workers_task "  # noqa: S608
            f"WHERE first_seen_at >= to_timestamp(%s) AND first_seen_at < to_timestamp(%s) GROUP BY broker_id, vhost, {sql}, state",
            [day * 86400, (day + 1) * 86400],
        )
