"""Queries for queues."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from django.db.models import Q, QuerySet

from brokers.conditions import DERIVED_FIELDS, Condition
from brokers.models import Broker, Queue
from brokers.queries import pages
from brokers.queries.pages import BrokerRef, Page, existing, in_scope
from brokers.queries.partly_visible import hide_names
from brokers.queries.past import NOT_KEPT, PastQueue, fill_queues, queues_as_they_were
from brokers.scope import Scope

NOT_IN_THE_PAST = NOT_KEPT | DERIVED_FIELDS - {"celery_own"}
"""What the past can't be filtered by."""


def queues(
    scope: Scope,
    *,
    broker: BrokerRef | None = None,
    vhost: str | None = None,
    conditions: Sequence[Condition] = (),
    sort: str = "-depth",
    page: int = 1,
    page_size: int = 100,
    at: datetime | None = None,
    leave_out: Collection[int] = (),
    total: int | None = None,
    brokers: Sequence[Broker] | None = None,
) -> Page[Queue]:
    """A page of queues with their broker. Raises ValueError for an unknown sort or page, NotRecorded if nothing is known of that moment.

    `leave_out` are ids, `total` is the number of matches where it is known, `brokers` those that the queues are of, where they were read already; () leaves
    the rows without one.

    With `at` the numbers are those of that moment, and what history does not keep (state, policies, message bytes, age) is None or "".
    """
    field, descending = pages.sort_key(sort, pages.QUEUE_SORTS)
    pages.check_page(page, page_size)
    rows = _rows(scope, broker, vhost, at)
    if at is None:
        rows = (rows if brokers is None else rows.select_related(None)).filter(_all_of(conditions), ~Q(pk__in=leave_out) if leave_out else Q())
        found = pages.one_page(pages.ordered(rows, field, descending), page, page_size, total)
        pages.share_brokers(found.items, brokers or ())
        return found if scope.is_everything else Page(found.total, hide_names(scope, found.items), page, page_size)
    rows = rows.exclude(pk__in=leave_out) if leave_out else rows
    past = _past_page(rows, conditions, (field, descending), (page, page_size), at, pages.broker_ids(scope, broker))
    return Page(past.total, hide_names(scope, past.items), page, page_size)


def queue_counts(
    scope: Scope, filters: Sequence[Sequence[Condition]], *, broker: BrokerRef | None = None, vhost: str | None = None, leave_out: Collection[int] = (),
    at: datetime | None = None,
) -> list[int]:  # fmt: skip
    """How many queues fulfil all conditions of each of these filters; now by one query. `leave_out` are ids. Raises ValueError and NotRecorded as `queues`."""
    rows = _rows(scope, broker, vhost, at).select_related(None).order_by().filter(~Q(pk__in=leave_out) if leave_out else Q())
    if at is None:
        return pages.counts_of(rows, [_all_of(conditions) for conditions in filters])
    fixed, moving = zip(*map(pages.split_conditions, filters), strict=True) if filters else ((), ())
    there = fill_queues(_briefly(rows), at, pages.broker_ids(scope, broker))
    fitting = [set(_past_rows(rows, conditions).values_list("pk", flat=True)) for conditions in fixed]
    return [
        sum(queue.pk in keys and all(pages.fulfils(queue, condition) for condition in conditions) for queue in there)
        for keys, conditions in zip(fitting, moving, strict=True)
    ]


def internal_queues(scope: Scope, broker: BrokerRef | None = None, vhost: str | None = None, at: datetime | None = None) -> list[int]:
    """The ids of the queues that Celery or Hareline declared for themselves."""
    own = pages.condition_filter(Condition("celery_own", "=", True))
    return list(_rows(scope, broker, vhost, at).select_related(None).filter(own).order_by().values_list("pk", flat=True))


def _all_of(conditions: Iterable[Condition]) -> Q:
    found = Q()
    for condition in conditions:
        found &= pages.condition_filter(condition)
    return found


