"""`GET workers`."""

from __future__ import annotations

from typing import Any, Literal

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from dashboard.api.errors import ERRORS, invalid
from dashboard.api.parameters import Moment, OfBroker, Paged, check_broker, scope
from dashboard.workers.row import free_slots
from workers import queries
from workers.models import Worker

router = Router(tags=["workers"])


class WorkerItem(Schema):
    id: int
    broker: str
    vhost: str
    hostname: str
    state: str
    reason: str | None
    since: Moment | None
    pool: str | None
    concurrency: int | None
    active: int | None
    reserved: int | None
    scheduled: int | None
    free_slots: int | None
    autoscale_min: int | None
    autoscale_max: int | None
    prefetch: int | None
    processed: int | None
    succeeded_per_second: float | None
    failed_per_second: float | None
    queues: list[str] | None
    load: list[float] | None
    software: dict[str, Any]
    pid: int | None
    uptime_seconds: int | None
    clock_skew_seconds: float | None
    lost_events: int
    heartbeat_at: Moment | None
    inspected_at: Moment | None
    pinned: bool = Field(description="It stays in the lists when it is gone")


class Workers(Schema):
    total: int
    items: list[WorkerItem]


class WorkersQuery(OfBroker, Paged):
    q: str = Field("", max_length=255, description="A part of the host name")
    state: Literal["online", "gone", "unknown"] | None = None
    all: bool = Field(False, description="Those too that left the lists: gone for longer than HARELINE_RETENTION_GONE_WORKER_HOURS, or forgotten")
    sort: str = Field("hostname", max_length=50, description=f"One of {', '.join(queries.WORKER_SORTS)}; a leading - is descending")


@router.get("/workers", response={200: Workers, **ERRORS}, operation_id="workers")
def workers(request: HttpRequest, query: Query[WorkersQuery]) -> dict[str, Any]:
    """A page of Celery worker nodes, those that are gone included until they leave the lists."""
    check_broker(request, query.broker)
    try:
        page = queries.workers(
            scope(request),
            broker=query.broker,
            vhost=query.vhost,
            state=query.state,
            text=query.q,
            sort=query.sort,
            page=query.page,
            page_size=query.page_size,
            with_left=query.all,
        )
    except ValueError as error:
        raise invalid("sort", error) from error
    return {"total": page.total, "items": [_item(worker) for worker in page.items]}


def _item(worker: Worker) -> WorkerItem:
    worded = {"broker", "reason", "free_slots", "queues"}
    return WorkerItem(
        broker=worker.broker.name,
        reason=worker.reason or None,
        free_slots=free_slots(worker),
        queues=None if worker.queues is None else [str(queue.get("name", "")) for queue in worker.queues],
        **{name: getattr(worker, name) for name in WorkerItem.model_fields if name not in worded},
    )
