"""`GET exchanges`, `GET exchange` and `GET bindings`."""

from __future__ import annotations

from typing import Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema
from pydantic import Field

from brokers import parts, queries
from brokers.models import Exchange
from dashboard.api.errors import ERRORS, invalid, not_found
from dashboard.api.parameters import Moment, Name, OfBroker, Paged, broker_named, check_broker, one_page, scope
from dashboard.exchanges.row import known_publishers
from dashboard.layout import levels

router = Router(tags=["exchanges"])


class ExchangeItem(Schema):
    id: int
    broker: str
    vhost: str
    name: str = Field(description="The default exchange's name is empty")
    type: str
    durable: bool
    auto_delete: bool
    internal: bool
    arguments: dict[str, Any]
    policy: str | None
    publish_in_per_second: float | None
    publish_out_per_second: float | None
    at: Moment | None


class ExchangeDetail(ExchangeItem):
    publishers: list[dict[str, Any]] | None = Field(description="Null until read from the broker, which happens only while the exchange's page is open")
    publishers_at: Moment | None
    first_seen_at: Moment


class Exchanges(Schema):
    total: int
    items: list[ExchangeItem]


class BindingItem(Schema):
    id: int
    broker: str
    vhost: str
    source: str
    destination: str
    destination_type: str
    routing_key: str
    arguments: dict[str, Any]
    first_seen_at: Moment


class Bindings(Schema):
    total: int
    items: list[BindingItem]


class ExchangesRequest(OfBroker, Paged):
    q: str = Field("", max_length=255, description="Text that the name contains")
    sort: str = Field("name", max_length=50, description=f"One of {', '.join(queries.EXCHANGE_SORTS)}; a leading - is descending")


class ExchangeRequest(Schema):
    broker: Name
    vhost: Name
    name: Name


class BindingsRequest(OfBroker, Paged):
    source: Name | None = None
    destination: Name | None = None
    destination_type: Literal["queue", "exchange"] | None = None


@router.get("/exchanges", response={200: Exchanges, **ERRORS}, operation_id="exchanges")
def exchanges(request: HttpRequest, query: Query[ExchangesRequest]) -> dict[str, Any]:
    """A page of exchanges with their current rates."""
    check_broker(request, query.broker)
    try:
        page = queries.exchanges(scope(request), broker=query.broker, vhost=query.vhost, q=query.q, sort=query.sort, page=query.page, page_size=query.page_size)
    except ValueError as error:
        raise invalid("sort", error) from error
    return {"total": page.total, "items": [ExchangeItem(**_item(exchange)) for exchange in page.items]}


@router.get("/exchange", response={200: ExchangeDetail, **ERRORS}, operation_id="exchange")
def exchange(request: HttpRequest, query: Query[ExchangeRequest]) -> ExchangeDetail:
    """One exchange with its publishers, where known."""
    broker_named(request, query.broker)
    found = queries.exchange(scope(request), query.broker, query.vhost, query.name)
    if found is None:
        raise not_found(f"Broker {query.broker} has no exchange {query.name!r} in virtual host {query.vhost}.", "name")
    publishers, publishers_at = known_publishers(found, timezone.now())
    return ExchangeDetail(**_item(found), publishers=publishers, publishers_at=publishers_at, first_seen_at=found.first_seen_at)


@router.get("/bindings", response={200: Bindings, **ERRORS}, operation_id="bindings")
def bindings(request: HttpRequest, query: Query[BindingsRequest]) -> dict[str, Any]:
    """Bindings, including those of the default exchange (source "")."""
    check_broker(request, query.broker)
    found = queries.bindings(
        scope(request), broker=query.broker, vhost=query.vhost, source=query.source, destination=query.destination, destination_type=query.destination_type
    )
    own = [name for name in BindingItem.model_fields if name != "broker"]
    items = [BindingItem(broker=binding.broker.name, **{name: getattr(binding, name) for name in own}) for binding in one_page(found, query)]
    return {"total": len(found), "items": items}


def _item(exchange: Exchange) -> dict[str, Any]:
    own = ("id", "vhost", "name", "type", "durable", "auto_delete", "internal", "arguments", "publish_in_per_second", "publish_out_per_second")
    return {
        **{name: getattr(exchange, name) for name in own},
        "broker": exchange.broker.name,
        "policy": exchange.policy or None,
        "at": levels.read_at(exchange.broker, parts.EXCHANGES),
    }
