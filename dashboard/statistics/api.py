"""`GET task-statistics` and `GET task-statistics/compare`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema
from pydantic import Field

from brokers import queries as broker_queries
from dashboard.api.errors import ERRORS, invalid
from dashboard.api.parameters import Moment, MomentOrAgo, Name, OfBroker, Paged, check_broker, one_page, refuse_unknown, scope
from dashboard.statistics.differences import differences
from dashboard.statistics.figures import SORTS, Row
from dashboard.statistics.listing import kept_listing
from dashboard.statistics.ranges import LONGEST, TimeRange, range_of
from dashboard.statistics.sources import source_of
from workers import queries
from workers.queries import StatisticsQuestion
from workers.task_statistics import merged

router = Router(tags=["task statistics"])


class Durations(Schema):
    """In seconds, within 2 % of the exact percentiles; null where none is known."""

    count: int = Field(description="Of how many it is known")
    p50: float | None
    p95: float | None
    p99: float | None
    longest: float | None


class StatisticsItem(Schema):
    broker: str
    vhost: str
    name: str | None = Field(description="“unknown name” and “other names” with `others`; null where rows are by queue")
    queue: str | None = Field(description="Likewise; null where rows are by name")
    others: bool = Field(description="Of names or queues beyond the 2,000 pairs that are distinguished on a day")
    sent: int
    received: int
    started: int
    succeeded: int
    failed: int
    retried: int
    revoked: int
    rejected: int
    failed_percent: float | None = Field(description="Of those that succeeded or failed")
    runtime: Durations
    wait: Durations = Field(description="From sending, or receipt where no event reported that, or a later ETA, until the start")
    ended_per_second: list[float | None] = Field(description="In each period from `from` on; null where no event of any task came")


class Statistics(Schema):
    start: Moment = Field(alias="from", description="The beginning of the first period")
    end: Moment = Field(alias="to")
    period_seconds: int
    received_at: Moment | None = Field(description="When the last event came, of the virtual hosts that the caller may view whole")
    lost_events: int | None = Field(
        description="Events of these that are known to be lost since they are watched: not counted; null if the caller may view none"
    )
    counted_since: Moment | None = Field(description="The beginning of the first period in which a task was counted, as exactly as it is still kept")
    total: int
    items: list[StatisticsItem]


class StatisticsOf(OfBroker):
    name: Name | None = Field(None, description="The task’s name, whole; an empty text: unknown")
    queue: Name | None = Field(None, description="The queue’s name, whole; an empty text: unknown")
    start: MomentOrAgo | None = Field(None, alias="from", description="An hour ago if not given; -24h: a day ago")
    end: MomentOrAgo | None = Field(None, alias="to", description="Now if not given")


class StatisticsQuery(StatisticsOf, Paged):
    by: Literal["name", "queue", "both"] = "name"
    sort: str = Field("-ended", max_length=50, description=f"One of {', '.join(SORTS)}; a leading - is descending")


class CompareQuery(StatisticsOf):
    at: MomentOrAgo | None = Field(None, description="A moment within the range: what came before is compared with what came after")
    earlier_seconds: int | None = Field(None, ge=1, le=int(LONGEST.total_seconds()), description="Or: the range is compared with one so much earlier")


class DifferenceItem(Schema):
    what: str
    before: float | None
    after: float | None
    change: str
    noticeable: bool | None = Field(description="Null: too few tasks to say, or, of rates, a part of the time before was not counted")


class Compared(Schema):
    before_from: Moment
    before_to: Moment
    after_from: Moment
    after_to: Moment
    counted_since: Moment | None = Field(description="The beginning of the first period in which a task was counted, as exactly as it is still kept")
    differences: list[DifferenceItem]


@router.get("/task-statistics", response={200: Statistics, **ERRORS}, operation_id="task_statistics", by_alias=True)
def task_statistics(request: HttpRequest, query: Query[StatisticsQuery]) -> dict[str, Any]:
    """How many tasks ended, failed and were retried, how long they ran and waited, by name, queue or both."""
    refuse_unknown(request, StatisticsQuery)
    check_broker(request, query.broker)
    if query.sort.removeprefix("-") not in SORTS:
        raise invalid("sort", f"unknown sort {query.sort!r}; allowed, each also with a leading -: {', '.join(SORTS)}")
    now, shown = timezone.now(), _range(query)
    brokers = list(broker_queries.brokers(scope(request)))
    found = kept_listing(scope(request), _question(query, shown), shown, query.by, query.sort, now, brokers)
    names, chosen = {broker.pk: broker.name for broker in brokers}, next((broker for broker in brokers if broker.name == query.broker), None)
    source = source_of(scope(request), brokers, chosen, query.vhost, now)
    items = [_item(row, query.by, names) for row in found.whole(one_page(found.every, query))]
    range_facts = {"from": found.shown.since, "to": found.shown.until, "period_seconds": shown.seconds}
    return {
        **range_facts,
        "received_at": source.received_at,
        "lost_events": source.lost,
        "counted_since": source.since,
        "total": len(found.every),
        "items": items,
    }


@router.get("/task-statistics/compare", response={200: Compared, **ERRORS}, operation_id="compare_task_statistics")
def compare(request: HttpRequest, query: Query[CompareQuery]) -> dict[str, Any]:
    """Two ranges of time, and whether more than chance explains what differs."""
    refuse_unknown(request, CompareQuery)
    check_broker(request, query.broker)
    now, shown = timezone.now(), _range(query)
    if query.at is not None:
        if not shown.since < query.at < shown.until:
            raise invalid("at", "at is not within the range")
        before, after = range_of(shown.since, query.at, now), range_of(query.at, shown.until, now)
    else:
        before, after = shown.earlier(timedelta(seconds=query.earlier_seconds or shown.length.total_seconds()), now), shown
    earlier, later = (merged(part.counted for part in queries.statistics_totals(scope(request), _question(query, one))) for one in (before, after))
    counted_since = queries.counted_since(scope(request), query.broker, query.vhost)
    found = [
        DifferenceItem(what=one.what, before=one.before, after=one.after, change=one.change, noticeable=one.is_noticeable)
        for one in differences(earlier, later, before.length, after.length, counted_since is not None and counted_since <= before.since)
    ]
    ranges = {"before_from": before.since, "before_to": before.until, "after_from": after.since, "after_to": after.until}
    return {**ranges, "counted_since": counted_since, "differences": found}


def _range(query: StatisticsOf) -> TimeRange:
    now = timezone.now()
    until = min(query.end or now, now)
    since = query.start or until - timedelta(hours=1)
    if since >= until:
        raise invalid("from", "the range ends before it begins, or it has not begun")
    return range_of(max(since, until - LONGEST), until, now)


def _question(query: StatisticsOf, shown: TimeRange) -> StatisticsQuestion:
    return StatisticsQuestion(shown.since, shown.until, shown.seconds, query.broker, query.vhost, query.name, query.queue)


def _item(row: Row, by: str, names: dict[int, str]) -> dict[str, Any]:
    counted = row.counted
    kinds = ("sent", "received", "started", "succeeded", "failed", "retried", "revoked", "rejected")
    return {
        "broker": names.get(row.broker_id, ""),
        "vhost": row.vhost,
        "name": None if by == "queue" else row.name_text,
        "queue": None if by == "name" else row.queue_text,
        "others": row.is_others,
        **{kind: getattr(counted, kind) for kind in kinds},
        "failed_percent": row.failed_percent,
        "runtime": _durations(row.runtimes, counted.runtimes.count),
        "wait": _durations(row.waits, counted.waits.count),
        "ended_per_second": list(row.ended),
    }


def _durations(times: tuple[float | None, ...], count: int) -> dict[str, Any]:
    return dict(zip(("p50", "p95", "p99", "longest"), times, strict=True)) | {"count": count}
