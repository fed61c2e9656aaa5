"""What all queries share: pages, the scope, sorting with unknown values last, conditions as database filters."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec
from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db import connection
from django.db.models import Exists, F, Model, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce, Lower
from django.utils import timezone

from brokers.conditions import COMPARISONS, COUNT_FIELDS, DERIVED_FIELDS, FED_LATELY, NUMBER_FIELDS, STILL_AFTER, TEXT_FIELDS, Condition
from brokers.models import Binding, Broker, Queue
from brokers.queries import visible
from brokers.scope import Scope

T = TypeVar("T")
M = TypeVar("M", bound=Model)
BrokerRef = str | int
"""A broker by its name or its primary key."""

LARGEST_PAGE = 500
QUEUE_SORTS = (
    "name", "vhost", "type", "state", "depth", "ready", "unacknowledged", "consumers",
    "publish_per_second", "deliver_per_second", "ack_per_second", "memory_bytes",
)  # fmt: skip
CONNECTION_SORTS = (
    "client", "name", "user", "peer_host", "node", "state", "vhost", "channels", "unacknowledged", "publish_per_second", "deliver_per_second", "connected_at",
    "gone_at",
)  # fmt: skip
CHANNEL_SORTS = ("name", "vhost", "state", "unacknowledged", "publish_per_second", "deliver_per_second", "ack_per_second")
EXCHANGE_FIGURES = ("publish_in_per_second", "publish_out_per_second")
EXCHANGE_SORTS = ("name", "vhost", "type", *EXCHANGE_FIGURES)
_LOOKUPS = {"=": "", ">": "__gt", "<": "__lt", ">=": "__gte", "<=": "__lte", "~": "__icontains", "in": "__in"}


class Page(msgspec.Struct, Generic[T]):
    """One page of a list: `total` counts all pages, `page` is from 1. A page past the end has no items."""

    total: int
    items: list[T]
    page: int
    page_size: int

    @property
    def pages(self) -> int:
        """How many pages there are, at least 1."""
        return max(1, -(-self.total // self.page_size))


def check_page(page: int, page_size: int) -> None:
    """Raises ValueError, with what is allowed, for invalid numbers."""
    if page < 1:
        raise ValueError("page counts from 1")
    if not 1 <= page_size <= LARGEST_PAGE:
        raise ValueError(f"page_size is from 1 to {LARGEST_PAGE}")


def sort_key(sort: str, allowed: Iterable[str]) -> tuple[str, bool]:
    """(field, descending) of a sort such as "-depth". Raises ValueError, with what is allowed.

    >>> sort_key("-depth", ("name", "depth"))
    ('depth', True)
    """
    field = sort.removeprefix("-")
    if field not in tuple(allowed):
        raise ValueError(f"unknown sort {sort!r}; allowed, each also with a leading -: {', '.join(allowed)}")
    return field, sort.startswith("-")


def ordered(rows: QuerySet[M], field: str, descending: bool) -> QuerySet[M]:
    """The rows sorted, unknown values last in both orders, equal ones by name."""
    expression = Lower(field) if field in TEXT_FIELDS else F(field)
    first = expression.desc(nulls_last=True) if descending else expression.asc(nulls_last=True)
    return rows.order_by(first, "name", "vhost", "id")


def one_page(rows: QuerySet[M], page: int, page_size: int, total: int | None = None) -> Page[M]:
    """The page of the rows; `total` is how many there are, where that is known."""
    start = (page - 1) * page_size
    total = rows.count() if total is None else total
    return Page(total, list(rows[start : start + page_size]) if start < total else [], page, page_size)


def counts_of(rows: QuerySet[M], filters: Sequence[Q]) -> list[int]:
    """How many of the rows fulfil each filter, by one pass. Written out: Django's aggregates with filters take four times as long to build as to run."""
    counts, params = [], []
    for wanted in filters:
        query = rows.model._default_manager.filter(wanted).query
        try:
            sql, values = query.get_compiler(connection=connection).compile(query.where)
        except FullResultSet:
            sql, values = "1 = 1", ()
        except EmptyResultSet:
            sql, values = "1 = 0", ()
        counts.append(f"COUNT(*) FILTER (WHERE {sql})")
        params += values
    try:
        table, of_rows = rows.order_by().values("pk").query.sql_with_params()
    except EmptyResultSet:
        return [0] * len(filters)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(counts)} FROM {table.partition(' FROM ')[2]}", [*params, *of_rows])  # noqa: S608  (both made by Django)
        return list(cursor.fetchone())


