"""`GET snapshots`: the queues of a broker as they were at a past moment."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from brokers import queries
from brokers.errors import NotRecorded
from dashboard.api.errors import ERRORS, invalid, not_found
from dashboard.api.parameters import Moment, MomentOrAgo, Name, Paged, broker_named, scope

router = Router(tags=["history"])


class PastQueueItem(Schema):
    id: int
    broker: str
    vhost: str
    name: str
    type: str | None
    ready: float | None
    unacknowledged: float | None
    depth: float | None
    consumers: float | None
    publish_per_second: float | None
    deliver_per_second: float | None
    ack_per_second: float | None
    redeliver_per_second: float | None
    memory_bytes: float | None


class Snapshot(Schema):
    at: Moment
    recorded_at: Moment = Field(description="When these numbers were recorded, at or before that moment")
    age_seconds: float = Field(description="How old they were at that moment")
    resolution_seconds: float = Field(description="How often they were recorded then: as long as polls took, or 60, or 600 where older history answers")
    total: int
    items: list[PastQueueItem]


class SnapshotQuery(Paged):
    broker: Name
    at: MomentOrAgo = Field(description='A time, or how long ago it was: "-1h"')
    vhost: Name | None = None
    sort: str = Field("-depth", max_length=50, description=f"One of {', '.join(queries.QUEUE_SORTS)}; a leading - is descending")


@router.get("/snapshots", response={200: Snapshot, **ERRORS}, operation_id="snapshots")
def snapshots(request: HttpRequest, query: Query[SnapshotQuery]) -> dict[str, Any]:
    """The queues that existed then, with their numbers; 404 where nothing was recorded: before the first poll, in a gap, in the future."""
    broker = broker_named(request, query.broker)
    try:
        recorded = queries.recorded(broker.pk, "queues", query.at)
        page = queries.queues(scope(request), broker=query.broker, vhost=query.vhost, sort=query.sort, page=query.page, page_size=query.page_size, at=query.at)
    except NotRecorded as error:
        raise not_found(f"{str(error)[:1].upper()}{str(error)[1:]}.", "at") from error
    except ValueError as error:
        raise invalid("sort", error) from error
    fields = [name for name in PastQueueItem.model_fields if name not in ("id", "broker", "type")]
    items = [
        {"id": queue.pk, "broker": queue.broker.name, "type": queue.type or None, **{name: getattr(queue, name) for name in fields}} for queue in page.items
    ]
    age = (query.at - recorded.at) / timedelta(seconds=1)
    return {"at": query.at, "recorded_at": recorded.at, "age_seconds": age, "resolution_seconds": recorded.every_seconds, "total": page.total, "items": items}
