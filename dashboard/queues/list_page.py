"""The queues page: filtered, sorted and paginated queues, and why the list is empty where it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

import msgspec

from brokers import queries
from brokers.conditions import Condition
from brokers.models import Broker, Queue
from brokers.queries import QUEUE_SORTS, kept
from brokers.queries.pages import share_brokers
from brokers.scope import Scope
from dashboard.findings.open_now import NOTHING_KNOWN, open_now
from dashboard.layout import filter_language, visibility
from dashboard.layout.addresses import Heading, ListAddress, page_links
from dashboard.layout.consumption import consuming_of_each
from dashboard.layout.filter_language import Filter
from dashboard.layout.internal_queues import internal_queues, without
from dashboard.layout.lists import PAGE_SIZE, last_hour
from dashboard.layout.object_lists import ObjectList, View
from dashboard.live import topics
from dashboard.live.rows import LiveRow
from dashboard.queues import filter as queue_filter
from dashboard.queues.row import queue_row

DEFAULT_SORT = "-depth"
VIEWS = (("All", ""), ("No consumers", "worker:none"), ("Growing", "is:growing"), ("Over 1,000", "depth>1000"))
LEVELS_OF_VIEWS = {"worker:none": "critical", "is:growing": "warning"}
ANY_NUMBER = 2**62


class Listed(msgspec.Struct, frozen=True):
    """Whose queues of where a list is about; `internal` are the ids of those to leave out, None if they are shown."""

    scope: Scope
    broker_id: int | None
    vhost: str | None
    internal: tuple[int, ...] | None
    at: datetime | None = None  # a past moment; None: now

    @property
    def without(self) -> tuple[Sequence[int], list[Condition]]:
        """What leaves the internal ones out of a query: ids, or a condition where they are many."""
        return ((), []) if self.internal is None else without(self.internal)


class QueueList(ObjectList):
    """The data of one request; `broker` and `vhost` are the selected ones, None for all."""

    qualifiers = filter_language.QUEUES
    parts = visibility.ON_QUEUES
    not_recorded = ("worker:*", "is", "state", "policy", "node")

    def __init__(self, scope: Scope, address: ListAddress, brokers: Sequence[Broker], broker: Broker | None, vhost: str | None, now: datetime) -> None:
        super().__init__(scope, address, brokers, broker, vhost, now)
        self.sort = address.sort(QUEUE_SORTS, DEFAULT_SORT)
        self.shows_internal = address.kept.get("own") == "show"
        self._consumed: dict[str, list[Condition]] = {}
        self._counted: dict[str, int] = {}

    @property
    def _place(self) -> dict[str, Any]:
        return {"broker": self.broker.pk if self.broker else None, "vhost": self.vhost}

    @cached_property
    def _state(self) -> kept.State:
        return kept.state_of(self.brokers)

    @cached_property
    def _listed(self) -> Listed:
        return Listed(self.scope, self._place["broker"], self.vhost, None if self.shows_internal else tuple(self.internal), self.at)

    @cached_property
    def internal(self) -> list[int]:
        """The ids of internal queues: declared by Celery or Hareline for themselves."""
        return internal_queues(self.scope, self.brokers, self._place["broker"], self.vhost)

    @cached_property
    def _without(self) -> tuple[Sequence[int], list[Condition]]:
        return self._listed.without

    def conditions(self, wanted: Filter) -> list[Condition]:
        """The filter as conditions; internal queues are left out by their ids, or by a condition where they are many."""
        return queue_filter.conditions(wanted, self.scope, self.brokers, self.vhost, self._consumed) + self._without[1]

    def count(self, wanted: Filter) -> int:
        return self.counts([wanted])[0]

    def counts(self, wanted: Sequence[Filter]) -> list[int]:
        """How many queues match each filter; internal ones are left out unless they are shown. Filters with a problem match nothing."""
        usable = [one for one in wanted if not one.problems and one.text not in self._counted]
        if usable:
            if any(_is_by_worker(one) for one in usable):
                found = queries.queue_counts(self.scope, [self.conditions(one) for one in usable], **self._place, leave_out=self._without[0])
            else:
                found = kept.shared(self._state, _count, self._listed, tuple(one.text for one in usable))
            self._counted |= zip((one.text for one in usable), found, strict=True)
        return [0 if one.problems else self._counted[one.text] for one in wanted]

    def _page(self, page: int) -> queries.Page[Queue]:
        if self.filter.problems:
            return queries.Page(0, [], 1, PAGE_SIZE)
        if _is_by_worker(self.filter):
            items = _items(self._listed, self.conditions(self.filter), self.sort, page)
        else:
            items = kept.shared(self._state, _read, self._listed, self.filter.text, self.sort, page)
        share_brokers(items, self.brokers)  # rows of the same state, whoever read them
        return queries.Page(self._total, items, page, PAGE_SIZE)

    @cached_property
    def _total(self) -> int:
        """How many match the filter; counted together with the views."""
        return self.counts([self.filter, *self.view_filters(self._views)])[0]

    def views(self) -> list[View]:
        return self.predefined(self._views, LEVELS_OF_VIEWS)

    @property
    def _views(self) -> Sequence[tuple[str, str]]:
        """At a past moment without what is not recorded."""
        return VIEWS if self.at is None else [view for view in VIEWS if not view[1].startswith("is:")]

    def table(self) -> dict[str, Any]:
        """Context of the part "table": rows, pages, hidden queues."""
        page = self._page(self.address.page)
        if not page.items and page.total:
            page = self._page(page.pages)
        return {
            "rows": self._rows(page.items),
            "page": page,
            "pages": page_links(self.address, page),
            "headings": self._headings(),
            "internal_count": len(self.internal),
            "shows_internal": self.shows_internal,
            "internal_address": self.address.with_(own=None if self.shows_internal else "show"),
            "most_restrictive_term": self.most_restrictive_term() if page.total == 0 and self.filter.terms else None,
            "topics": self.live_topics(page.items, topics.QUEUES),
            "several_brokers": len(self.brokers) > 1,
            "several_vhosts": self.vhost is None and len({queue.vhost for queue in page.items}) > 1,
        }

    def _rows(self, queues: Sequence[Queue]) -> list[tuple[LiveRow, list[float | None]]]:
        sparks = last_hour(self.scope, "queues", queues, "depth", self._state)
        opened = open_now(self.scope, self.brokers) if queues else NOTHING_KNOWN
        return [(queue_row(queue, queue.broker, consuming, self.now, opened), sparks.get(queue.pk, [])) for queue, consuming in consuming_of_each(queues)]

    def _headings(self) -> list[Heading]:
        sorted_by = self.sort
        figures = (
            ("Depth", "depth"),
            ("Ready", "ready"),
            ("Unacked", "unacknowledged"),
            ("In /s", "publish_per_second"),
            ("Out /s", "deliver_per_second"),
        )
        return [
            self.address.heading("Queue", "name", sorted_by),
            Heading("Level"),
            Heading("Last hour"),
            Heading("Of 24 h peak", kind="bar-cell"),
            *(self.address.heading(label, field, sorted_by, "num", descending_first=True) for label, field in figures),
            self.address.heading("Consumers and worker nodes", "consumers", sorted_by),
            Heading("Trend"),
        ]


def _is_by_worker(wanted: Filter) -> bool:
    """True if it depends on who consumes, which is no part of a poll."""
    return any(value.lower() != "none" for value in wanted.values("worker"))


def _conditions(listed: Listed, text: str) -> list[Condition]:
    wanted = filter_language.parse(text, QueueList.qualifiers)
    return queue_filter.conditions(wanted, listed.scope, (), listed.vhost) + listed.without[1]


def _count(listed: Listed, texts: Sequence[str]) -> list[int]:
    """How many queues match each of these filters, of which none is by worker."""
    filters = [_conditions(listed, text) for text in texts]
    return queries.queue_counts(listed.scope, filters, broker=listed.broker_id, vhost=listed.vhost, leave_out=listed.without[0], at=listed.at)


def _read(listed: Listed, text: str, sort: str, page: int) -> list[Queue]:
    """A page of the queues that match the filter, which is not by worker."""
    return _items(listed, _conditions(listed, text), sort, page)


def _items(listed: Listed, conditions: list[Condition], sort: str, page: int) -> list[Queue]:
    """Without their broker."""
    where: dict[str, Any] = {"broker": listed.broker_id, "vhost": listed.vhost, "conditions": conditions, "leave_out": listed.without[0], "at": listed.at}
    return queries.queues(listed.scope, **where, sort=sort, page=page, page_size=PAGE_SIZE, total=ANY_NUMBER, brokers=()).items