def share_brokers(items: Iterable[Any], brokers: Iterable[Broker]) -> None:
    """Gives rows that were read without their broker the one that they all share: a join would make, and decode, one for each row."""
    known = {broker.pk: broker for broker in brokers}
    for item in items:
        if item.broker_id in known:
            item._state.fields_cache["broker"] = known[item.broker_id]  # as setting it does, in a tenth of the time


def ordered_items(items: list[T], field: str, descending: bool) -> list[T]:
    """The same order as `ordered`, for rows changed after they were read."""

    def value(item: T) -> Any:
        found = getattr(item, field)
        return found.casefold() if isinstance(found, str) else found

    items = sorted(items, key=lambda item: (item.name, item.vhost, item.pk))  # type: ignore[attr-defined]
    known = sorted((item for item in items if value(item) is not None), key=value, reverse=descending)
    return known + [item for item in items if value(item) is None]


def in_scope(scope: Scope, broker: BrokerRef | None = None, vhost: str | None = None, queue: str = "") -> Q:
    """The filter of rows that belong to a virtual host: within the scope, of one broker and virtual host where given. `queue` names the column with the
    name of the row's queue: without it, rows are left out where only some queues may be viewed. Of a cluster that is watched under another
    name only where it is the given one: else its rows would be there twice."""
    return visible.rows_in(scope, queue=queue) & _there(broker) & (Q() if vhost is None else Q(vhost=vhost))


def touching(scope: Scope, broker: BrokerRef | None = None) -> Q:
    """The filter of rows that belong to a whole broker, of which something may be viewed: how its polls went."""
    return visible.rows_touching(scope) & _there(broker)


def of_whole_brokers(scope: Scope, broker: BrokerRef | None = None) -> Q:
    """The same for what is visible only to who may view the broker as a whole."""
    return visible.rows_in(scope, vhost="") & _there(broker)


def visible_vhosts(scope: Scope, broker: BrokerRef | None = None) -> Q:
    """The same for rows of virtual hosts themselves: those of which something may be viewed, and where it is some queues of any virtual host, is there."""
    found = visible.NOTHING_AT_ALL if scope.places is not None else Q()
    for place in scope.places or ():
        only = Scope((place,))
        rows = visible.rows_touching(only, vhost="name")
        if place.queue and not place.vhost:
            there = Queue.objects.filter(visible.rows_in(only, queue="name"), broker=OuterRef("broker"), vhost=OuterRef("name"), gone_at=None)
            rows &= Q(Exists(there))
        found |= rows
    return found & _there(broker)


def _there(broker: BrokerRef | None) -> Q:
    if broker is None:
        return Q(broker__same_as="")
    return Q(broker__name=broker) if isinstance(broker, str) else Q(broker_id=broker)


def place_where(scope: Scope, broker: BrokerRef | None = None, vhost: str | None = None, queue: str = "") -> tuple[str, list[Any]]:
    """`in_scope` as a condition with its parameters, for statements that are written out; the table has `broker_id` and `vhost`."""
    of_vhost, vhosts = ("", []) if vhost is None else (" AND vhost = %s", [vhost])
    if not scope.is_everything:
        seen, parameters = visible.where_in(scope, queue=queue)
        of_vhost, vhosts = f"{of_vhost} AND {seen}", [*vhosts, *parameters]
    if isinstance(broker, int):
        return f"broker_id = %s{of_vhost}", [broker, *vhosts]
    where, one = ("same_as = ''", []) if broker is None else ("name = %s", [broker])
    return f"broker_id IN (SELECT id FROM brokers_broker WHERE {where}){of_vhost}", [*one, *vhosts]  # noqa: S608  (constants)


def visible_brokers(scope: Scope, broker: BrokerRef | None = None) -> Q:
    """The same for rows of brokers themselves: those of which something may be viewed."""
    found = visible.rows_touching(scope, broker="name")
    if broker is None:
        return found
    return found & (Q(name=broker) if isinstance(broker, str) else Q(pk=broker))


def broker_ids(scope: Scope, broker: BrokerRef | None = None) -> list[int]:
    """The primary keys of the brokers that a query covers."""
    return list(Broker.objects.filter(visible_brokers(scope, broker), configured=True).order_by().values_list("pk", flat=True))


def existing(at: datetime | None) -> Q:
    """The filter of rows that exist now, or existed at a moment."""
    return Q(gone_at=None) if at is None else Q(first_seen_at__lte=at) & (Q(gone_at=None) | Q(gone_at__gt=at))


