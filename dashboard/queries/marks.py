"""Marks: moments that people named."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q

from brokers.queries import Page, visible
from brokers.queries.pages import BrokerRef, one_page
from brokers.scope import Scope
from dashboard.models import Mark

MOST_MARKS_READ = 500


def marks(scope: Scope, broker: BrokerRef | None, start: datetime, end: datetime) -> list[Mark]:
    """Those of a span, `end` included, in the order of time; of more than 500 the latest. With a broker, its own and those of all brokers."""
    found = Mark.objects.filter(marks_in(scope, broker), at__gte=start, at__lte=end).select_related("broker").order_by("-at", "-pk")
    return list(found[:MOST_MARKS_READ])[::-1]


def marks_page(scope: Scope, broker: BrokerRef | None, start: datetime | None, end: datetime | None, page: int, page_size: int) -> Page[Mark]:
    """A page of them, the latest first."""
    found = Mark.objects.filter(marks_in(scope, broker)).select_related("broker").order_by("-at", "-pk")
    found = found if start is None else found.filter(at__gte=start)
    return one_page(found if end is None else found.filter(at__lte=end), page, page_size)


def mark(scope: Scope, pk: int) -> Mark | None:
    return Mark.objects.filter(marks_in(scope, None), pk=pk).select_related("broker").first()


def marks_in(scope: Scope, broker: BrokerRef | None) -> Q:
    """The filter of marks of brokers of which something may be viewed, and of marks without a broker for everybody who may view anything."""
    if scope.places == ():
        return visible.NOTHING_AT_ALL
    of_brokers = visible.rows_touching(scope) & Q(broker__isnull=False)
    if broker is not None:
        of_brokers &= Q(broker_id=broker) if isinstance(broker, int) else Q(broker__name=broker)
    return of_brokers | Q(broker__isnull=True)
