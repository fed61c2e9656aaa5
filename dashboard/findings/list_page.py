"""The list of findings: open, worst first; silenced; and those that are over, of today or of a time that somebody looks for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

import msgspec
from django.urls import reverse

from brokers.models import Broker
from brokers.queries import Page
from brokers.scope import Scope
from dashboard import queries
from dashboard.findings import filter as finding_filter
from dashboard.findings.checked import Checked, checked
from dashboard.findings.filter import CLOSED, OPEN, SILENCED, Wanted
from dashboard.findings.open_now import OpenNow, is_here, open_now
from dashboard.layout import formatting
from dashboard.layout.addresses import ListAddress, page_links
from dashboard.layout.lists import PAGE_SIZE, Filtered
from dashboard.live import topics
from dashboard.models import Finding

TODAY_AT_MOST = 10
VIEWS = (("Now", ""), ("Past", "state:closed"), ("Last 24 h", "from:-24h"))


class Line(msgspec.Struct, frozen=True):
    """A finding in the list. `note` follows its level and its time."""

    finding: Finding
    url: str
    note: str = ""

    @property
    def began(self) -> datetime:
        return self.finding.began


class FindingList(Filtered):
    """The data of one request; `broker` and `vhost` are the selected ones, None for all."""

    def __init__(
        self, scope: Scope, address: ListAddress, brokers: Sequence[Broker], broker: Broker | None, vhost: str | None, now: datetime, at: datetime | None = None
    ) -> None:  # fmt: skip
        """`at`: the past moment that the page shows."""
        self.scope, self.address, self.now, self.at = scope, address, now, at
        self.all_brokers, self.brokers = brokers, [broker] if broker else list(brokers)
        self.broker, self.vhost = broker, vhost
        self.filter = finding_filter.parse(address.filter_text)
        self.wanted: Wanted = finding_filter.wanted_by(self.filter, now)

    @cached_property
    def opened(self) -> OpenNow:
        return open_now(self.scope, self.all_brokers, self.at)

    @cached_property
    def checked(self) -> Checked:
        return checked(self.opened, self.brokers)

    @property
    def topics(self) -> list[str]:
        return [topics.Topic(topics.BROKER, broker.pk).name for broker in self.brokers]

    @cached_property
    def open(self) -> list[Finding]:
        """Those that match, the worst first; none that another one explains, unless the filter is about more than where."""
        return [one for one in self._fitting(self.opened.findings, OPEN) if one.pk not in self.opened.silenced and (one.under_id is None or self.filter.terms)]

    @cached_property
    def silenced(self) -> list[Finding]:
        return [one for one in self._fitting(self.opened.findings, SILENCED) if one.pk in self.opened.silenced]

    def _fitting(self, found: Iterable[Finding], state: str) -> list[Finding]:
        if self.filter.problems or not self.wanted.has(state):
            return []
        return [one for one in found if is_here(one, self.broker.pk if self.broker else None, self.vhost) and fits(one, self.wanted)]

    @cached_property
    def closed(self) -> Page[Finding]:
        """Of the past as the filter has it; a few where it is not about the past, without a filter of today."""
        page, size, wanted = self.address.page, PAGE_SIZE, self.wanted
        if self.filter.problems or not wanted.has(CLOSED):
            return Page(0, [], 1, PAGE_SIZE)
        if not wanted.is_about_the_past:
            page, size = 1, TODAY_AT_MOST
            midnight = self.now.replace(hour=0, minute=0, second=0, microsecond=0)
            wanted = wanted if self.filter.terms else msgspec.structs.replace(wanted, start=midnight)
        where = (self.scope, wanted, self.broker.pk if self.broker else None, self.vhost)
        found = queries.closed_findings(*where, page, size, self.at)
        return found if page <= found.pages else queries.closed_findings(*where, found.pages, size, self.at)

    @property
    def open_page(self) -> Page[Finding]:
        """A page of the open ones. Those of the past have the same pages: of the shorter list the last page stays."""
        page = min(self.address.page, Page(len(self.open), [], 1, PAGE_SIZE).pages)
        start = (page - 1) * PAGE_SIZE
        return Page(len(self.open), self.open[start : start + PAGE_SIZE], page, PAGE_SIZE)

    @property
    def closed_address(self) -> str:
        """All that match and are over."""
        return self.address.with_(q=self.filter.with_text("state:closed"))

    def lists(self) -> dict[str, Any]:
        """Context of the part "list"."""
        past = self.wanted.is_about_the_past
        page = max(self.closed, self.open_page, key=lambda one: one.pages) if past else self.open_page
        keep = self.address.with_().partition("?")[2]
        return {
            "open": [self._line(one, keep) for one in self.open_page.items],
            "silenced": [self._line(one, keep, self._silence_note(one)) for one in self.silenced[:PAGE_SIZE]],
            "closed": [self._line(one, keep, self._closed_note(one)) for one in self.closed.items],
            "past": past,
            "shows_open": self.wanted.has(OPEN),
            "shows_closed": self.wanted.has(CLOSED),
            "page": page,
            "pages": page_links(self.address, page),
            "several_brokers": len(self.brokers) > 1,
        }

    def _line(self, one: Finding, keep: str, note: str = "") -> Line:
        return Line(one, f"{reverse('finding', args=[one.pk])}{f'?{keep}' if keep else ''}", note)

    def _silence_note(self, one: Finding) -> str:
        holds = [silence for silence in self.opened.silences if queries.matches(silence, one)]
        last = max(holds, key=lambda silence: silence.until, default=None)
        if last is None:
            above = next((other for other in self.opened.findings if other.pk == one.under_id), None)
            if above is not None:
                return f"with “{above.title}”, which explains it"
        if last is None or not queries.patterns_in(self.scope, last):
            return f"until {formatting.moment_text(self.opened.silenced[one.pk], self.now)}"
        return f"until {formatting.moment_text(last.until, self.now)}, {last.user_name}: “{last.reason}”"

    def _closed_note(self, one: Finding) -> str:
        ended = one.closed_at or self.now
        length = formatting.duration(max(ended - one.began, ended - ended))
        back = f" · was back {formatting.count(one.returned, 'time')}" if one.returned else ""
        return f"{formatting.moment_text(one.began, self.now)} to {formatting.moment_text(ended, self.now)}, {length}{back}"

    @property
    def views(self) -> list[dict[str, Any]]:
        return self.exclusive_views(VIEWS)

    @property
    def is_quiet(self) -> bool:
        """True if nothing is open, no filter hides anything, and the rules have looked at everything lately."""
        return not self.open and not self.filter.terms and not self.checked.standing


def fits(one: Finding, wanted: Wanted) -> bool:
    """Whether an open finding is chosen, as `queries.closed_findings` would have it of a closed one."""
    broker = one.broker.name if one.broker else ""
    exact = ((one.level, wanted.levels), (one.rule, wanted.rules), (broker, wanted.brokers), (one.vhost, wanted.vhosts))
    return (
        all(value in values for value, values in exact if values)
        and all(name.casefold() in one.name.casefold() for name in wanted.names)
        and all(word.casefold() in one.title.casefold() for word in wanted.words)
        and (wanted.end is None or one.opened_at < wanted.end)
    )