def condition_filter(condition: Condition) -> Q:
    """A condition as a filter. What is unknown fulfils no condition on a number or a flag, `!=` included."""
    value = condition.typed_value()
    if condition.field in COUNT_FIELDS and isinstance(value, float) and not value.is_integer():
        return _between_counts(condition.field, condition.operator, value)
    if condition.field in DERIVED_FIELDS:
        derived = _DERIVED[condition.field]()
        return derived if value is (condition.operator == "=") else ~derived
    if condition.operator != "!=":
        return Q(**{condition.field + _LOOKUPS[condition.operator]: value})
    if condition.field in TEXT_FIELDS:
        return ~Q(**{condition.field: value})
    return ~Q(**{condition.field: value}) & Q(**{f"{condition.field}__isnull": False})


def _between_counts(field: str, operator: str, value: float) -> Q:
    """A whole number compared with one that is none: a column of whole numbers would cut it off."""
    if operator in ("=", "!="):
        return Q(pk__in=()) if operator == "=" else Q(**{f"{field}__isnull": False})
    return Q(**{f"{field}__gt" if operator in (">", ">=") else f"{field}__lte": math.floor(value)})


_GOSSIP = Exists(Binding.objects.filter(broker=OuterRef("broker"), vhost=OuterRef("vhost"), destination=OuterRef("name"), routing_key="worker.#", gone_at=None))
_CELERY_OWN = (
    Q(name__endswith=".pidbox") | Q(name__startswith="celeryev.") | Q(name__startswith="hareline.") | Q(name__contains="celery_delayed_")
    | (Q(auto_delete=True) & Q(name__regex=r"\.[0-9a-f]{8}-[0-9a-f-]{27}$") & Q(_GOSSIP))
)  # fmt: skip
"""Control queues, event queues, native delayed delivery (kombu/transport/native_delayed_delivery.py), and Hareline's own."""
# Nearly all are running, which one comparison shows instead of four
_BROKEN = (~Q(state="running") & Q(state__in=("down", "crashed", "stopped", "minority"))) | Q(leader="") | (Q(members__isnull=False) & ~Q(online=F("members")))
_LEAVES = Q(ack_per_second__gt=0) | Q(deliver_per_second__gt=0)
_LEAVES_UNKNOWN = Q(ack_per_second=None, deliver_per_second=None) & (Q(consumers=None) | Q(consumers__gt=0))
_UNCLEAR = Q(depth=None) | (Q(depth__gt=0) & ~Q(type="stream") & ~_LEAVES & (_LEAVES_UNKNOWN | Q(consumers=None)))


def _growing() -> Q:
    """A depth that grows: of a queue that is consumed only from 100 messages on, and by a tenth of what comes in. Rates stand in for one not measured yet."""
    enough, rising = F("publish_per_second") * 0.9, Q(growth_per_second__gt=0)
    rates = Q(publish_per_second__gt=0.1) & (Q(ack_per_second__lt=enough) | Q(ack_per_second=None, deliver_per_second__lt=enough))
    measured = Q(growth_per_second__gte=0.1) & (Q(publish_per_second=None) | Q(growth_per_second__gte=F("publish_per_second") * 0.1))
    consumed = Q(depth__gte=100) & ~Q(consumers=0) & (measured | (Q(growth_per_second=None) & rates))
    fed = Q(publish_per_second__gt=0) | Q(publish_per_second=0, last_publish_at__gte=timezone.now() - FED_LATELY)
    abandoned = Q(consumers=0, depth__gt=Coalesce("unacknowledged", 0)) & (rising | (Q(growth_per_second=None) & fed))
    return (consumed | abandoned) & ~Q(type="stream") & ~Q(name__contains="celery_delayed_")


def _stuck() -> Q:
    """Messages and consumers, and nothing acknowledged for STILL_AFTER, or no active consumer."""
    return Q(still_since__lte=timezone.now() - STILL_AFTER) | Q(consumers__gt=0, active_consumers=0)


_DERIVED: Mapping[str, Callable[[], Q]] = {
    "celery_own": lambda: _CELERY_OWN,
    "broken": lambda: _BROKEN,
    "unclear": lambda: _UNCLEAR,
    "growing": _growing,
    "stuck": _stuck,
}
"""Conditions that are not columns, as `dashboard.layout.queue_levels` has them."""


def fulfils(item: object, condition: Condition) -> bool:
    """The same as `condition_filter` for the numbers of a row that the database doesn't have."""
    value = getattr(item, condition.field)
    return value is not None and COMPARISONS[condition.operator](value, condition.typed_value())


def split_conditions(conditions: Iterable[Condition]) -> tuple[list[Condition], list[Condition]]:
    """(those on what a row always has, those on numbers that differ from moment to moment)."""
    fixed: list[Condition] = []
    moving: list[Condition] = []
    for condition in conditions:
        (moving if condition.field in NUMBER_FIELDS else fixed).append(condition)
    return fixed, moving
