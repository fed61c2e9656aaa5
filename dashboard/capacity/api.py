"""`GET capacity`."""

from __future__ import annotations

from typing import Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema
from pydantic import Field

from brokers import queries
from brokers.queries.one_moment import one_moment
from dashboard.api.errors import ERRORS
from dashboard.api.parameters import OfBroker, check_broker, scope
from dashboard.capacity.loaded import loaded
from dashboard.capacity.measured import WINDOWS, WITHIN, NodeCapacity, QueueCapacity, chosen, measured

router = Router(tags=["workers"])


class WaitingPart(Schema):
    where: str
    count: int | None
    at_least: bool
    added: bool = Field(description="It is part of the sum `waiting`; what is not is shown beside it")


class QueueCapacityItem(Schema):
    broker: str
    vhost: str
    queue: str
    depth: int | None
    waiting: int | None = Field(description="All that waits for its workers, each message once; null: unknown, or a stream")
    waiting_at_least: bool = Field(description="There may be more, in nodes that do not answer or in delay queues")
    waiting_parts: list[WaitingPart]
    publish_per_second: float | None
    ack_per_second: float | None
    outcome: Literal["empty", "keeps_up", "drains", "never", "unknown"]
    drain_seconds: float | None = Field(description="depth / (ack_per_second - publish_per_second); null: never, or unknown")
    soonest_seconds: float | None = Field(description="The same at the ninetieth percentile of the difference; null: never, or unknown")
    latest_seconds: float | None = Field(description="At the tenth percentile")
    tasks_per_slot_second: float | None
    more_processes: int | None = Field(description="That would empty it within the time; null: unknown")
    nodes: list[str]


class NodeCapacityItem(Schema):
    broker: str
    vhost: str
    hostname: str
    load: Literal["idle", "overloaded", "busy", "unknown"]
    used: float | None = Field(description="The share of its slots that was in use, from 0 to 1")
    reason: str
    queues: list[str]


class Capacity(Schema):
    window_seconds: int
    within_seconds: int
    queues_left_out: int = Field(description="Of a broker with more than 500 queues, those that are not among the deepest and that no node consumes")
    queues: list[QueueCapacityItem]
    nodes: list[NodeCapacityItem]


class CapacityQuery(OfBroker):
    window: Literal["5m", "1h"] = "5m"
    within: Literal["15m", "1h", "6h"] = Field("1h", description="Until when a queue is to be empty, for `more_processes`")


@router.get("/capacity", response={200: Capacity, **ERRORS}, operation_id="capacity")
def capacity(request: HttpRequest, query: Query[CapacityQuery]) -> dict[str, Any]:
    """How long each queue lasts at the rates of a window, what would empty it, and how loaded each worker node is."""
    check_broker(request, query.broker)
    now, visible = timezone.now(), scope(request)
    window, within = chosen(query.window, WINDOWS), chosen(query.within, WITHIN)
    with one_moment():
        brokers = [broker for broker in queries.brokers(visible) if query.broker in (None, broker.name)]
        places = loaded(visible, brokers, query.vhost, now)
        found = measured(visible, places, window, within, now)
    return {
        "window_seconds": window.seconds,
        "within_seconds": within.seconds,
        "queues_left_out": sum(place.more for place in places),
        "queues": [_queue(one) for place in found for one in place.queues],
        "nodes": [_node(place.place.broker.name, one) for place in found for one in place.nodes],
    }


def _queue(one: QueueCapacity) -> QueueCapacityItem:
    waiting, found = one.waiting, one.drain
    parts = [WaitingPart(where=part.key, count=part.count, at_least=part.at_least, added=part.added) for part in waiting.parts] if waiting else []
    return QueueCapacityItem(
        broker=one.queue.broker.name,
        vhost=one.queue.vhost,
        queue=one.queue.name,
        depth=one.queue.depth,
        waiting=waiting.total if waiting else None,
        waiting_at_least=bool(waiting and waiting.at_least),
        waiting_parts=parts,
        publish_per_second=found.publish,
        ack_per_second=found.ack,
        outcome=found.outcome,
        drain_seconds=found.seconds,
        soonest_seconds=found.soonest,
        latest_seconds=found.latest,
        tasks_per_slot_second=one.per_slot,
        more_processes=one.processes,
        nodes=[worker.hostname for worker in one.nodes],
    )


def _node(broker: str, one: NodeCapacity) -> NodeCapacityItem:
    worker, load = one.worker, one.load
    return NodeCapacityItem(broker=broker, vhost=worker.vhost, hostname=worker.hostname, load=load.word, used=load.used, reason=load.reason, queues=one.queues)
