"""`GET lost-events`."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from dashboard.api.errors import ERRORS
from dashboard.api.parameters import Moment, OfBroker, Paged, check_broker, scope
from workers import queries
from workers.presence import lost_events, mended_tasks

router = Router(tags=["workers"])


class LostEventsItem(Schema):
    broker: str
    vhost: str
    worker: str
    counted: int | None = Field(description="By its own count of started tasks; null where that can't be compared with its events")
    mended: int = Field(description="Tasks whose state its own lists, or the result backend, put right, since an event was lost")
    since: Moment


class LostEvents(Schema):
    total: int
    items: list[LostEventsItem]


class LostEventsQuery(OfBroker, Paged):
    pass


@router.get("/lost-events", response={200: LostEvents, **ERRORS}, operation_id="lost_events")
def lost(request: HttpRequest, query: Query[LostEventsQuery]) -> dict[str, Any]:
    """How many task events of each worker node were lost, those with most of them first."""
    check_broker(request, query.broker)
    place: dict[str, Any] = {"broker": query.broker, "vhost": query.vhost, "page": query.page, "page_size": query.page_size}
    page = queries.workers(scope(request), **place, sort="-lost_events")
    items = [
        LostEventsItem(
            broker=worker.broker.name,
            vhost=worker.vhost,
            worker=worker.hostname,
            counted=lost_events(worker),
            mended=mended_tasks(worker),
            since=worker.first_seen_at,
        )
        for worker in page.items
    ]
    return {"total": page.total, "items": items}
