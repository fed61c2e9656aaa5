"""What people do with groups of failures, and what is deleted of them."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Count

from workers.models import FailedTask, FailureEvent, FailureGroup, FailureHour, Task
from workers.store.failure_kinds import MOST_GROUPS

HOURS_KEPT = timedelta(days=14)
MOST_EVENTS = 200
"""Of a group; the oldest go first."""
_DELETED_AT_ONCE, _MOST_DELETED = 5000, 100_000
_LATELY = timedelta(days=1)


def resolve_failures(group: FailureGroup, user_name: str, text: str, now: datetime) -> bool:
    """False if it is resolved already. What fails after `now` opens it again."""
    with transaction.atomic():
        if not FailureGroup.objects.filter(pk=group.pk, resolved_at=None).update(resolved_at=now, resolved_by=user_name[:255]):
            return False
        _note(group, FailureEvent.RESOLVED, user_name, text, now)
    return True


def reopen_failures(group: FailureGroup, user_name: str, text: str, now: datetime) -> bool:
    """False if it is open."""
    with transaction.atomic():
        if not FailureGroup.objects.filter(pk=group.pk, resolved_at__isnull=False).update(resolved_at=None, resolved_by=""):
            return False
        _note(group, FailureEvent.REOPENED, user_name, text, now)
    return True


def comment_on_failures(group: FailureGroup, user_name: str, text: str, now: datetime) -> None:
    with transaction.atomic():
        _note(group, FailureEvent.COMMENT, user_name, text, now)


def _note(group: FailureGroup, what: str, user_name: str, text: str, now: datetime) -> None:
    FailureEvent.objects.create(group=group, at=now, what=what, user_name=user_name[:255], text=text)
    old = list(FailureEvent.objects.filter(group=group).order_by("-pk").values_list("pk", flat=True)[MOST_EVENTS : 2 * MOST_EVENTS])
    FailureEvent.objects.filter(pk__in=old).delete()


def trim_failures(now: datetime, days: float, most_groups: int = MOST_GROUPS) -> int:
    """How many rows were deleted: failures whose task is not kept any more, hours before the last fourteen days, and groups that did not fail for `days`; where
    a virtual host has nearly as many groups as it may have, those that failed the longest ago."""
    deleted = _delete_failures_without_task()
    deleted += FailureHour.objects.filter(hour__lt=int((now - HOURS_KEPT).timestamp()) // 3600).delete()[0]
    deleted += FailureGroup.objects.filter(last_at__lt=now - timedelta(days=days)).delete()[0]
    crowded = FailureGroup.objects.values("broker_id", "vhost").annotate(groups=Count("pk")).filter(groups__gt=most_groups * 9 // 10)
    for place in crowded.order_by():
        there = FailureGroup.objects.filter(broker_id=place["broker_id"], vhost=place["vhost"], last_at__lt=now - _LATELY, resolved_at=None)
        oldest = list(there.order_by("last_at").values_list("pk", flat=True)[: max(1, most_groups // 5)])
        for start in range(0, len(oldest), 500):
            deleted += FailureGroup.objects.filter(pk__in=oldest[start : start + 500]).delete()[0]
    return deleted


def _delete_failures_without_task() -> int:
    """Keys of tasks grow, and the oldest tasks are deleted first. In short transactions."""
    first = Task.objects.order_by("pk").values_list("pk", flat=True).first()
    deleted = 0
    while deleted < _MOST_DELETED:
        gone = FailedTask.objects.order_by("pk")
        keys = list((gone if first is None else gone.filter(pk__lt=first)).values_list("pk", flat=True)[:_DELETED_AT_ONCE])
        if not keys:
            break
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM workers_failedtask WHERE task_id >= %s AND task_id <= %s", [keys[0], keys[-1]])
            deleted += cursor.rowcount
    return deleted
