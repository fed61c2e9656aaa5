"""`GET failures`."""

from __future__ import annotations

from typing import Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema
from pydantic import Field

from dashboard.api.errors import ERRORS, invalid
from dashboard.api.parameters import Moment, Name, OfBroker, Paged, check_broker, refuse_unknown, scope
from dashboard.failures import filter as failure_filter
from dashboard.failures.text import message_of, title_of
from dashboard.layout.moments import EXAMPLES, moment_of
from workers import queries
from workers.queries import Failures, names_in

router = Router(tags=["tasks"])


class FailureItem(Schema):
    id: int
    broker: str
    vhost: str
    exception: str = Field(description="Its class; “Other failures” are those beyond the number of groups that are kept")
    message: str = Field(description="With … for numbers, ids, mail addresses and paths")
    place: str | None = Field(description="The innermost frame of the user’s code, “file in function”, or “task NAME”")
    count: int
    first: Moment
    last: Moment
    tasks: list[str] = Field(description="Names of tasks, those with most failures first; at most 50")
    workers: list[str] = Field(description="Host names of worker nodes, likewise")
    state: Literal["open", "resolved"]
    resolved_at: Moment | None
    reopened_at: Moment | None = Field(description="When it failed again after it was resolved")
    partial: bool = Field(description="Counted of the tasks that are kept of queues that the caller may view")


class FailureItems(Schema):
    total: int
    counted_until: Moment | None = Field(description="Failures after this are not counted yet; null before the first count")
    items: list[FailureItem]


class FailuresQuery(OfBroker, Paged):
    q: str = Field("", max_length=255, description="The filter of the page: exception:Declined name:orders.* worker:w@h state:open is:new after:-2h words")
    start: Name | None = Field(None, alias="from", description=f"Failed at this time or later: {EXAMPLES}")
    sort: str = Field("-last", max_length=50, description=f"One of {', '.join(queries.FAILURE_SORTS)}; a leading - is descending")


@router.get("/failures", response={200: FailureItems, **ERRORS}, operation_id="failures")
def failures(request: HttpRequest, query: Query[FailuresQuery]) -> dict[str, Any]:
    """A page of groups of failures by exception, place and message."""
    refuse_unknown(request, FailuresQuery)
    check_broker(request, query.broker)
    now = timezone.now()
    parsed = failure_filter.parse(query.q)
    if parsed.problems:
        raise invalid("q", f"q: {parsed.problems[0].text} does not apply. {parsed.problems[0].problem}")
    wanted = failure_filter.query_filter(parsed, query.broker, query.vhost, now)
    if query.start is not None:
        start = moment_of(query.start, now)
        if start is None:
            raise invalid("from", f"from: expected a time, {EXAMPLES}")
        wanted = wanted.from_moment(start)
    try:
        page = queries.failures(scope(request), wanted, query.sort, query.page, query.page_size, now)
    except ValueError as error:
        raise invalid("sort", error) from error
    return {"total": page.total, "counted_until": queries.failures_counted_until(), "items": [_item(one) for one in page.items]}


def _item(one: Failures) -> FailureItem:
    group = one.group
    return FailureItem(
        id=group.pk,
        broker=group.broker.name,
        vhost=group.vhost,
        exception=title_of(one),
        message=message_of(one),
        place=group.place or None,
        count=one.count,
        first=one.first_at,
        last=one.last_at,
        tasks=names_in(one.tasks),
        workers=names_in(one.workers),
        state="open" if group.resolved_at is None else "resolved",
        resolved_at=group.resolved_at,
        reopened_at=None if one.is_partial else group.reopened_at,
        partial=one.is_partial,
    )
