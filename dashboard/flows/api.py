"""The tasks of one workflow over HTTP."""

from __future__ import annotations

from typing import Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema
from pydantic import Field

from dashboard.api.errors import ERRORS, not_found
from dashboard.api.parameters import Moment, Name, broker_named, scope
from dashboard.flows.page import FlowPage
from dashboard.flows.tree import Tree

router = Router(tags=["tasks"])

StateName = Literal["PENDING", "RECEIVED", "STARTED", "RETRY", "SUCCESS", "FAILURE", "REVOKED", "REJECTED", "UNKNOWN"]


class FlowTask(Schema):
    id: int
    broker: str
    vhost: str
    uuid: str
    name: str | None
    state: StateName
    parent: str | None = Field(description="The uuid of the task that it came after: in a chain the one before it, else the one that sent it")
    group: str | None = Field(
        description="Where it is certain: by the arguments of celery.chord_unlock, or by a message that Hareline has seen. No event names it"
    )
    chord_body: str | None = Field(description="The uuid of the body of the chord whose header it is in, where that is certain")
    replaced_by: list[str] = Field(description="The names of what it replaced itself with, under its own uuid")
    retries: int
    sent_at: Moment | None
    received_at: Moment | None
    started_at: Moment | None
    ended_at: Moment | None
    runtime_seconds: float | None


class Flow(Schema):
    broker: str
    vhost: str
    root: str
    tasks: list[FlowTask] = Field(description="At most 2,000, those first seen first")
    total: int = Field(description="Of its root, counted up to 20,000")
    total_is_more: bool = Field(description="There are more than `total`")
    critical_path: list[str] = Field(description="The uuids of the tasks that its end waited for, one after another")
    complete: bool
    why_not: str | None = Field(description="What is missing")


class FlowQuery(Schema):
    broker: Name
    vhost: Name
    root: Name = Field(description="The uuid of the root task")


@router.get("/flow", response={200: Flow, **ERRORS}, operation_id="flow")
def flow(request: HttpRequest, query: Query[FlowQuery]) -> Flow:
    """All tasks of one root, with the groups and chords in them as far as they are known."""
    page = FlowPage(scope(request), broker_named(request, query.broker), query.vhost, query.root, timezone.now())
    if not page.rows.tasks:
        raise not_found(f"No task of the root {query.root} is kept.", "root")
    return Flow(
        broker=page.broker.name,
        vhost=page.vhost,
        root=page.root,
        tasks=_tasks(page),
        total=page.rows.total,
        total_is_more=page.rows.is_more,
        critical_path=list(page.path.tasks) if page.path else [],
        complete=not page.gaps,
        why_not=" ".join(page.gaps) or None,
    )


def _tasks(page: FlowPage) -> list[FlowTask]:
    groups, bodies = certain(page.tree)
    place: dict[str, Any] = {"broker": page.broker.name, "vhost": page.vhost}
    return [
        FlowTask(
            **place,
            id=one.order,
            uuid=one.uuid,
            name=one.name or None,
            state=one.state,  # type: ignore[arg-type]
            parent=one.parent if one.parent != one.uuid else None,
            group=groups.get(one.uuid),
            chord_body=bodies.get(one.uuid),
            replaced_by=list(one.others),
            retries=one.retries,
            sent_at=one.sent_at,
            received_at=one.received_at,
            started_at=one.started_at,
            ended_at=one.ended_at,
            runtime_seconds=one.runtime_seconds,
        )
        for one in page.tree.tasks()
    ]


def certain(tree: Tree) -> tuple[dict[str, str], dict[str, str]]:
    """({task: its group}, {task: the body of its chord}), where these are certain."""
    groups = {key: group.id for group in tree.groups if group.source for key in group.tasks}
    bodies = {key: chord.body for chord in tree.chords for key in chord.tails}
    return groups, bodies
