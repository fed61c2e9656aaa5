"""The list of tasks: the address's filter, sort and page turned into rows, views, counts, and the text where there is nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import msgspec
from django.contrib.auth.models import AnonymousUser

from brokers import queries as broker_queries
from brokers.models import Broker
from brokers.scope import Scope
from dashboard.layout import filter_language
from dashboard.layout.addresses import ListAddress
from dashboard.layout.lists import PAGE_SIZE, Filtered, RestrictiveTerm, count_text, most_restrictive
from dashboard.layout.moments import moment_of
from dashboard.layout.virtual_hosts import partly_visible
from dashboard.layout.visibility import Step
from dashboard.live import topics
from dashboard.live.rows import LiveRow
from dashboard.models import User
from dashboard.tasks import filter as task_filter
from dashboard.tasks import visibility as task_limits
from dashboard.tasks.list_choices import ListChoices
from dashboard.tasks.row import task_row
from dashboard.tasks.row_cells import RowCells
from workers import queries
from workers.models import EventSource, Worker
from workers.task_filter import ALL_STATES, TaskFilter

NEWEST_FIRST = "-at"
TRIED_AT_ONCE = 2
FILTERS = "name:orders.* state:failed runtime>2s queue: after:-2h"
VIEWS = (
    ("All", (), ""),
    ("Waiting", ("PENDING", "RECEIVED"), ""),
    ("Running", ("STARTED",), ""),
    ("Retrying", ("RETRY",), "warning"),
    ("Failed", ("FAILURE",), "critical"),
    ("Succeeded", ("SUCCESS",), ""),
    ("Revoked or rejected", ("REVOKED", "REJECTED"), ""),
    ("Unknown", ("UNKNOWN",), "unknown"),
)


class View(msgspec.Struct, frozen=True):
    words: str
    address: str
    count: str
    current: bool
    level: str


class TaskList(Filtered, ListChoices):
    """The questions of one request; `broker` and `vhost` are what the frame's switchers chose, None for all."""

    def __init__(
        self, scope: Scope, address: ListAddress, brokers: Sequence[Broker], broker: Broker | None, vhost: str | None, now: datetime,
        user: User | AnonymousUser | None = None,
    ) -> None:  # fmt: skip
        self.scope, self.address, self.now, self.user = scope, address, now, user
        self.several_brokers = len(brokers) > 1
        self.brokers = [broker] if broker else list(brokers)
        self.broker, self.vhost = broker, vhost
        self.at = next((one.past_at for one in self.brokers if one.past_at is not None), None)
        self.filter = self._parsed(address.filter_text)
        self.sort = address.sort(queries.TASK_SORTS, NEWEST_FIRST)

    def _parsed(self, text: str) -> filter_language.Filter:
        """The filter of a text; at a past moment a term about what only now has that as its problem."""
        found = task_filter.parse(text, self.scope.arguments is None)
        return found if self.at is None else filter_language.Filter(tuple(map(task_filter.of_the_past, found.terms)))

    def query_filter(self, wanted: filter_language.Filter) -> TaskFilter:
        return task_filter.query_filter(wanted, self.broker.pk if self.broker and self.several_brokers else None, self.vhost, self.now)

    @property
    def everywhere(self) -> TaskFilter:
        """Without the filter: what the switchers chose."""
        return self.query_filter(filter_language.Filter(()))

    def _tasks(self, wanted: TaskFilter, page: int, size: int, sort: str = NEWEST_FIRST, after: str = "", before: str = "") -> queries.TaskPage:
        found = self._found if wanted == self.query_filter(self.filter) else None
        counts = (lambda: self._counts) if size == PAGE_SIZE and self.at is None else None  # of the page itself, whose views show them too
        return queries.tasks(
            self.scope, filter=wanted, sort=sort, page=page, page_size=size, after=after, before=before, found=found, brokers=self.brokers, counts=counts,
            at=self.at,
        )  # fmt: skip

    @cached_property
    def _found(self) -> queries.Search | None:
        """What is looked at for the filter, searched once."""
        return queries.search_tasks(self.scope, self.query_filter(self.filter), at=self.at)

    @cached_property
    def page(self) -> queries.TaskPage:
        if self.filter.problems:
            return queries.TaskPage(0, [], 1, PAGE_SIZE)
        query_filter = self.query_filter(self.filter)
        if self.address.after or self.address.before:
            found = self._beside(query_filter)
            if found is not None:
                return found
        found = self._tasks(query_filter, self.address.page, PAGE_SIZE, self.sort)
        return self._tasks(query_filter, found.pages, PAGE_SIZE, self.sort) if not found.items and found.total else found

    def _beside(self, query_filter: TaskFilter) -> queries.TaskPage | None:
        """The page after or before the address's cursor; None where the first page is to be shown: there is nothing, or the first rows would not fill it."""
        try:
            found = self._tasks(query_filter, 1, PAGE_SIZE, self.sort, self.address.after, self.address.before)
        except ValueError:  # no cursor of this list
            return None
        if not found.items:
            return found if found.next else None  # a search for words goes on
        return found if self.address.after or found.previous else None

    @cached_property
    def rows(self) -> list[LiveRow]:
        return [task_row(task, self.now) for task in self.page.items]

    @property
    def page_links(self) -> dict[str, Any]:
        """The addresses of the pages before and after, "" at an end, and of the first one where this is another; which rows these are, as far as known."""
        page, first = self.page, (self.page.page - 1) * PAGE_SIZE + 1
        by_number = not (self.address.after or self.address.before) or not page.previous
        return {
            "rows": f"{first:,}–{first + len(page.items) - 1:,}" if by_number and (page.previous or page.next) else "",
            "first": self.address.with_() if page.previous else "",
            "previous": self.address.with_(before=page.previous) if page.previous else "",
            "next": self.address.with_(after=page.next) if page.next else "",
        }

    @property
    def further_address(self) -> str:
        """Where a search for words goes on that found none here of those that it looked at; "" if it looked at all."""
        return self.address.with_(after=self.page.next) if self.page.next and not self.page.items else ""

    @property
    def sorts_some(self) -> bool:
        """True if the order is not that of all tasks that fit, but of the newest of them."""
        more = self.page.total_is_more or self.page.total > queries.COUNTED
        return more and self.sort.removeprefix("-") != "at"

    @property
    def looked_at_by(self) -> str:
        """Which tasks a search looks at, after their number."""
        found = self._found
        return " with these words" if found is not None and found.of_any_state else ""

    @property
    def newest_first_address(self) -> str:
        return self.address.with_(sort=None)

    @property
    def search_placeholder(self) -> str:
        """Who may not see all arguments can't search for them either."""
        return f"Search {'arguments' if self.scope.arguments is None else 'names'}, or: {FILTERS}"

    @property
    def first_page_address(self) -> str:
        return self.address.with_()

    @cached_property
    def _of_any_state(self) -> filter_language.Filter:
        terms = self.filter.mended.terms
        return filter_language.Filter(tuple(term for term in terms if not (term.qualifier and term.qualifier.name == "state")))

    @cached_property
    def _counts(self) -> tuple[dict[str, int], frozenset[str]]:
        wanted = self.query_filter(self._of_any_state)
        shown: queries.TaskPage | None = self.__dict__.get("page")  # None while it is being read
        if shown is not None and not shown.total and wanted == self.query_filter(self.filter):
            return {}, frozenset(ALL_STATES) if shown.total_is_more else frozenset()
        return (self._kept_counts, frozenset()) if wanted == self.everywhere and self._kept_counts else queries.counts_by_state(self.scope, wanted, self._found)

    @cached_property
    def views(self) -> list[View]:
        """The states as ready-made filters; each keeps the rest of the filter that can be applied."""
        rest = self._of_any_state
        counts, beyond = self._counts
        query_filter = set(self.query_filter(self.filter).states)
        found = []
        for words, wanted, level in VIEWS:
            text = f"state:{','.join(wanted).lower()}" if wanted else ""
            count = sum(counts.get(state, 0) for state in wanted or counts)
            more = bool(beyond & set(wanted or counts))
            count = min(count, queries.COUNTED) if more else count
            address = self.address.with_(q=rest.with_text(text) or None)
            found.append(View(words, address, count_text(count, more), query_filter == set(wanted), level if count else ""))
        return found

    @property
    def newest(self) -> str:
        """The moment of the newest row of a page that lists the newest first; "" elsewhere, where newer ones are not counted."""
        if self.sort != NEWEST_FIRST or self.page.previous or not self.page.items or self.at is not None:
            return ""
        return self.page.items[0].first_seen_at.isoformat()

    def newer(self, newest: str) -> str:
        """How many tasks that fit have come since, "" if none."""
        since = moment_of(newest, self.now)
        if since is None or self.filter.problems or self.at is not None:
            return ""
        query_filter = self.query_filter(self.filter)
        start = max(since + timedelta(microseconds=1), query_filter.start or since)
        found = self._tasks(msgspec.structs.replace(query_filter, start=start), 1, 1)
        return count_text(found.total, found.total_is_more) if found.total else ""

    @cached_property
    def workers(self) -> list[Worker]:
        broker = self.broker.pk if self.broker else None
        return queries.workers(self.scope, broker=broker, vhost=self.vhost, page_size=broker_queries.LARGEST_PAGE).items

    @cached_property
    def sources(self) -> list[EventSource]:
        shown = {broker.pk for broker in self.brokers}
        return [
            source for source in queries.event_sources(self.scope, brokers=self.brokers) if source.broker_id in shown and self.vhost in (None, source.vhost)
        ]

    @property
    def limits(self) -> list[Step]:
        if self.at is not None:
            return []  # they are of now
        broker = self.broker.pk if self.broker else None
        return task_limits.limits(self.brokers, self.sources, queries.silent_workers(self.scope, broker, self.vhost), self.now)

    @cached_property
    def steps(self) -> list[Step]:
        return task_limits.steps_to_see_tasks(self.brokers, self.vhost, self.sources, self.workers, self.now)

    @property
    def steps_left(self) -> str:
        return task_limits.left(self.steps)

    @cached_property
    def kept_since(self) -> datetime | None:
        """When the oldest task that is kept, whatever the filter, was first seen."""
        return queries.kept_since()

    @property
    def kept(self) -> str:
        """How many tasks are kept in all."""
        kept = sum((self._kept_counts or {}).values())
        if kept > queries.COUNTED:
            return count_text(kept, more=False)
        found = self._tasks(self.everywhere, 1, 1)
        return count_text(found.total, found.total_is_more)

    @cached_property
    def _kept_counts(self) -> dict[str, int] | None:
        """None where only some queues may be viewed: no counts are kept of these."""
        return None if self.scope.limits_queues or self.at is not None else queries.kept_counts(self.scope, self.everywhere.broker, self.everywhere.vhost)

    @property
    def total_text(self) -> str:
        return count_text(self.page.total, self.page.total_is_more)

    @cached_property
    def most_restrictive_term(self) -> RestrictiveTerm | None:
        """The term whose removal of the first 15 shows the most tasks; None if removing a single one shows none."""
        tried = []
        for term in self.filter.tried:
            rest = self.filter.without(term)
            found = self._tasks(self.query_filter(self._parsed(rest)), 1, 1)
            tried.append(RestrictiveTerm(term, found.total, self.address.with_(q=rest), found.total_is_more))
        return most_restrictive(tried)

    @property
    def tries_many(self) -> bool:
        """True if looking for that term would hold up the page, which fetches it then."""
        return len(self.filter.tried) > TRIED_AT_ONCE

    @property
    def several_vhosts(self) -> bool:
        return self.vhost is None and len({task.vhost for task in self.page.items}) > 1

    @property
    def row_cells(self) -> RowCells:
        return RowCells(self.columns, self.several_vhosts, self.several_brokers)

    @property
    def topics(self) -> list[str]:
        places = {(source.broker_id, source.vhost) for source in self.sources} | {(task.broker_id, task.vhost) for task in self.page.items}
        places |= partly_visible(self.scope, self.brokers, self.vhost)
        names = [topics.Topic(topics.BROKER, broker.pk).name for broker in self.brokers]
        return names + [topics.Topic(topics.TASKS, broker_id, vhost).name for broker_id, vhost in sorted(places)]
