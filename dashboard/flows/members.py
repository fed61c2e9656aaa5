"""The tasks of a workflow, from their rows to what the tree is built of."""

from __future__ import annotations

from dashboard.flows.tree import Member, Tree, grown
from workers.models import Task
from workers.queries import FlowRows
from workers.receiving.task_state import happenings

_NAMING = ("task-sent", "task-received")


def tree_of(root: str, rows: FlowRows) -> Tree:
    """The tree of the rows that were read."""
    return grown(root, [_member(task, rows) for task in rows.tasks])


def _member(task: Task, rows: FlowRows) -> Member:
    seen = rows.canvas.get(task.uuid)
    others = dict.fromkeys(one.detail for one in happenings(task.tries) if one.detail and one.event in _NAMING)
    return Member(
        task.uuid,
        task.pk,
        task.name or "",
        task.state,
        task.last_seen_state,
        task.parent_id,
        task.sent_at,
        task.received_at,
        task.started_at,
        task.ended_at,
        task.runtime_seconds,
        task.retries or 0,
        task.worker or "",
        tuple(others),
        rows.unlocks.get(task.uuid),
        seen.group if seen else None,
        seen.body if seen else None,
        {str(name): str(value) for name, value in seen.stamps.items()} if seen and not task.arguments_hidden else {},
    )
