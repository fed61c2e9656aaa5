"""`GET changes`: what changed, when between which polls, before and after, and who did it where the broker says so."""

from __future__ import annotations

from typing import Any, Literal

from django.http import HttpRequest
from django.urls import reverse
from ninja import Query, Router, Schema
from pydantic import Field

from brokers import queries
from brokers.diff import KINDS, WHATS
from brokers.models import Change
from brokers.queries import ChangeFilter
from dashboard.api.errors import ERRORS, invalid
from dashboard.api.parameters import Moment, MomentOrAgo, Name, OfBroker, Paged, broker_named, refuse_unknown, scope

router = Router(tags=["changes"])


class ChangeItem(Schema):
    id: int
    at: Moment = Field(description="The poll that found it")
    between: list[Moment | None] = Field(description="The last poll without it, null where that is not known, and the one that found it")
    broker: str
    vhost: str | None
    kind: str
    what: str
    name: str = Field(description="Empty where many objects changed at once: then before or after has their names")
    text: str
    before: dict[str, Any] | None = Field(description="The definition, shortened where it is long; null: there was none, or it is not known")
    after: dict[str, Any] | None
    who: str | None = Field(description="The user of the broker, where its event exchange says who it was")
    url: str


class Changes(Schema):
    total: int
    items: list[ChangeItem]


class ChangesRequest(OfBroker, Paged):
    kind: Name | None = Field(None, json_schema_extra={"enum": [*KINDS, None]})
    what: Literal["added", "gone", "changed", "restarted", "raised", "cleared", "started"] | None = None
    name: Name | None = Field(None, description="A part of the name")
    who: Name | None = None
    start: MomentOrAgo | None = Field(None, alias="from")
    end: MomentOrAgo | None = Field(None, alias="to", description="Not included")


@router.get("/changes", response={200: Changes, **ERRORS}, operation_id="changes", by_alias=True)
def changes(request: HttpRequest, query: Query[ChangesRequest]) -> dict[str, Any]:
    """A page of changes, the latest first. With vhost also what concerns the whole broker."""
    refuse_unknown(request, ChangesRequest)
    if query.kind is not None and query.kind not in KINDS:
        raise invalid("kind", f"kind: there is no kind {query.kind}; there are {', '.join(KINDS)}")
    if query.start and query.end and query.end < query.start:
        raise invalid("from", "from must not be after to.")
    wanted = ChangeFilter(
        broker=broker_named(request, query.broker).pk if query.broker is not None else None,
        vhost=query.vhost,
        kinds=(query.kind,) if query.kind else (),
        whats=(query.what,) if query.what in WHATS else (),
        names=(query.name,) if query.name else (),
        users=(query.who,) if query.who else (),
        start=query.start,
        end=query.end,
    )
    page, _ = queries.changes_page(scope(request), wanted, query.page, query.page_size)
    return {"total": page.total, "items": [_item(request, one) for one in page.items]}


def _item(request: HttpRequest, one: Change) -> ChangeItem:
    return ChangeItem(
        id=one.pk,
        at=one.at,
        between=[one.earlier_at, one.at],
        broker=one.broker.name,
        vhost=one.vhost or None,
        kind=one.kind,
        what=one.what,
        name=one.name,
        text=one.text,
        before=one.before,
        after=one.after,
        who=one.who,
        url=request.build_absolute_uri(reverse("change", args=[one.pk])),
    )
