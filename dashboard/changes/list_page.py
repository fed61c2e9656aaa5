"""The list of changes, newest first, with the marks among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.urls import reverse

from brokers import queries
from brokers.models import Broker, Change
from brokers.queries import ChangeFilter, Page
from brokers.scope import Scope
from dashboard import queries as own_queries
from dashboard.changes import filter as change_filter
from dashboard.changes import marks
from dashboard.changes.row import Row, mark_row, row_of
from dashboard.layout.addresses import ListAddress, page_links
from dashboard.layout.completion import Values
from dashboard.layout.folded_changes import folded, folded_text
from dashboard.layout.lists import PAGE_SIZE, Filtered
from dashboard.live import topics
from dashboard.models import Mark, User

LONG_AGO = timedelta(days=4000)
ROUTES = "kind:exchange,queue,binding,policy,operator_policy"
VIEWS = (
    ("All", ""),
    ("Last 10 minutes", "since:-10min"),
    ("Routes", ROUTES),
    ("Worker nodes", "kind:worker,consumer"),
    ("Users", "kind:user,permission"),
    ("Marks", "kind:mark"),
)


class ChangeList(Filtered):
    """The data of one request; `broker` and `vhost` are what the frame's switchers chose, None for all."""

    def __init__(
        self,
        scope: Scope,
        user: User | AnonymousUser,
        address: ListAddress,
        brokers: Sequence[Broker],
        broker: Broker | None,
        vhost: str | None,
        now: datetime,
    ) -> None:
        self.scope, self.user, self.address, self.now = scope, user, address, now
        self.several_brokers = len(brokers) > 1
        self.brokers, self.broker, self.vhost = [broker] if broker else list(brokers), broker, vhost
        self.filter = change_filter.parse(address.filter_text)
        self.wanted: ChangeFilter = change_filter.wanted_by(self.filter, broker.pk if broker and self.several_brokers else None, vhost, now)

    @cached_property
    def _found(self) -> tuple[Page[Change], datetime | None]:
        if self.filter.problems:
            return Page(0, [], 1, PAGE_SIZE), None
        found = queries.changes_page(self.scope, self.wanted, self.address.page, PAGE_SIZE)
        beyond = not found[0].items and found[0].total
        return queries.changes_page(self.scope, self.wanted, found[0].pages, PAGE_SIZE) if beyond else found

    @property
    def page(self) -> Page[Change]:
        return self._found[0]

    @cached_property
    def marks(self) -> list[Mark]:
        """Those of the time that the page is about."""
        if self.filter.problems or not change_filter.shows_marks(self.wanted):
            return []
        page, later_at = self._found
        start = page.items[-1].at if page.items and page.page < page.pages else self.wanted.start or self.now - LONG_AGO
        end = later_at or self.wanted.end or self.now + marks.AHEAD
        return [one for one in self._marks(self.scope, start, end) if later_at is None or one.at < later_at]

    def every_mark(self, scope: Scope) -> list[Mark]:
        """Those that the filter finds of all pages, as far as the scope goes, the latest first; of very many the latest."""
        if not change_filter.shows_marks(self.wanted):
            return []
        start, end = self.wanted.start or self.now - LONG_AGO, self.wanted.end or self.now + marks.AHEAD
        return self._marks(scope, start, end)[::-1]

    def _marks(self, scope: Scope, start: datetime, end: datetime) -> list[Mark]:
        return [one for one in own_queries.marks(scope, self.broker.pk if self.broker else None, start, end) if self._fits(one)]

    def _fits(self, mark: Mark) -> bool:
        title, wanted = mark.title.casefold(), self.wanted
        named = all(word.casefold() in title for word in (*wanted.names, *wanted.words))
        by = not wanted.users or mark.made_by in wanted.users
        return named and by and (not wanted.brokers or (mark.broker is not None and mark.broker.name in wanted.brokers))

    @cached_property
    def rows(self) -> list[Row]:
        found = [row_of(one, self.now) for one in self.page.items]
        found += [mark_row(one, marks.may_remove(self.user, one)) for one in self.marks]
        return sorted(found, key=lambda row: row.at, reverse=True)

    @property
    def entries(self) -> list[tuple[Row | None, str, list[Row]]]:
        """(the row, "", []), or of changes that are one line (None, its text, their rows)."""
        return [(rows[0], "", []) if len(rows) == 1 else (None, folded_text(rows[0].what, len(rows)), rows) for rows in folded(self.rows)]

    @property
    def pages(self) -> dict[str, Any]:
        return page_links(self.address, self.page)

    @property
    def views(self) -> list[dict[str, Any]]:
        return self.exclusive_views(VIEWS)

    @property
    def exports(self) -> list[tuple[str, str]]:
        return [(kind.upper(), ListAddress.at(reverse("changes_export", args=[kind]), self.address).with_()) for kind in ("csv", "json")]

    @property
    def topics(self) -> list[str]:
        return [topics.Topic(topics.BROKER, broker.pk).name for broker in self.brokers]

    @property
    def several_vhosts(self) -> bool:
        return self.vhost is None

    @property
    def markable(self) -> list[Broker]:
        """The brokers whose moments this person may mark."""
        return [one for one in self.brokers if not marks.why_not(self.user, one)]

    @property
    def marks_everywhere(self) -> bool:
        return not marks.why_not(self.user, None)

    @property
    def values(self) -> Values:
        """What the filter can be completed with: what is on the page."""

        def counted(names: Sequence[str]) -> list[tuple[str, str]]:
            return [(name, "") for name, _ in Counter(name for name in names if name).most_common()]

        return {
            "name": lambda: counted([one.name for one in self.page.items]),
            "who": lambda: counted([one.who for one in self.rows]),
            "vhost": lambda: counted([one.vhost for one in self.page.items]),
            "broker": lambda: counted([one.name for one in self.brokers]),
        }
