"""`GET findings` and `POST findings/silence`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from ninja import Query, Router, Schema, Status
from pydantic import ConfigDict, Field

from brokers import queries as broker_queries
from dashboard import queries
from dashboard.api.errors import ERRORS, ErrorAnswer, Problem, invalid
from dashboard.api.parameters import Moment, Name, OfBroker, Paged, StoredText, broker_named, one_page, refuse_unknown, scope
from dashboard.findings import silences
from dashboard.findings.filter import RULES, Wanted
from dashboard.findings.list_page import fits
from dashboard.findings.open_now import OpenNow, is_here, open_now
from dashboard.findings.rule import read_body
from dashboard.models import Finding

router = Router(tags=["findings"])


class FindingEvidence(Schema):
    name: str
    value: str = Field(description="A number or a fact as text; ~ before an estimate")
    at: Moment | None
    source: str | None


class FindingCause(Schema):
    text: str
    evidence: str | None


class FindingObject(Schema):
    kind: str = Field(description="queue, exchange, worker, connection, broker, node, process …")
    vhost: str | None
    name: str
    id: int | None


class FindingItem(Schema):
    id: int
    broker: str | None = Field(description="Null for one about Hareline itself")
    rule: str
    level: Literal["critical", "warning", "unknown", "notice"]
    title: str
    summary: str | None
    since: Moment | None = Field(description="When it began, of one that is back when it did so again, where that is known; else see opened_at")
    since_at_least: bool = Field(description="It may have begun before")
    opened_at: Moment
    closed_at: Moment | None
    unsure: str | None = Field(description="Why it can be neither confirmed nor cleared now")
    evidence: list[FindingEvidence]
    causes: list[FindingCause] = Field(description="The likeliest first")
    to_do: list[str]
    command: str | None
    object: FindingObject
    explained_by: int | None = Field(
        description="The id of the finding that explains it, null if none does. Pages list and count only findings that none explains"
    )
    taken_by: str | None = Field(description="Who is on it")
    silenced_until: Moment | None
    url: str


class Findings(Schema):
    total: int
    items: list[FindingItem]


class FindingsRequest(OfBroker, Paged):
    state: Literal["open", "closed"] = Field("open", description="Open ones include those that are silenced")
    level: Literal["critical", "warning", "unknown", "notice"] | None = Field(None, description="Of closed ones the worst that it had")
    rule: Name | None = Field(None, json_schema_extra={"enum": [*RULES, None]})
    start: Moment | None = Field(None, alias="from", description="Open at this moment or later")


class SilenceRequest(Schema):
    model_config = ConfigDict(extra="forbid")

    rule: StoredText = Field("*", description="A pattern, as the others: * stands for anything, ? for one character")
    broker: StoredText = "*"
    vhost: StoredText = "*"
    name: StoredText = "*"
    until: Moment
    reason: StoredText
    dry_run: bool = Field(False, description="Only count what it would be about; nothing is stored")


class SilenceAnswer(Schema):
    id: int | None = Field(description="Null with dry_run")
    until: Moment
    total: int = Field(description="How many open findings it is about now")
    findings: list[int] = Field(description="Their ids, at most 500")


@router.get("/findings", response={200: Findings, **ERRORS}, operation_id="findings")
def findings(request: HttpRequest, query: Query[FindingsRequest]) -> dict[str, Any]:
    """A page of open findings, the worst first, or of closed ones, the latest first. What is about a whole broker or about Hareline itself is in every virtual
    host. Open ones that another one explains are among them, with explained_by."""
    refuse_unknown(request, FindingsRequest)
    if query.rule is not None and query.rule not in RULES:
        raise invalid("rule", f"rule: there is no rule {query.rule}; there are {', '.join(RULES)}")
    broker = broker_named(request, query.broker) if query.broker is not None else None
    opened = open_now(scope(request), broker_queries.brokers(scope(request)))
    wanted = Wanted(levels=(query.level,) if query.level else (), rules=(query.rule,) if query.rule else (), start=query.start)
    if query.state == "closed":
        page = queries.closed_findings(scope(request), wanted, broker.pk if broker else None, query.vhost, query.page, query.page_size)
        total, found = page.total, page.items
    else:
        matching = [one for one in opened.findings if fits(one, wanted) and is_here(one, broker.pk if broker else None, query.vhost)]
        total, found = len(matching), list(one_page(matching, query))
    return {"total": total, "items": _items(request, found, opened)}


def _items(request: HttpRequest, found: Sequence[Finding], opened: OpenNow) -> list[FindingItem]:
    bodies = queries.findings_by_ids(scope(request), (one.pk for one in found))
    return [_item(request, bodies.get(one.pk, one), opened.silenced.get(one.pk)) for one in found]


def _item(request: HttpRequest, one: Finding, silenced_until: datetime | None) -> FindingItem:
    body = read_body(one.body)
    return FindingItem(
        id=one.pk,
        broker=one.broker.name if one.broker else None,
        rule=one.rule,
        level=one.level,  # type: ignore[arg-type]  # stored from a Found
        title=one.title,
        summary=body.summary or None,
        since=one.began if one.since or one.again_since else None,
        since_at_least=one.since_at_least and one.again_since is None,
        opened_at=one.opened_at,
        closed_at=one.closed_at,
        unsure=one.unsure or None,
        evidence=[FindingEvidence(name=each.name, value=each.value, at=each.at, source=each.source or None) for each in body.evidence],
        causes=[FindingCause(text=each.text, evidence=each.evidence or None) for each in body.causes],
        to_do=body.to_do,
        command=body.command or None,
        object=FindingObject(kind=one.kind, vhost=one.vhost or None, name=one.name, id=one.object_id),
        explained_by=one.under_id,
        taken_by=one.taken_by or None,
        silenced_until=silenced_until,
        url=request.build_absolute_uri(reverse("finding", args=[one.pk])),
    )


@router.post("/findings/silence", response={200: SilenceAnswer, 201: SilenceAnswer, 403: ErrorAnswer, **ERRORS}, operation_id="silence_findings")
def silence(request: HttpRequest, body: SilenceRequest) -> Status[Any]:
    """Silences the findings that match: they are kept and shown apart, and nobody is notified. Recorded in the audit log."""
    now = timezone.now()
    wanted = {field: getattr(body, field) or "*" for field in silences.PATTERNS}
    problems = silences.problems(wanted, body.reason, body.until, now)
    if problems:
        field, why = next(iter(problems.items()))
        raise invalid(field, f"{field}: {why}")
    wanted = silences.narrowed(request.user, wanted)
    why_not = silences.why_not(request.user, wanted)
    if why_not and not body.dry_run:
        silences.note_refusal(request.user, wanted, why_not, now)
        raise Problem(403, why_not)
    ids = [one.pk for one in silences.preview(wanted, scope(request), now)]
    answer = {"until": body.until, "total": len(ids), "findings": ids[: broker_queries.LARGEST_PAGE]}
    if body.dry_run:
        return Status(200, answer | {"id": None})
    stored = silences.add(request.user, silences.unsaved(wanted, body.reason, body.until, request.user.get_username(), now), now)
    return Status(201, answer | {"id": stored.pk})
