"""Views of the list of tasks that people keep."""

from __future__ import annotations

from brokers.database.rows import RowsOf
from brokers.scope import Scope
from dashboard.models import TaskView, User

MOST_READ = 500
_VIEWS = RowsOf(TaskView)


def task_views(user_id: int | None, scope: Scope) -> list[TaskView]:
    """The person's own and those shared that may be seen, with their owner, by name. A filter may name what is in its place, so that a shared one is only
    for who may view all of that."""
    found = _VIEWS.read(f"WHERE user_id = %s OR shared ORDER BY name, id LIMIT {MOST_READ:d}", [user_id])
    others = {view.user_id for view in found if view.user_id != user_id}
    owners = User.objects.in_bulk(others) if others else {}
    for view in found:
        if view.user_id in owners:
            view.user = owners[view.user_id]
    return [view for view in found if view.user_id == user_id or _covers(scope, view)]


def _covers(scope: Scope, view: TaskView) -> bool:
    if not view.broker:
        return scope.is_everything
    return scope.covers(view.broker, view.vhost or None)
