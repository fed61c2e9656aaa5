"""The only writer of the views of the list of tasks that people keep."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from dashboard.models import TaskView

MOST_TASK_VIEWS = 50
"""So many does a person keep."""


def keep_task_view(user_id: int, name: str, now: datetime, **known: str) -> TaskView | None:
    """The person's view of this name, which replaces one that is not shared; None where there are too many, or one of the name is shared."""
    with transaction.atomic():
        TaskView.objects.filter(user_id=user_id, name=name, shared=False).delete()
        own = TaskView.objects.filter(user_id=user_id)
        if own.count() >= MOST_TASK_VIEWS or own.filter(name=name).exists():
            return None
        return TaskView.objects.create(user_id=user_id, name=name, created_at=now, **known)


def rename_task_view(view: TaskView, name: str) -> bool:
    """False where its owner has another one of the name."""
    with transaction.atomic():
        if TaskView.objects.filter(user_id=view.user_id, name=name).exclude(pk=view.pk).exists():
            return False
        TaskView.objects.filter(pk=view.pk).update(name=name)
        return True


def share_task_view(view: TaskView, shared: bool) -> None:
    TaskView.objects.filter(pk=view.pk).update(shared=shared)


def make_columns_usual(view: TaskView, usual: bool) -> None:
    """One view of a person has them at most."""
    with transaction.atomic():
        TaskView.objects.filter(user_id=view.user_id, is_usual=True).update(is_usual=False)
        if usual:
            TaskView.objects.filter(pk=view.pk).update(is_usual=True)


def remove_task_view(view: TaskView) -> None:
    TaskView.objects.filter(pk=view.pk).delete()
