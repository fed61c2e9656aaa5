"""Objects that are gone from their broker and whose history is kept, by a part of their name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from django.db.models import Q

from brokers.models import Exchange, Queue
from brokers.queries.pages import in_scope
from brokers.queries.partly_visible import exchanges_in, hide_names
from brokers.scope import Scope

One = TypeVar("One", Queue, Exchange)


def gone_queues(scope: Scope, words: Sequence[str], limit: int) -> list[Queue]:
    """Those with all of these words in their name, the latest deleted first, with their broker; none whose name is that of a queue there now."""
    there = Queue.objects.filter(in_scope(scope, queue="name"), _named(words), gone_at=None).values_list("broker_id", "vhost", "name")
    found = Queue.objects.filter(in_scope(scope, queue="name"), _named(words), gone_at__isnull=False).select_related("broker")
    return _once(hide_names(scope, found.order_by("-gone_at", "-pk")[: 10 * limit]), set(there), limit)


def gone_exchanges(scope: Scope, text: str, limit: int) -> list[Exchange]:
    """The same of exchanges."""
    there = Exchange.objects.filter(exchanges_in(scope), _named([text]), gone_at=None).values_list("broker_id", "vhost", "name")
    found = Exchange.objects.filter(exchanges_in(scope), _named([text]), gone_at__isnull=False).select_related("broker")
    return _once(hide_names(scope, found.order_by("-gone_at", "-pk")[: 10 * limit]), set(there), limit)


def _named(words: Sequence[str]) -> Q:
    found = Q()
    for word in words:
        found &= Q(name__icontains=word)
    return found


def _once(rows: Sequence[One], seen: set[tuple[int, str, str]], limit: int) -> list[One]:
    found = []
    for row in rows:
        place = (row.broker_id, row.vhost, row.name)
        if place not in seen:
            seen.add(place)
            found.append(row)
    return found[:limit]
