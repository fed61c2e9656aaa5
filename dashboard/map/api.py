"""`GET map`: the graph that the page draws."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema
from pydantic import Field

from brokers import queries
from brokers.errors import NotRecorded
from brokers.queries.one_moment import one_moment
from dashboard.api.errors import ERRORS, not_found
from dashboard.api.parameters import Moment, OfBroker, check_broker, scope
from dashboard.findings.open_now import open_now
from dashboard.map.page import MapPage
from dashboard.map.selection import MOST_HOPS
from dashboard.map.wanted import LONGEST, Wanted

router = Router(tags=["map"])
Change = Literal["came", "gone", "changed", ""]
Level = Literal["ok", "info", "warn", "bad", "unknown"]


class MapMark(Schema):
    level: Level
    text: str
    href: str


class MapSlots(Schema):
    used: int | None
    of: int | None


class MapNodeItem(Schema):
    id: str = Field(description="The same at every call, also where the object was deleted and made again")
    kind: Literal["publisher", "exchange", "queue", "consumers", "worker", "fold", "vhost", "application"]
    name: str
    vhost: str
    broker: str
    type: str | None = Field(description="Of an exchange or a queue; of a fold the kind that all of its members have; null: none, or unknown")
    href: str
    level: Level
    marks: list[MapMark] = Field(description="Open findings, at most five")
    lines: list[str]
    messages: int | None
    capacity: int | None = Field(description="The length limit of a queue, or its highest depth of the last 24 h")
    consumers: int | None
    into: float | None = Field(alias="in", description="Messages a second; of a worker node tasks that ended a second")
    out: float | None
    slots: MapSlots | None
    folded: int | None = Field(description="How many objects the node stands for; null: for itself")
    host: str
    pattern: str = Field(description="Of a queue or an exchange, as in: M:1, round-robin among 3 nodes, fair, point-to-point; empty where nothing is known")
    change: Change = Field(description="With `since`, whether it came, is gone or changed since the moment of `at`; empty where it is the same")


class MapEdgeItem(Schema):
    id: str
    source: str = Field(alias="from")
    target: str = Field(alias="to")
    kind: Literal["publish", "binding", "exchange", "alternate", "dead_letter", "consume", "federation", "shovel"]
    label: str
    rate: float | None = Field(description="Messages a second; null where the broker does not report it")
    level: Level
    text: str
    change: Change


class MapMore(Schema):
    nodes: int
    text: str


class MapAnswer(Schema):
    at: str | None = Field(description="When the broker last responded")
    age: float | None
    stale: bool
    focus: str = Field(description="The id of what `focus` named; empty where there is none")
    nodes: list[MapNodeItem]
    edges: list[MapEdgeItem]
    more: MapMore = Field(description="What there is no room for: at most 150 nodes are drawn")
    structure: str = Field(description="Another text when nodes or edges come or go")


class MapQuery(OfBroker):
    q: str = Field("", max_length=LONGEST, description="What names contain; their neighbours are shown too")
    kind: Literal["", "exchange", "queue", "worker", "consumers", "publisher"] = ""
    focus: str = Field("", max_length=LONGEST, description="An id, or a kind and a name as in queue:mail")
    hops: int | None = Field(None, ge=0, le=MOST_HOPS)
    zoom: Literal["vhost", "application", "object"] = "object"
    own: Literal["", "show"] = Field("", description="show: Celery’s and Hareline’s own machinery is not folded")
    alike: Literal["", "show"] = Field("", description="show: objects that look alike are not folded")
    at: Moment | None = Field(None, description="A recorded moment; null: now")
    since: Literal["", "show"] = Field("", description="show: with `at`, also what came since then, and marks on what is gone or changed")


@router.get("/map", response={200: MapAnswer, **ERRORS}, operation_id="map", by_alias=True)
def map_(request: HttpRequest, query: Query[MapQuery]) -> dict[str, Any]:
    """Publishers, exchanges, bindings, queues, consumers and worker nodes as a graph."""
    check_broker(request, query.broker)
    visible, now = scope(request), query.at or timezone.now()
    wanted = Wanted(
        broker=query.broker or "", vhost=query.vhost or "", text=query.q.strip(), kind=query.kind, focus=query.focus, hops=query.hops, zoom=query.zoom,
        own=bool(query.own), alike=not query.alike, since=bool(query.since),
    )  # fmt: skip
    with one_moment():
        known = list(queries.brokers(visible) if query.at is None else queries.brokers_at(visible, query.at))
        brokers = [broker for broker in known if query.broker in (None, broker.name)]
        page = MapPage(visible, wanted, brokers, None, query.vhost, now, open_now(visible, brokers, query.at))
        try:
            found: dict[str, Any] = msgspec.to_builtins(page.map)
        except NotRecorded as error:
            raise not_found(str(error), "at") from error
    return found
