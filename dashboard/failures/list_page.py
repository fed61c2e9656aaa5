"""The list of groups of failures: the address's filter, sort and page turned into lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import msgspec
from django.urls import reverse

from brokers.models import Broker
from brokers.queries import Page
from brokers.scope import Scope
from dashboard.failures import filter as failure_filter
from dashboard.failures.text import Mark, mark_of, message_of, title_of
from dashboard.layout import formatting
from dashboard.layout.addresses import Heading, ListAddress, page_links
from dashboard.layout.completion import Values
from dashboard.layout.lists import PAGE_SIZE, Filtered
from dashboard.layout.visibility import Step
from dashboard.live import topics
from dashboard.workers.visibility import no_events
from workers import queries
from workers.queries import Failures, names_in

LATEST_FIRST = "-last"
TREND = timedelta(hours=24)
BEHIND = timedelta(minutes=1)
FILTERS = "exception:Declined name:orders.* worker: state:open is:new after:-2h"
VIEWS = (("All", ""), ("Open", "state:open"), ("New within 24 h", "is:new"), ("Resolved", "state:resolved"))
COLUMNS = (
    ("State", "", "", False),
    ("Exception and place", "exception", "", False),
    ("Last 24 h", "", "spark-cell", False),
    ("Count", "count", "num", True),
    ("Tasks", "", "", False),
    ("Worker nodes", "", "", False),
    ("First", "first", "num", True),
    ("Last", "last", "num", True),
)


class Line(msgspec.Struct, frozen=True):
    """A group in the list. `trend`: failures an hour."""

    found: Failures
    url: str
    title: str
    message: str
    mark: Mark
    trend: tuple[int, ...]
    tasks: str
    workers: str


class FailureList(Filtered):
    """The questions of one request; `broker` and `vhost` are what the frame's switchers chose, None for all."""

    def __init__(self, scope: Scope, address: ListAddress, brokers: Sequence[Broker], broker: Broker | None, vhost: str | None, now: datetime) -> None:
        self.scope, self.address, self.now = scope, address, now
        self.several_brokers = len(brokers) > 1
        self.brokers, self.broker, self.vhost = [broker] if broker else list(brokers), broker, vhost
        self.filter = failure_filter.parse(address.filter_text)
        self.sort = address.sort(queries.FAILURE_SORTS, LATEST_FIRST)

    @cached_property
    def page(self) -> Page[Failures]:
        if self.filter.problems:
            return Page(0, [], 1, PAGE_SIZE)
        found = self._page(self.address.page)
        return self._page(found.pages) if not found.items and found.total else found

    def _page(self, number: int) -> Page[Failures]:
        wanted = failure_filter.query_filter(self.filter, self.broker.pk if self.broker and self.several_brokers else None, self.vhost, self.now)
        return queries.failures(self.scope, wanted, self.sort, number, PAGE_SIZE, self.now - TREND)

    @cached_property
    def lines(self) -> list[Line]:
        return [
            Line(
                one,
                reverse("failure", args=[one.group.pk]),
                title_of(one),
                message_of(one),
                mark_of(one, self.now),
                trend_of(one, self.now, TREND),
                names_text(one.tasks),
                names_text(one.workers),
            )
            for one in self.page.items
        ]

    @property
    def pages(self) -> dict[str, Any]:
        return page_links(self.address, self.page)

    @property
    def headings(self) -> list[Heading]:
        return [
            self.address.heading(words, field, self.sort, kind, descending_first=down) if field else Heading(words, kind=kind)
            for words, field, kind, down in COLUMNS
        ]

    @property
    def views(self) -> list[dict[str, Any]]:
        return self.exclusive_views(VIEWS)

    @cached_property
    def behind(self) -> str:
        """What is not counted yet, as a sentence; "" if all is."""
        return behind_text(queries.failures_counted_until(), self.now)

    @property
    def limits(self) -> list[Step]:
        """Where events are not received now, so that failures there are unknown."""
        shown = {broker.pk for broker in self.brokers}
        sources = queries.event_sources(self.scope, brokers=self.brokers)
        return no_events((source for source in sources if source.broker_id in shown), self.vhost)

    @property
    def several_vhosts(self) -> bool:
        return self.vhost is None and len({one.group.vhost for one in self.page.items}) > 1

    @property
    def topics(self) -> list[str]:
        return [topics.Topic(topics.BROKER, broker.pk).name for broker in self.brokers]

    @property
    def values(self) -> Values:
        """What the filter can be completed with: what is on the page."""

        def counted(names: Callable[[Failures], list[str]]) -> list[tuple[str, str]]:
            return [(name, "") for name, _ in Counter(name for one in self.page.items for name in names(one) if name).most_common()]

        return {
            "exception": lambda: counted(lambda one: [one.group.exception]),
            "name": lambda: counted(lambda one: names_in(one.tasks)),
            "worker": lambda: counted(lambda one: names_in(one.workers)),
        }


def trend_of(found: Failures, now: datetime, length: timedelta) -> tuple[int, ...]:
    """Failures an hour, the hour that goes on last."""
    last = int(now.timestamp()) // 3600
    return tuple(found.hours.get(hour, 0) for hour in range(last - int(length.total_seconds()) // 3600 + 1, last + 1))


def names_text(counts: Sequence[tuple[str, int]]) -> str:
    """The names with most failures.

    >>> names_text([("shop.pay", 3), ("shop.mail", 1), ("", 9)]), names_text([])
    ('shop.pay, shop.mail and others', '–')
    """
    names = names_in(counts)
    if not names:
        return formatting.UNKNOWN
    others = " and others" if len(names) < len(counts) else ""
    return f"{', '.join(names)}{others}" if others and len(names) <= 2 else formatting.listed(names, 2)


def behind_text(counted_until: datetime | None, now: datetime) -> str:
    if counted_until is None:
        return "Failures are not counted yet: the maintenance process has not looked at tasks since this version was installed."
    if now - counted_until > BEHIND:
        return f"Failures after {formatting.moment_text(counted_until, now)} are not counted yet."
    return ""
