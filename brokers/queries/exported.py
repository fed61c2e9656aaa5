"""Figures of many objects at once, for other systems: without rows of the ORM, which cost most of the time where there are ten thousand."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from django.db.models import F, Q, QuerySet

from brokers.models import Exchange, Queue
from brokers.queries.pages import in_scope
from brokers.queries.partly_visible import exchanges_in
from brokers.queries.visible import rows_in
from brokers.scope import Scope

Rows = tuple[int, list[tuple[Any, ...]]]
"""How many there are, and (broker id, virtual host, name, value of each field) of those that are read."""


def exported_queues(scope: Scope, brokers: Collection[int], fields: Sequence[str], most: int) -> Rows:
    """The queues of these brokers, at most so many, the deepest first."""
    rows = Queue.objects.filter(in_scope(scope, queue="name"), gone_at=None, broker_id__in=brokers)
    return _read(rows.order_by(F("depth").desc(nulls_last=True), "id"), fields, most)


def exported_exchanges(scope: Scope, brokers: Collection[int], fields: Sequence[str], most: int) -> Rows:
    """The exchanges, those that exist longest first. Where only some queues may be viewed, without the default exchange: what goes through it is of all."""
    rows = Exchange.objects.filter(exchanges_in(scope), gone_at=None, broker_id__in=brokers)
    if scope.limits_queues:
        rows = rows.filter(~Q(name="") | rows_in(scope))
    return _read(rows.order_by("id"), fields, most)


def _read(rows: QuerySet[Any], fields: Sequence[str], most: int) -> Rows:
    found = list(rows.values_list("broker_id", "vhost", "name", *fields)[:most])
    return len(found) if len(found) < most else rows.count(), found
