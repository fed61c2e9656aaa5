"""`GET compare` and `GET definitions`."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema
from pydantic import Field

from brokers import queries
from brokers.comparison import OUTCOMES
from brokers.errors import NotRecorded
from brokers.figure_comparison import SORTS, FigureRow, ordered
from brokers.queries.compared import definitions_recorded_since
from dashboard.api.errors import ERRORS, invalid, not_found
from dashboard.api.parameters import Moment, Name, Paged, check_broker, one_page, refuse_unknown, scope
from dashboard.comparison.answer import NOT_COMPARED, item
from dashboard.comparison.definitions import Unavailable, definitions_of
from dashboard.comparison.given import Given
from dashboard.comparison.sides import Side, Sides

router = Router(tags=["history"])
MOMENT = "ISO 8601, or how long ago: -5min"


class ComparedSide(Schema):
    broker: str
    vhost: str | None = Field(description="Null: all virtual hosts that the caller may view")
    at: Moment
    figures_at: Moment | None = Field(description="When the depths and rates were recorded; null where none are")


class ComparedDifference(Schema):
    kind: Literal["vhost", "exchange", "queue", "binding", "policy", "operator_policy"]
    vhost: str
    name: str
    before: dict[str, Any] | None = Field(description="The definition as RabbitMQ exports it; null where the object does not exist")
    after: dict[str, Any] | None
    keys: list[str] = Field(description="The settings that differ")


class Figures(Schema):
    depth: float | None
    ready: float | None
    unacknowledged: float | None
    consumers: float | None
    publish_per_second: float | None
    deliver_per_second: float | None
    ack_per_second: float | None


class FigureItem(Schema):
    kind: Literal["queue"]
    vhost: str
    name: str
    before: Figures | None = Field(description="Null where the queue does not exist")
    after: Figures | None
    difference: Figures = Field(description="After less before; null where one of them is unknown")


class Counts(Schema):
    added: int
    missing: int
    different: int
    figures: int | None


class ComparedSides(Schema):
    before: ComparedSide
    after: ComparedSide
    counts: Counts = Field(description="How many there are of each on all pages")
    added: list[ComparedDifference] = Field(description="What only the second side has, one page of it")
    missing: list[ComparedDifference] = Field(description="What only the first side has")
    different: list[ComparedDifference]
    figures: list[FigureItem] | None = Field(description="Of each queue; null where nothing is recorded of a side")
    notes: list[str] = Field(description="What is not known, and what is not compared")


class CompareRequest(Paged):
    broker: Name
    vhost: Name | None = Field(None, description="All virtual hosts if not given")
    at: str | None = Field(None, max_length=64, description=f"{MOMENT}. Five minutes before the second side if not given, or now where that is another place")
    with_broker: Name | None = Field(None, description="The same if not given")
    with_vhost: Name | None = Field(None, description="The same if not given")
    with_at: str | None = Field(None, max_length=64, description=f"{MOMENT}. Now if not given")
    sort: str = Field("-depth", max_length=50, description=f"Of figures, by the size of the difference in one of {', '.join(SORTS)}")
    page_size: int = Field(queries.LARGEST_PAGE, ge=1, le=queries.LARGEST_PAGE, description="Of each list")


class DefinitionsRequest(Schema):
    broker: Name
    vhost: Name | None = Field(None, description="All virtual hosts if not given")
    at: str | None = Field(None, max_length=64, description=f"{MOMENT}. Now if not given")


@router.get("/compare", response={200: ComparedSides, **ERRORS}, operation_id="compare")
def compare(request: HttpRequest, query: Query[CompareRequest]) -> dict[str, Any]:
    """Two moments of a broker, two virtual hosts, or two brokers: what differs in their definitions, and their depths and rates side by side."""
    refuse_unknown(request, CompareRequest)
    check_broker(request, query.broker)
    sides = _sides(request, query)
    try:
        found = sides.comparison
        rows: list[FigureRow] | None = None if sides.figures is None else ordered(sides.figures, query.sort)
    except NotRecorded as error:
        raise not_found(f"{str(error)[:1].upper()}{str(error)[1:]}.", "at") from error
    except ValueError as error:
        raise invalid("sort", error) from error
    return {
        "before": sides.before.as_json(),
        "after": sides.after.as_json(),
        "counts": {**found.counts(), "figures": None if rows is None else len(rows)},
        **{what: [item(one) for one in one_page(found.of(what), query)] for what in OUTCOMES},
        "figures": None if rows is None else [row.as_json() for row in one_page(rows, query)],
        "notes": [*sides.notes, NOT_COMPARED],
    }


@router.get("/definitions", response={200: dict[str, Any], **ERRORS}, operation_id="definitions")
def definitions(request: HttpRequest, query: Query[DefinitionsRequest]) -> dict[str, Any]:
    """The definitions of any recorded moment, in the form that RabbitMQ imports, without users and passwords; `hareline.left_out` lists what is left out."""
    refuse_unknown(request, DefinitionsRequest)
    check_broker(request, query.broker)
    given = {"broker": query.broker, "vhost": query.vhost or "", "at": query.at or ""}
    try:
        return definitions_of(scope(request), given, list(queries.brokers(scope(request))), None, timezone.now())
    except Unavailable as error:
        raise invalid(error.field, error) from error
    except NotRecorded as error:
        raise not_found(f"{str(error)[:1].upper()}{str(error)[1:]}.", "at") from error


def _sides(request: HttpRequest, query: CompareRequest) -> Sides:
    texts = {name: text for name, text in query.dict().items() if isinstance(text, str)}
    given = Given(texts, list(queries.brokers(scope(request))), None, timezone.now(), partial(definitions_recorded_since, scope(request)))
    for field, problem in given.problems.items():
        raise not_found(problem, field) if field == "with_broker" else invalid(field, problem)
    before, after = (Side(scope(request), one.broker, one.vhost, one.at) for one in (given.before, given.after))
    return Sides(before, after, given.note)
