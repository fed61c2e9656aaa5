"""What the lists of queues, exchanges, workers, tasks and connections have in common: their lengths, their filter, and what a filter leaves out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec
from django.utils import timezone

from brokers import queries
from brokers.queries import kept
from brokers.scope import Scope
from dashboard.layout.addresses import ListAddress
from dashboard.layout.filter_language import Filter, Term, literal

PAGE_SIZE = 50
SPARK_POINTS = 48
LAST_HOUR = timedelta(hours=1)


class RestrictiveTerm(msgspec.Struct, frozen=True):
    """The most restrictive term of a filter without matches; `count` objects match without it."""

    term: Term
    count: int
    address: str
    more: bool = False  # counting stopped at `count`

    @property
    def count_text(self) -> str:
        return count_text(self.count, self.more)


def count_text(count: int, more: bool) -> str:
    """A count, with a plus where counting stopped and there are more.

    >>> count_text(9_999, False), count_text(10_000, True), count_text(0, True)
    ('9,999', '10,000+', '0')
    """
    return f"{count:,}+" if more and count else f"{count:,}"


class Filtered:
    """A list with a filter, and the addresses that change the filter. A filter with a mistake lists nothing: rows would look like its matches."""

    address: ListAddress
    filter: Filter

    @property
    def filter_chips(self) -> list[dict[str, Any]]:
        """Each qualifier of the filter, with the address of the list without it."""
        return [{"term": term, "address": self.address.with_(q=rest)} for term, rest in self.filter.chips]

    @property
    def clear_address(self) -> str:
        return self.address.with_(q=None)

    @property
    def mended_address(self) -> str:
        """The list without the terms that can't be applied."""
        return self.address.with_(q=self.filter.mended.text)

    @property
    def literal_address(self) -> str:
        """The list with these terms searched for as text."""
        return self.address.with_(q=" ".join(literal(term.text) if term.problem else term.text for term in self.filter.terms))

    def exclusive_views(self, views: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
        """Predefined filters, (label, text), of which each takes the place of the others."""
        texts = {text for _, text in views if text}
        rest = self.filter.without(*(term for term in self.filter.terms if term.text in texts))
        return [
            {
                "label": label,
                "address": self.address.with_(q=f"{rest} {text}".strip()),
                "current": any(term.text == text for term in self.filter.terms) if text else rest == self.filter.text,
            }
            for label, text in views
        ]


class Recorded(Protocol):
    """An object whose numbers are recorded: a queue, an exchange, a worker."""

    pk: int
    broker_id: int
    past_at: datetime | None


def most_restrictive(tried: Iterable[RestrictiveTerm]) -> RestrictiveTerm | None:
    """The one whose removal shows the most; None if removing a single term shows nothing."""
    best = max(tried, key=lambda one: one.count, default=None)
    return best if best and best.count else None


def last_hour(scope: Scope, kind: str, objects: Iterable[Recorded], metric: str, state: kept.State = None) -> dict[int, list[float | None]]:
    """{primary key: SPARK_POINTS values} of the metric over the last hour, at a past moment over the hour before it; `kind` as in `brokers.queries.sparklines`.
    `state`: that of the brokers, where their polls record it."""
    objects = list(objects)
    by_broker: dict[int, list[int]] = defaultdict(list)
    for one in objects:
        by_broker[one.broker_id].append(one.pk)
    found: dict[int, list[float | None]] = {}
    at = _past_of(objects)
    for broker_id, keys in by_broker.items():
        if at is not None:
            found |= queries.sparklines(scope, broker_id, kind, keys, metric, at - LAST_HOUR, at, SPARK_POINTS)
            continue
        found |= kept.shared(state, queries.sparklines_until_now, scope, broker_id, kind, tuple(keys), metric, LAST_HOUR.total_seconds(), SPARK_POINTS)
    return found


def _past_of(objects: Iterable[Recorded]) -> datetime | None:
    """The past moment at which these objects are shown; None: now."""
    return next((one.past_at for one in objects if one.past_at is not None), None)


def last_hour_of(scope: Scope, kind: str, objects: Iterable[Recorded], metrics: Sequence[str]) -> dict[str, dict[int, list[float | None]]]:
    """{metric: as `last_hour`} of several metrics, read at once."""
    objects = list(objects)
    by_broker: dict[int, list[int]] = defaultdict(list)
    for one in objects:
        by_broker[one.broker_id].append(one.pk)
    found: dict[str, dict[int, list[float | None]]] = {metric: {} for metric in metrics}
    now = _past_of(objects) or timezone.now()
    for broker_id, keys in by_broker.items():
        step = LAST_HOUR.total_seconds() / (SPARK_POINTS - 1)
        _, read = queries.histories(scope, broker_id, kind, keys, metrics, now - LAST_HOUR, now, step)
        for metric in metrics:
            found[metric] |= read[metric]
    return found
