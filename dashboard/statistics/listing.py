"""Rows of a list in their order, with no more read than is shown: counts of all, durations and courses of a page of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property

import msgspec

from brokers.scope import Scope
from dashboard.statistics.figures import BY_DURATION, Row, in_order, rows_of, with_courses
from dashboard.statistics.ranges import TimeRange
from workers import queries
from workers.queries import StatisticsQuestion


class Listing:
    """`group`: of GROUPS; `sort`: of SORTS, with a leading - or not."""

    def __init__(self, scope: Scope, question: StatisticsQuestion, shown: TimeRange, group: str, sort: str, now: datetime) -> None:
        self.scope, self.question, self.shown, self.group, self.sort, self.now = scope, question, shown, group, sort, now

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
        if not rows:
            return []
        question = self._of(rows)
        periods, courses = queries.counted_periods(self.scope, self.question), queries.ended_courses(self.scope, question)
        return with_courses(self.with_durations(rows), self.group, courses, periods, self.shown, self.now.timestamp())

    def _of(self, rows: Sequence[Row]) -> StatisticsQuestion:
        names = None if self.group == "queue" else frozenset(row.name for row in rows)
        queues = None if self.group == "name" else frozenset(row.queue for row in rows)
        return msgspec.structs.replace(self.question, names=names, queues=queues)
