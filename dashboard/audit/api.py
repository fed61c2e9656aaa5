"""`GET audit`: who did what, from where, and what came of it."""

from __future__ import annotations

from typing import Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field

from dashboard import queries
from dashboard.api.errors import ERRORS, ErrorAnswer, Problem
from dashboard.api.parameters import Moment, Name, refuse_unknown
from dashboard.audit.access import why_not
from dashboard.audit.export import as_values
from dashboard.audit.list_page import outcome_of

router = Router(tags=["audit"])


class AuditItem(Schema):
    number: int = Field(description="Without gaps, in the order of the chain")
    at: Moment
    user_id: int | None
    user_name: str = Field(description="Of a failed login the name that was claimed; empty: Hareline itself")
    address: str
    via: str = Field(description='"session", "token NAME", "proxy" or "command"; empty where there was no login')
    action: str
    broker: str
    vhost: str
    name: str
    outcome: str = Field(description="done, refused, failed, unchanged; in progress, or unknown where a process ended before the act was over")
    intent: int | None = Field(description="The number of the entry that was written before the act")
    detail: dict[str, Any]
    previous: str = Field(description="The hash of the entry before")
    hash: str


class AuditItems(Schema):
    items: list[AuditItem]
    before: int | None = Field(description="The parameter of the next page; null after the last")


class AuditParameters(Schema):
    model_config = ConfigDict(populate_by_name=True)

    who: Name = Field("", description="Part of a user's name, an address, a token's name")
    action: Name = Field("", description="Part of an action's name")
    outcome: Literal["", "done", "refused", "failed", "unchanged", "unknown"] = ""
    object: Name = Field("", description="Part of the name of a broker, a virtual host or an object there")
    since: Moment | None = Field(None, alias="from")
    until: Moment | None = Field(None, alias="to")
    page_size: int = Field(100, ge=1, le=1000)
    before: int | None = Field(None, ge=1, le=2**62, description="Entries before this number")


@router.get("/audit", response={200: AuditItems, 403: ErrorAnswer, **ERRORS}, operation_id="audit", by_alias=True)
def audit(request: HttpRequest, wanted: Query[AuditParameters]) -> Any:
    """The audit log, newest first. Needs the permission to read it everywhere."""
    refuse_unknown(request, AuditParameters)
    if refused := why_not(request.user):
        raise Problem(403, refused)
    now = timezone.now()
    found = queries.AuditFilter(wanted.who, wanted.action, wanted.outcome, wanted.object, wanted.since, wanted.until)
    entries = queries.audit_entries(found, now, wanted.page_size + 1, wanted.before)
    shown = entries[: wanted.page_size]
    items = [as_values(entry, outcome_of(entry, now)) for entry in shown]
    return {"items": items, "before": shown[-1].number if len(entries) > len(shown) else None}
