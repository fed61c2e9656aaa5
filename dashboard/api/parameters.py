"""Parameters that calls share: pages, a broker's name, and times with a time zone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from django.http import HttpRequest
from django.utils import timezone
from ninja import Schema
from pydantic import AfterValidator, BeforeValidator, Field

from brokers import queries
from brokers.characters import is_storable
from brokers.models import Broker
from brokers.scope import Scope
from dashboard.api.errors import invalid, not_found
from dashboard.layout.moments import moment_of
from dashboard.people import access

Item = TypeVar("Item")

LONGEST_NAME = 255
Name = Annotated[str, Field(max_length=LONGEST_NAME)]


def _storable(text: str) -> str:
    if not is_storable(text):
        raise ValueError("it holds a NUL or half of a surrogate pair, which can't be stored")
    return text


StoredText = Annotated[str, AfterValidator(_storable)]
"""A text that a call stores."""


EARLIEST, LATEST = datetime(2, 1, 1, tzinfo=UTC), datetime(9998, 12, 31, tzinfo=UTC)
"""Between these, times can be moved to another zone and by any span that is used here."""


def _in_utc(moment: datetime) -> datetime:
    zoned = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    if not EARLIEST < zoned < LATEST:
        raise ValueError(f"expected a time between the years {EARLIEST.year} and {LATEST.year}")
    return zoned.astimezone(UTC)


Moment = Annotated[datetime, AfterValidator(_in_utc)]
"""A time; one without a zone is UTC."""


def _ago(value: object) -> object:
    """A text such as "-1h" as the moment that it means now; anything else as it is."""
    return moment_of(value, timezone.now()) or value if isinstance(value, str) and value.strip().startswith("-") else value


MomentOrAgo = Annotated[Moment, BeforeValidator(_ago)]
"""A time, or how long ago it was: "-1h"."""


class Paged(Schema):
    page: int = Field(1, ge=1, le=1_000_000)
    page_size: int = Field(100, ge=1, le=queries.LARGEST_PAGE)


class OfBroker(Schema):
    broker: Name | None = None
    vhost: Name | None = None


def scope(request: HttpRequest) -> Scope:
    """What the caller may see."""
    return access.scope_of(request.user)


def broker_named(request: HttpRequest, name: str) -> Broker:
    """The broker; 404 if there is none of that name that the caller may see."""
    found = queries.broker(scope(request), name)
    if found is None:
        raise not_found(f"There is no broker {name}.", "broker")
    return found


def check_broker(request: HttpRequest, name: str | None) -> None:
    """A list of a broker that does not exist is a mistake, not an empty list."""
    if name is not None:
        broker_named(request, name)


def refuse_unknown(request: HttpRequest, known: type[Schema]) -> None:
    """A parameter that a call does not have would leave its answer as it is, which reads as if it had none to leave out."""
    names = [field.alias or name for name, field in known.model_fields.items()]
    unknown = next((name for name in request.GET if name not in names), None)
    if unknown is not None:
        raise invalid(unknown, f"{unknown}: there is no such parameter; there are {', '.join(sorted(names))}")


def one_page(items: Sequence[Item], query: Paged) -> Sequence[Item]:
    """The items of the requested page."""
    return items[(query.page - 1) * query.page_size : query.page * query.page_size]
