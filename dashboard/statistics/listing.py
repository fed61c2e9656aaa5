"""Rows of a list in their order, with no more read than is shown: counts of all, durations and courses of a page of them.

What was read is kept for all viewers of this process until a page of that range renews itself, a longer one more rarely.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import cached_property

import msgspec

from brokers.models import Broker
from brokers.queries.kept import Kept, state_of
from brokers.scope import Scope
from dashboard.statistics.figures import BY_DURATION, Place, Row, in_order, rows_of, with_courses
from dashboard.statistics.ranges import RENEWED_SECONDS, TimeRange
from workers import queries
from workers.queries import StatisticsQuestion

KEPT_SHARE = 0.8  # of the time between two renewals of a page, so that none shows the same twice
MOST_KEPT, MOST_PAGES = 6, 4


class Listing:
    """`group`: of GROUPS; `sort`: of SORTS, with a leading - or not."""

    def __init__(self, scope: Scope, question: StatisticsQuestion, shown: TimeRange, group: str, sort: str, now: datetime) -> None:
        self.scope, self.question, self.shown, self.group, self.sort, self.now = scope, question, shown, group, sort, now
        self._pages: dict[tuple[Place, ...], list[Row]] = {}

    @cached_property
    def every(self) -> list[Row]:
        """Without durations unless they are sorted by one."""
        read = queries.statistics_totals if self.sort.removeprefix("-") in BY_DURATION else queries.statistics_counts
        return in_order(rows_of(read(self.scope, self.question), self.group), self.sort)

    def with_durations(self, rows: Sequence[Row]) -> list[Row]:
        """The same rows."""
        if self.sort.removeprefix("-") in BY_DURATION:
            return list(rows)
        found = {row.place: row for row in rows_of(queries.statistics_totals(self.scope, self._of(rows)), self.group)}
        return [found.get(row.place, row) for row in rows]

    def whole(self, rows: Sequence[Row]) -> list[Row]:
        """The same rows with durations and courses."""
        places = tuple(row.place for row in rows)
        if places not in self._pages:
            if len(self._pages) >= MOST_PAGES:
                self._pages.clear()
            self._pages[places] = self._read(rows)
        return self._pages[places]

    def _read(self, rows: Sequence[Row]) -> list[Row]:
        if not rows:
            return []
        question = self._of(rows)
        periods = queries.counted_periods(self.scope, self.question, {row.place[:2] for row in rows})
        courses = queries.ended_courses(self.scope, question)
        return with_courses(self.with_durations(rows), self.group, courses, periods, self.shown, self.now.timestamp())

    def _of(self, rows: Sequence[Row]) -> StatisticsQuestion:
        names = None if self.group == "queue" else frozenset(row.name for row in rows)
        queues = None if self.group == "name" else frozenset(row.queue for row in rows)
        return msgspec.structs.replace(self.question, names=names, queues=queues)


_kept: dict[int, Kept[Listing]] = {seconds: Kept(MOST_KEPT, KEPT_SHARE * renewed) for seconds, renewed in RENEWED_SECONDS.items()}


def kept_listing(scope: Scope, question: StatisticsQuestion, shown: TimeRange, group: str, sort: str, now: datetime, brokers: Iterable[Broker]) -> Listing:
    """The listing that another viewer made lately, whose range ends when it was read, or a new one. `brokers`: those that the person may view."""
    ends = None if shown.until > now - timedelta(seconds=shown.seconds) else shown.until
    same = (scope.of_objects, msgspec.structs.replace(question, until=shown.since), ends, group, sort)
    state = None if state_of(brokers) is None else ()
    return _kept[shown.seconds].get(same, state, lambda: Listing(scope, question, shown, group, sort, now))
