"""`GET tasks` and `GET task`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema
from pydantic import Field

from brokers.scope import Scope
from dashboard.api.errors import ERRORS, invalid, not_found
from dashboard.api.parameters import Moment, MomentOrAgo, Name, OfBroker, Paged, check_broker, scope
from dashboard.tasks import filter as task_filter
from workers import queries, task_queue
from workers.custom_events import progress
from workers.errors import AmbiguousTask
from workers.models import Task
from workers.task_filter import TaskFilter
from workers.time_limits import past_limit_seconds

router = Router(tags=["tasks"])

StateName = Literal["PENDING", "RECEIVED", "STARTED", "RETRY", "SUCCESS", "FAILURE", "REVOKED", "REJECTED", "UNKNOWN"]


class TaskItem(Schema):
    id: int
    broker: str
    vhost: str
    uuid: str
    name: str | None
    state: StateName
    last_seen_state: str | None = Field(description="With UNKNOWN: what it was last seen as")
    unknown_reason: str | None
    state_source: Literal["list", "query", "backend"] | None = Field(
        description="Where the state comes from if no event reported it: its worker node’s lists, that node’s answer to query_task, or the result backend. "
        "UNKNOWN by either of the first two, last seen STARTED: it ended, how is unknown. Null: its events, or with UNKNOWN their absence"
    )
    state_source_at: Moment | None = Field(description="When that was so; null where state_source is null")
    worker: str | None
    sender: str | None
    queue: str | None = Field(
        description="The queue that it is in or was taken from, by the bindings of its time and the worker node that received it; null if unknown or several"
    )
    queues: list[str] = Field(description="That queue, or several where each has a copy; [] if unknown")
    queue_source: Literal["routing", "worker", "both"] | None = Field(
        description="What shows it: the bindings, that its worker node consumes no other queue, or both together"
    )
    queue_reason: str | None = Field(description="Why it is unknown")
    sent_queue: str | None = Field(description="As the sender’s task-sent event names it, and so are exchange and routing_key; bindings may lead elsewhere")
    exchange: str | None
    routing_key: str | None
    sent_at: Moment | None
    received_at: Moment | None
    started_at: Moment | None
    ended_at: Moment | None
    eta: Moment | None
    expires: Moment | None
    runtime_seconds: float | None
    retries: int | None
    time_limit_seconds: float | None = Field(
        description="As its worker node reports it for tasks of this name, noted when it ran; its message may have set another. Null: unknown, or none"
    )
    time_limit_kind: Literal["hard", "soft"] | None = Field(description="Celery ends a task at a hard limit; at a soft one it raises an exception in it")
    past_limit_seconds: float | None = Field(description="By how much a task that runs is past that limit; null if it is not, or the limit is unknown")
    exception: str | None
    first_seen_at: Moment


class Relative(Schema):
    id: int
    uuid: str
    name: str | None
    state: StateName


class CustomEventItem(Schema):
    type: str = Field(description="task-progress, or whatever name the task’s code gave it")
    at: Moment
    worker: str
    share: float | None = Field(description="Of what is to be done, from 0 to 1: current of total, or percent; null where its fields show neither")
    fields: dict[str, str | int | float | bool | None] = Field(
        description="Whatever it contained; lists and objects as JSON text; texts are cut, and “hidden” where the role does not allow seeing arguments"
    )
    left_out: int = Field(description="How many more fields it had: the first 20, and 2,000 bytes, are kept")


class TaskDetail(TaskItem):
    args: str | None = Field(description="As Celery prints it: text, not data; kwargs and result too")
    kwargs: str | None
    result: str | None
    traceback: str | None
    arguments_hidden: bool = Field(description="The role does not allow seeing args, kwargs, result and traceback: they are null whatever the events contained")
    revoked_by: str | None = Field(description="A worker that lists it as revoked while it has not begun: it will be dropped")
    parent_id: str | None
    root_id: str | None
    children: list[Relative] = Field(description="Tasks that it called, at most 200")
    custom_events: list[CustomEventItem] = Field(description="Sent by its own code, in order: the latest five of a type, of eight types")


class Tasks(Schema):
    total: int = Field(description=f"Counted up to {queries.COUNTED:,}, of a search among the newest 1,000 or 5,000 that a page looks at")
    total_is_more: bool = Field(description="There may be more than `total`")
    items: list[TaskItem]
    next: str | None = Field(
        description="What `after` takes for the page that follows, however many tasks come meanwhile; null on the last one. A page of a search may be empty "
        "and still have it: 1,000 tasks with its words are looked at for each page, 5,000 for runtime, wait, overrun, eta, retries and what is left out"
    )


class TasksQuery(OfBroker, Paged):
    state: str | None = Field(
        None, max_length=100, description="One of Celery’s states, UNKNOWN, or a word for some of them as in q, such as waiting or failed; several with commas"
    )
    name: Name | None = Field(None, description="The task’s name; * stands for anything")
    worker: Name | None = None
    queue: Name | None = Field(None, description="It is in this queue or was taken from it; where several have a copy, this is one of them")
    q: str = Field(
        "",
        max_length=2000,
        description="The filter language of the page, docs/filters.md: state:failed runtime>2s args:sku-17. Words without a colon are those of its name, "
        "arguments or exception, or the beginning of its uuid; who may not see arguments searches names and uuids",
    )
    start: MomentOrAgo | None = Field(None, alias="from", description="First seen at this time or later; -1h: an hour ago")
    end: MomentOrAgo | None = Field(None, alias="to", description="First seen before this time; -1h: an hour ago")
    after: str = Field("", max_length=600, description="`next` of the page before, of the same filter and sort; `page` is then left out of account")
    sort: str = Field("-at", max_length=50, description=f"One of {', '.join(queries.TASK_SORTS)}; a leading - is descending")


_PARAMETERS = {"states": "state", "start": "from", "end": "to"}


class TaskQuery(OfBroker):
    uuid: Name


@router.get("/tasks", response={200: Tasks, **ERRORS}, operation_id="tasks")
def tasks(request: HttpRequest, query: Query[TasksQuery]) -> dict[str, Any]:
    """A page of tasks, those first seen last before the others."""
    check_broker(request, query.broker)
    wanted = _wanted(query, scope(request))
    try:
        page = queries.tasks(scope(request), filter=wanted, sort=query.sort, page=query.page, page_size=query.page_size, after=query.after)
    except ValueError as error:
        raise invalid("after" if "cursor" in str(error) else "sort", error) from error
    more = page.total_is_more or page.total > queries.COUNTED
    return {
        "total": min(page.total, queries.COUNTED),
        "total_is_more": more,
        "items": [TaskItem(**_item(task)) for task in page.items],
        "next": page.next or None,
    }


def _wanted(query: TasksQuery, seen: Scope) -> TaskFilter:
    """The filter of `q` and of the other parameters together. A parameter that `q` has too is a mistake: one of them would be left out of account."""
    parsed = task_filter.parse(query.q, seen.arguments is None)
    if parsed.problems:
        raise invalid("q", " ".join(f"{term.text} does not apply. {term.problem}" for term in parsed.problems))
    wanted = task_filter.query_filter(parsed, query.broker, query.vhost, timezone.now())
    given: dict[str, Any] = {"states": tuple(dict.fromkeys(task_filter.named_states(query.state or ""))), "name": query.name, "worker": query.worker}
    given |= {"queue": query.queue, "start": query.start, "end": query.end}
    for name, value in given.items():
        if value and getattr(wanted, name):
            raise invalid(_PARAMETERS.get(name, name), f"q has {_PARAMETERS.get(name, name)} too; give it once.")
    found = msgspec.structs.replace(wanted, **{name: value for name, value in given.items() if value})
    try:
        found.check()
    except ValueError as error:
        raise invalid("state", error) from error
    return found


@router.get("/task", response={200: TaskDetail, **ERRORS}, operation_id="task")
def task(request: HttpRequest, query: Query[TaskQuery]) -> TaskDetail:
    """One task. A uuid that is known in two places needs `broker` and `vhost`."""
    check_broker(request, query.broker)
    try:
        found = queries.task(scope(request), query.uuid, broker=query.broker, vhost=query.vhost)
    except AmbiguousTask as error:
        raise invalid("broker" if query.broker is None else "vhost", error) from error
    if found is None:
        raise not_found(f"No task {query.uuid} is known.", "uuid")
    details = ("args", "kwargs", "result", "traceback", "arguments_hidden", "root_id")
    parent_id = None if found.parent_id == found.uuid else found.parent_id  # a retry names the task itself as its parent
    children = [
        Relative.model_validate({"id": child.pk, "uuid": child.uuid, "name": child.name, "state": child.state})
        for child in queries.family(scope(request), found).children
    ]
    events = [
        CustomEventItem(
            type=event.type,
            at=datetime.fromtimestamp(event.at, UTC),
            worker=event.worker,
            share=progress(event.fields).share,
            fields=event.fields,
            left_out=event.left_out,
        )
        for event in queries.custom_events(found)
    ]
    shown = {name: getattr(found, name) for name in details} | {"revoked_by": found.revoked_by or None}
    return TaskDetail(**_item(found), **shown, parent_id=parent_id, children=children, custom_events=events)


def _item(task: Task) -> dict[str, Any]:
    found = task.found
    worded = {"id": task.pk, "broker": task.broker.name, "unknown_reason": task.unknown_reason or None, "queues": list(found.names) if found else []}
    worded |= {"queue_source": task.queue_source or None, "queue_reason": found.reason or None if found else task_queue.NEVER}
    worded |= {"time_limit_seconds": task.limit_seconds, "time_limit_kind": task.limit_kind, "past_limit_seconds": past_limit_seconds(task, timezone.now())}
    return worded | {name: getattr(task, name) for name in TaskItem.model_fields if name not in worded}
