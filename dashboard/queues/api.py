"""`GET queues` and `GET queue`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema
from pydantic import Field

from brokers import parts, queries
from brokers.models import Queue
from brokers.routing.past import is_delay_level
from dashboard.api.errors import ERRORS, invalid, not_found
from dashboard.api.parameters import Moment, Name, OfBroker, Paged, broker_named, scope
from dashboard.findings.open_now import OpenNow, open_now
from dashboard.layout import filter_language, levels
from dashboard.layout.consumer_workers import Consuming
from dashboard.layout.consumption import consuming_of, consuming_of_each
from dashboard.layout.queue_levels import queue_level
from dashboard.queues import filter as queue_filter

router = Router(tags=["queues"])


class QueueItem(Schema):
    id: int
    broker: str
    vhost: str
    name: str
    type: str | None
    state: str | None
    level: str = Field(description="How it is: ok, notice, warning, critical or unknown, as the pages show it")
    level_reason: str = Field(description="Why, as a clause: is stuck: no acknowledgement since 03:02:12 (16 ready, 1 consumer)")
    ready: int | None
    unacknowledged: int | None
    delayed: int | None = Field(description="Waiting for their next delivery; null where the broker delays none")
    depth: int | None
    consumers: int | None
    publish_per_second: float | None
    deliver_per_second: float | None
    ack_per_second: float | None
    oldest_seconds: float | None
    oldest_estimated: bool
    nobody_consumes_since: Moment | None
    nobody_since_at_least: bool | None
    still_since: Moment | None = Field(description="Since when nothing was acknowledged although it has messages and consumers")
    workers: list[str]
    at: Moment | None = Field(description="When the broker last reported these numbers")


class ConsumerItem(Schema):
    tag: str
    connection: str | None
    channel: str | None
    peer_host: str | None
    user: str | None
    prefetch: int | None
    worker_id: int | None
    worker: str | None = Field(description="The Celery worker's hostname; null if the consumer is not a known worker")
    exact: bool
    why: str


class QueueDetail(QueueItem):
    durable: bool | None
    auto_delete: bool | None
    exclusive: bool | None
    arguments: dict[str, Any]
    policy: str | None
    operator_policy: str | None
    effective_policy: dict[str, Any]
    node: str | None
    leader: str | None = Field(description="Of a quorum queue or stream; empty while it has none")
    members: list[str] | None
    online: list[str] | None
    active_consumers: int | None
    redeliver_per_second: float | None
    memory_bytes: int | None
    message_bytes: int | None
    highest_depth: int | None
    first_seen_at: Moment
    consumed_by: list[ConsumerItem]


class Queues(Schema):
    total: int
    items: list[QueueItem]


class QueuesRequest(OfBroker, Paged):
    q: str = Field("", max_length=500, description="Words and qualifiers as in the page's filter: mail depth>1000 worker:none")
    sort: str = Field("-depth", max_length=50, description=f"One of {', '.join(queries.QUEUE_SORTS)}; a leading - is descending")


class QueueRequest(Schema):
    broker: Name
    vhost: Name
    name: Name


@router.get("/queues", response={200: Queues, **ERRORS}, operation_id="queues")
def queues(request: HttpRequest, query: Query[QueuesRequest]) -> dict[str, Any]:
    """A page of queues with their current numbers."""
    brokers = [broker_named(request, query.broker)] if query.broker is not None else queries.brokers(scope(request))
    wanted = filter_language.parse(query.q, filter_language.QUEUES)
    if wanted.problems:
        raise invalid("q", wanted.problems[0].problem)
    conditions = queue_filter.conditions(wanted, scope(request), brokers, query.vhost)
    try:
        page = queries.queues(
            scope(request), broker=query.broker, vhost=query.vhost, conditions=conditions, sort=query.sort, page=query.page, page_size=query.page_size
        )
    except ValueError as error:
        raise invalid("sort", error) from error
    now = timezone.now()
    opened = open_now(scope(request), brokers)
    return {"total": page.total, "items": [QueueItem(**_item(queue, consuming, now, opened)) for queue, consuming in consuming_of_each(page.items)]}


@router.get("/queue", response={200: QueueDetail, **ERRORS}, operation_id="queue")
def queue(request: HttpRequest, query: Query[QueueRequest]) -> QueueDetail:
    """One queue with its settings and consumers."""
    broker_named(request, query.broker)
    found = queries.queue(scope(request), query.broker, query.vhost, query.name)
    if found is None:
        raise not_found(f"Broker {query.broker} has no queue {query.name} in virtual host {query.vhost}.", "name")
    consuming = consuming_of(found)
    return QueueDetail(
        **_item(found, consuming, timezone.now(), open_now(scope(request), [found.broker])),
        **{name: getattr(found, name) for name in ("durable", "auto_delete", "exclusive", "arguments", "effective_policy", "redeliver_per_second")},
        **{name: getattr(found, name) for name in ("memory_bytes", "message_bytes", "highest_depth", "first_seen_at")},
        policy=found.policy or None,
        operator_policy=found.operator_policy or None,
        node=found.node or None,
        **{name: getattr(found, name) for name in ("leader", "members", "online", "active_consumers")},
        consumed_by=[_consumer(one) for one in consuming],
    )


def _item(queue: Queue, consuming: Any, now: datetime, opened: OpenNow) -> dict[str, Any]:
    level = opened.level("queue", queue.pk, queue.broker_id, queue_level(queue, queue.broker, now))
    return {
        "level": level.word,
        "level_reason": level.reason,
        "id": queue.pk,
        "broker": queue.broker.name,
        "type": queue.type or None,
        "state": queue.state or None,
        "oldest_seconds": None if queue.oldest_at is None else max(0.0, (now - queue.oldest_at).total_seconds()),
        "workers": sorted({one.hostname for one in consuming if one.hostname}),
        "at": levels.read_at(queue.broker, parts.QUEUES),
        **{name: getattr(queue, name) for name in ("vhost", "name", "ready", "unacknowledged", "delayed", "depth", "consumers")},
        **{name: getattr(queue, name) for name in ("publish_per_second", "deliver_per_second", "ack_per_second", "oldest_estimated")},
        **{name: getattr(queue, name) for name in ("nobody_consumes_since", "nobody_since_at_least", "still_since")},
        **({"nobody_consumes_since": None, "nobody_since_at_least": None} if is_delay_level(queue.name) else {}),
    }


def _consumer(one: Consuming) -> ConsumerItem:
    consumer = one.consumer
    return ConsumerItem(
        tag=consumer.tag,
        connection=consumer.connection_name or None,
        channel=consumer.channel_name or None,
        peer_host=consumer.peer_host or None,
        user=consumer.user or None,
        prefetch=consumer.prefetch,
        worker_id=one.worker_id,
        worker=one.hostname,
        exact=one.exact,
        why=one.why,
    )
