"""Views of the list of tasks that people keep."""

from __future__ import annotations

from django.db.models import Q

from brokers.scope import Scope
from dashboard.models import TaskView

MOST_READ = 500


def task_views(user_id: int | None, scope: Scope) -> list[TaskView]:
    """The person's own and those shared that may be seen, with their owner, by name. A filter may name what is in its place, so that a shared one is only
    for who may view all of that."""
    found = TaskView.objects.select_related("user").filter(Q(user_id=user_id) | Q(shared=True)).order_by("name", "pk")[:MOST_READ]
    return [view for view in found if view.user_id == user_id or _covers(scope, view)]


def _covers(scope: Scope, view: TaskView) -> bool:
    if not view.broker:
        return scope.is_everything
    return scope.covers(view.broker, view.vhost or None)
