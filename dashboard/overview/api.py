"""`GET brokers` and `GET nodes`."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Query, Router, Schema

from brokers import queries
from brokers.models import Broker, Node
from dashboard.api.errors import ERRORS
from dashboard.api.parameters import Moment, Name, Paged, check_broker, one_page, scope
from dashboard.layout import levels

router = Router(tags=["brokers"])


class BrokerItem(Schema):
    id: int
    broker: str
    name: str
    state: str
    reason: str | None
    since: Moment | None
    version: str | None
    cluster_name: str | None
    polled_at: Moment | None
    poll_ms: float | None
    poll_seconds: float | None
    poll_busy_seconds: float | None = Field(description="How long the broker worked for the last poll of its depths")
    topology_at: Moment | None = Field(description="When exchanges, bindings and policies were last read")
    topology_busy_seconds: float | None
    topology_every_seconds: float | None = Field(description="How often they are read while nothing shows a change; null: at every poll")
    depth_source: str | None
    depth_source_reason: str | None
    alarms: list[dict[str, Any]]
    limits_to_sight: list[dict[str, Any]] = Field(description="What the broker's user may not see. An older name, kept since callers read it")
    ready: int | None
    unacknowledged: int | None
    publish_per_second: float | None
    deliver_per_second: float | None
    ack_per_second: float | None
    unroutable_per_second: float | None
    object_totals: dict[str, int]


class Brokers(Schema):
    total: int
    items: list[BrokerItem]


class NodeItem(Schema):
    id: int
    broker: str
    name: str
    running: bool
    memory_used_bytes: int | None
    memory_limit_bytes: int | None
    memory_alarm: bool | None
    disk_free_bytes: int | None
    disk_free_limit_bytes: int | None
    disk_alarm: bool | None
    file_descriptors_used: int | None
    file_descriptors_total: int | None
    sockets_used: int | None
    sockets_total: int | None
    processes_used: int | None
    processes_total: int | None
    run_queue: int | None
    uptime_ms: int | None
    partitions: list[str]
    at: Moment


class Nodes(Schema):
    total: int
    items: list[NodeItem]


class OfOneBroker(Paged):
    broker: Name | None = None


@router.get("/brokers", response={200: Brokers, **ERRORS}, operation_id="brokers")
def brokers(request: HttpRequest, query: Query[Paged]) -> dict[str, Any]:
    """The brokers that HARELINE_BROKERS names, how each is, and its totals."""
    found = queries.brokers(scope(request))
    return {"total": len(found), "items": [_broker(broker) for broker in one_page(found, query)]}


@router.get("/nodes", response={200: Nodes, **ERRORS}, operation_id="nodes")
def nodes(request: HttpRequest, query: Query[OfOneBroker]) -> dict[str, Any]:
    """The nodes of the brokers' clusters."""
    check_broker(request, query.broker)
    found = queries.nodes(scope(request), query.broker)
    return {"total": len(found), "items": [_node(node) for node in one_page(found, query)]}


def _broker(broker: Broker) -> BrokerItem:
    """A broker whose polls have stopped is unknown, whatever the last one returned."""
    hidden = levels.unavailable(broker, timezone.now())
    silent = broker.state == Broker.UP and bool(hidden)
    return BrokerItem(
        broker=broker.name,
        state=Broker.UNKNOWN if silent else broker.state,
        reason=hidden if silent else broker.reason or None,
        version=broker.version or None,
        cluster_name=broker.cluster_name or None,
        depth_source=broker.depth_source or None,
        depth_source_reason=broker.depth_source_reason or None,
        limits_to_sight=broker.limits,
        **{name: getattr(broker, name) for name in BrokerItem.model_fields if name not in _WORDED},
    )


_WORDED = {"broker", "state", "reason", "version", "cluster_name", "depth_source", "depth_source_reason", "limits_to_sight"}


def _node(node: Node) -> NodeItem:
    return NodeItem(broker=node.broker.name, **{name: getattr(node, name) for name in NodeItem.model_fields if name != "broker"})