def _past_page(
    rows: QuerySet[Queue], conditions: Sequence[Condition], order: tuple[str, bool], cut: tuple[int, int], at: datetime, broker_ids: Sequence[int]
) -> Page[Queue]:
    """A page of a past moment. Whole rows are read for the page only: ten thousand would take a third of a second."""
    fixed, moving = pages.split_conditions(conditions)
    briefly = _briefly(_past_rows(rows, fixed))
    found = [queue for queue in fill_queues(briefly, at, broker_ids) if all(pages.fulfils(queue, condition) for condition in moving)]
    page, page_size = cut
    ids = [queue.pk for queue in pages.ordered_items(found, *order)[(page - 1) * page_size : page * page_size]]
    whole = {queue.pk: queue for queue in queues_as_they_were(list(Queue.objects.filter(pk__in=ids).select_related("broker")), at, broker_ids)}
    return Page(len(found), [whole[pk] for pk in ids], page, page_size)


def _briefly(rows: QuerySet[Queue]) -> list[PastQueue]:
    return [PastQueue(*values) for values in rows.order_by().values_list("pk", "name", "vhost", "type")]


def _past_rows(rows: QuerySet[Queue], fixed: Iterable[Condition]) -> QuerySet[Queue]:
    """The rows that fulfil conditions on what does not change. Raises ValueError for what changes and is not recorded."""
    for condition in fixed:
        if condition.field in NOT_IN_THE_PAST:
            raise ValueError(f"{condition.field} is not recorded, so the past can't be filtered by it")
        rows = rows.filter(pages.condition_filter(condition))
    return rows


def queues_by_ids(scope: Scope, ids: Iterable[int], at: datetime | None = None) -> list[Queue]:
    """Those of the ids in scope, also where the queue is gone (`gone_at`), by id."""
    ids = list(ids)
    if not ids:
        return []
    rows = Queue.objects.filter(in_scope(scope, queue="name"), pk__in=ids).select_related("broker").order_by("pk")
    return hide_names(scope, rows if at is None else _then(list(rows.filter(existing(at))), at))


def queue(scope: Scope, broker: BrokerRef, vhost: str, name: str, at: datetime | None = None) -> Queue | None:
    """The queue that has this name now, or had it `at` a moment; None if there is none in scope."""
    return _one(scope, _rows(scope, broker, vhost, at).filter(name=name), at)


def queue_by_id(scope: Scope, queue_id: int, at: datetime | None = None) -> Queue | None:
    """The queue of that id, also if it is deleted (`gone_at`)."""
    rows = Queue.objects.filter(in_scope(scope, queue="name"), pk=queue_id).select_related("broker")
    return _one(scope, rows if at is None else rows.filter(existing(at)), at)


def queue_names(scope: Scope, broker: BrokerRef | None = None, vhost: str | None = None, at: datetime | None = None) -> list[tuple[int, str, str]]:
    """(id, virtual host, name) of every queue, by name: for completion and for links."""
    return list(_rows(scope, broker, vhost, at).order_by("name", "vhost").values_list("pk", "vhost", "name"))


def queues_named(scope: Scope, broker: BrokerRef, vhost: str, names: Iterable[str], at: datetime | None = None) -> dict[str, int]:
    """{name: id} of those of the names that are queues there."""
    rows = Queue.objects.filter(in_scope(scope, broker, vhost, "name"), existing(at), name__in=set(names)).order_by()
    return dict(rows.values_list("name", "pk"))


def queue_names_ending(broker_id: int, vhost: str, ending: str) -> list[str]:
    """The names of the queues there now that end in this text. No scope: for the receiver."""
    return list(Queue.objects.filter(broker_id=broker_id, vhost=vhost, gone_at=None, name__endswith=ending).order_by("name").values_list("name", flat=True))


def _rows(scope: Scope, broker: BrokerRef | None, vhost: str | None, at: datetime | None) -> QuerySet[Queue]:
    return Queue.objects.filter(in_scope(scope, broker, vhost, "name"), existing(at)).select_related("broker")


def _one(scope: Scope, rows: QuerySet[Queue], at: datetime | None) -> Queue | None:
    found = rows.order_by("-pk")[:1] if at is None else _then(list(rows), at)[:1]
    return next(iter(hide_names(scope, found)), None)


def _then(rows: list[Queue], at: datetime) -> list[Queue]:
    return queues_as_they_were(rows, at, {row.broker_id for row in rows})
