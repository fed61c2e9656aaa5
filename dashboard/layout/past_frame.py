"""What the frame of a page shows of its past moment: the banner, the slider, the steps. Two queries for the bars, and two for the changes beside them."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from brokers import queries
from dashboard import queries as own
from dashboard.layout import formatting
from dashboard.layout.moment_slider import Slider, slider, window
from dashboard.layout.moments import at_text
from dashboard.layout.past_requests import address_at

if TYPE_CHECKING:
    from dashboard.layout.frame import Shell

STEP = timedelta(seconds=5)


class PastFrame:
    """Of one request about a past moment. Changes are those of the chosen broker and virtual host."""

    def __init__(self, request: HttpRequest, shell: Shell, at: datetime, now: datetime) -> None:
        self._request, self._shell, self.at, self.now = request, shell, at, now

    @property
    def text(self) -> str:
        """ "Tue 24 Nov 2026, 03:10:50"."""
        return f"{self.at:%a} {self.at.day} {self.at:%b %Y}, {formatting.clock(self.at)}"

    @property
    def clock(self) -> str:
        return formatting.clock(self.at)

    @property
    def ago(self) -> str:
        return formatting.age(self.at, self.now)

    @property
    def ago_short(self) -> str:
        """Only the largest unit: "11 h"."""
        return " ".join(self.ago.split()[:2])

    @property
    def every(self) -> str:
        """How often the numbers were recorded, as far as known."""
        seconds = {broker.poll_seconds for broker in self._shell.brokers if broker.poll_seconds}
        return f"recorded every {formatting.duration(max(seconds))}; " if seconds else ""

    @property
    def now_address(self) -> str:
        return address_at(self._request, None)

    @property
    def link(self) -> str:
        """The whole address of the page at this moment, for another person."""
        return self._request.build_absolute_uri(address_at(self._request, self.at))

    @property
    def compare_address(self) -> str:
        """What differs between then and now; "" where no page shows that."""
        broker = self._shell.broker
        try:
            return f"{reverse('compare')}?{urlencode({'broker': broker.name, 'at': at_text(self.at)})}" if broker else ""
        except NoReverseMatch:
            return ""

    @property
    def _broker(self) -> int | None:
        return self._shell.broker.pk if self._shell.broker else None

    @property
    def earlier_address(self) -> str:
        """ "" where that would be before the first record."""
        return self._address(self.at - STEP)

    def _address(self, at: datetime) -> str:
        first: datetime | None = getattr(self._request, "first_moment", None)
        return address_at(self._request, at) if first is None or at >= first else ""

    @property
    def later_address(self) -> str:
        """ "" where that would be the future."""
        return address_at(self._request, self.at + STEP) if self.at + STEP <= self.now else ""

    @cached_property
    def change_before(self) -> datetime | None:
        return queries.change_before(self._shell.scope, self.at, self._broker, self._shell.vhost)

    @cached_property
    def change_after(self) -> datetime | None:
        return queries.change_after(self._shell.scope, self.at, self._broker, self._shell.vhost)

    @property
    def before_address(self) -> str:
        return address_at(self._request, self.change_before) if self.change_before else ""

    @property
    def after_address(self) -> str:
        return address_at(self._request, self.change_after) if self.change_after else ""

    @cached_property
    def slider(self) -> Slider:
        start, end = window(self.at, self.now)
        changes = queries.change_times(self._shell.scope, start, end, self._broker, self._shell.vhost)
        found = own.finding_times(self._shell.scope, start, end, self._broker)
        return slider(self.at, self.now, changes, found, self._address)
