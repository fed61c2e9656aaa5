"""`GET history`: the course of one number of a queue, an exchange, a worker node, a node, a virtual host, or the whole broker."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema
from pydantic import Field

from brokers import queries
from brokers.models import Exchange, Node, Queue, VirtualHost
from brokers.queries.one_moment import one_moment
from brokers.scope import Scope
from dashboard.api.errors import ERRORS, invalid, not_found
from dashboard.api.parameters import Moment, Name, broker_named, scope
from workers import queries as worker_queries
from workers.models import Worker

router = Router(tags=["history"])

USUAL_RANGE = timedelta(hours=1)
SHORTEST_STEP = 0.1


class History(Schema):
    times: list[Moment]
    values: list[float | None] = Field(description="Null where nothing was recorded")
    resolution_seconds: float = Field(description="How often this was recorded: as long as polls take, or 60, or 600 where older history answers")
    minimum: list[float | None] | None = Field(None, description="With `bands`: the least of each step, as `values` is then its average")
    maximum: list[float | None] | None = None
    share: list[float] | None = Field(None, description="With `bands`: how much of each step was recorded, from 0 to 1")


class HistoryQuery(Schema):
    broker: Name
    vhost: Name | None = None
    queue: Name | None = None
    exchange: Name | None = None
    worker: Name | None = None
    node: Name | None = Field(None, description="A node of the broker's cluster, by its name")
    metric: str = Field(max_length=50, description="depth, ready, publish_per_second, active, …")
    start: Moment | None = Field(None, alias="from", description="An hour before `to` if not given")
    end: Moment | None = Field(None, alias="to", description="Now if not given")
    step: float | None = Field(
        None, ge=SHORTEST_STEP, le=86_400, description="Seconds; if not given, the shortest that was recorded and makes at most 720 points"
    )
    bands: bool = Field(False, description="Average, minimum and maximum of each step instead of the number at its end")


@router.get("/history", response={200: History, **ERRORS}, operation_id="history", by_alias=True)
def history(request: HttpRequest, query: Query[HistoryQuery]) -> History:
    """The numbers every `step` seconds, as far back as history reaches. Without an object: of the virtual host, or of the whole broker."""
    broker = broker_named(request, query.broker)
    kind, object_id = _object(request, query)
    end = query.end or timezone.now()
    start = query.start or end - USUAL_RANGE
    if end < start:
        raise invalid("from", "from must not be after to, which is now if not given.")
    try:
        with one_moment():  # what is packed meanwhile would be read twice, or not at all
            return _found(query, scope(request), (broker.pk, kind, object_id, [query.metric], start, end, query.step))
    except KeyError as error:
        raise invalid("metric", f"There is no metric {query.metric} of {kind}.") from error
    except ValueError as error:
        raise invalid("metric" if "metric" in str(error) else "step", error) from error


def _found(query: HistoryQuery, scope: Scope, where: tuple[int, str, int | None, list[str], datetime, datetime, float | None]) -> History:
    if not query.bands:
        found = queries.history(scope, *where)
        values = found.values[query.metric]
        return History(times=found.times, values=values, resolution_seconds=found.resolution_seconds, minimum=None, maximum=None, share=None)
    bands = queries.history_bands(scope, *where)
    average, minimum, maximum = (part[query.metric] for part in (bands.average, bands.minimum, bands.maximum))
    share = bands.share[query.metric]
    return History(times=bands.times, values=average, minimum=minimum, maximum=maximum, share=share, resolution_seconds=bands.resolution_seconds)


def _object(request: HttpRequest, query: HistoryQuery) -> tuple[str, int | None]:
    """Kind and primary key of the object; None for the broker itself."""
    named = [name for name in ("queue", "exchange", "worker", "node") if getattr(query, name) is not None]
    if len(named) > 1:
        raise invalid(named[1], f"Name {' or '.join(named)}, not both.")
    if not named or named == ["node"]:
        return _of_broker(scope(request), query)
    if query.vhost is None:
        raise invalid("vhost", f"The virtual host of the {named[0]} is needed.")
    name = getattr(query, named[0])
    finders: dict[str, Callable[[Scope, str, str, str], Queue | Exchange | Worker | None]] = {
        "queue": queries.queue,
        "exchange": queries.exchange,
        "worker": worker_queries.worker,
    }
    found = finders[named[0]](scope(request), query.broker, query.vhost, name)
    if found is None:
        raise not_found(f"Broker {query.broker} has no {named[0]} {name} in virtual host {query.vhost}.", named[0])
    return f"{named[0]}s", found.pk


def _of_broker(scope: Scope, query: HistoryQuery) -> tuple[str, int | None]:
    """The same of what is not in a virtual host: a node, a virtual host, the broker itself."""
    found: Node | VirtualHost | None
    if query.node is not None:
        if query.vhost is not None:
            raise invalid("vhost", "A node is in no virtual host.")
        found, field, text = queries.node_named(scope, query.broker, query.node), "node", f"node {query.node}"
    elif query.vhost is not None:
        found, field, text = queries.virtual_host(scope, query.broker, query.vhost), "vhost", f"virtual host {query.vhost}"
    else:
        return "broker", None
    if found is None:
        raise not_found(f"Broker {query.broker} has no {text}.", field)
    return f"{field}s", found.pk
