"""`GET marks` and `POST marks`: moments such as deployments, which charts and the list of changes show."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema, Status
from pydantic import ConfigDict, Field

from dashboard import queries
from dashboard.api.errors import ERRORS, ErrorAnswer, Problem, invalid
from dashboard.api.parameters import Moment, MomentOrAgo, Name, Paged, StoredText, broker_named, refuse_unknown, scope
from dashboard.changes import marks
from dashboard.models import Mark

router = Router(tags=["changes"])


class MarkItem(Schema):
    id: int | None = Field(description="Null with dry_run")
    at: Moment
    title: str
    url: str | None
    broker: str | None = Field(description="Null: of all brokers")
    made_by: str
    made_at: Moment


class Marks(Schema):
    total: int
    items: list[MarkItem]


class MarksRequest(Paged):
    broker: Name | None = Field(None, description="Its own marks and those of all brokers")
    start: MomentOrAgo | None = Field(None, alias="from")
    end: MomentOrAgo | None = Field(None, alias="to")


class MarkRequest(Schema):
    model_config = ConfigDict(extra="forbid")

    title: StoredText
    at: MomentOrAgo | None = Field(None, description="Now if not given")
    url: StoredText | None = Field(None, description="http or https")
    broker: StoredText | None = Field(None, description="Of all brokers if not given")
    dry_run: bool = Field(False, description="Only check it; nothing is stored")


@router.get("/marks", response={200: Marks, **ERRORS}, operation_id="marks", by_alias=True)
def listed(request: HttpRequest, query: Query[MarksRequest]) -> dict[str, Any]:
    """A page of marks, the latest first."""
    refuse_unknown(request, MarksRequest)
    if query.start and query.end and query.end < query.start:
        raise invalid("from", "from must not be after to.")
    broker = broker_named(request, query.broker).pk if query.broker is not None else None
    page = queries.marks_page(scope(request), broker, query.start, query.end, query.page, query.page_size)
    return {"total": page.total, "items": [item(one) for one in page.items]}


@router.post("/marks", response={200: MarkItem, 201: MarkItem, 403: ErrorAnswer, **ERRORS}, operation_id="add_mark")
def add(request: HttpRequest, body: MarkRequest) -> Status[Any]:
    """Marks a moment, such as a deployment, of one broker or of all. Recorded in the audit log."""
    now = timezone.now()
    at, url = body.at or now, body.url or ""
    broker = broker_named(request, body.broker) if body.broker is not None else None
    refused = marks.why_not(request.user, broker)
    if refused and not body.dry_run:
        marks.note_refusal(request.user, body.title, broker, refused, now)
    if refused:
        raise Problem(403, refused)
    if problems := marks.problems(body.title, url, at, now):
        field, why = next(iter(problems.items()))
        raise invalid(field, f"{field}: {why}")
    if body.dry_run:
        return Status(200, item(Mark(at=at, title=body.title.strip(), url=url, broker=broker, made_by=request.user.get_username(), made_at=now)))
    return Status(201, item(marks.add(request.user, body.title, url, at, broker, now)))


def item(one: Mark) -> MarkItem:
    return MarkItem(
        id=one.pk, at=one.at, title=one.title, url=one.url or None, broker=one.broker.name if one.broker else None, made_by=one.made_by, made_at=one.made_at
    )
