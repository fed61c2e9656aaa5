"""The statistics of one task name or queue: figures, charts over time, how durations are distributed, and a comparison with another time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property

import msgspec
from django.http import QueryDict
from django.urls import reverse

from brokers.models import Broker
from brokers.scope import Scope
from dashboard import queries as own_queries
from dashboard.layout import charts as series
from dashboard.layout import formatting
from dashboard.layout.addresses import ListAddress, tasks_address
from dashboard.layout.chart_marks import Mark
from dashboard.layout.chart_ranges import Links as ChartLinks
from dashboard.layout.chart_ranges import Range, Stretch
from dashboard.layout.charts import Chart, Line
from dashboard.layout.filter_language import quoted
from dashboard.layout.moments import moment_of
from dashboard.statistics.differences import Difference, differences
from dashboard.statistics.distribution import Bar, bars
from dashboard.statistics.figures import PERCENTS, Row, rows_of, seconds_text
from dashboard.statistics.list_page import Links
from dashboard.statistics.ranges import RANGES, TimeRange, chosen, range_of
from dashboard.statistics.sources import Source, source_of
from workers import queries
from workers.queries import StatisticsQuestion
from workers.task_statistics import Counted, merged

AGAINST = (("before", "the time just before"), ("day", "the same time yesterday"), ("week", "the same time a week ago"))
MARKED_WITHIN, MOST_MARKED = timedelta(days=30), 6
COUNT_LINES = (Line("succeeded", ("succeeded",)), Line("failed", ("failed",), "s2", "5 3"), Line("retried", ("retried",), "s3", "2 2"))
DURATION_LINES = (Line("p50", ("p50",)), Line("p95", ("p95",), "s2", "5 3"), Line("p99", ("p99",), "s3", "2 2"))


class PeriodHistory(msgspec.Struct, frozen=True):
    """As `charts.History`: a value for each period; None is a gap."""

    times: Sequence[datetime]
    values: Mapping[str, Sequence[float | None]]
    resolution_seconds: float


class StatisticsOfOne:
    """`name` or `queue` None: any. Both are within one virtual host."""

    def __init__(self, scope: Scope, query: QueryDict, path: str, broker: Broker, vhost: str, now: datetime) -> None:
        self.scope, self.broker, self.vhost, self.now = scope, broker, vhost, now
        self.name, self.queue = query.get("name"), query.get("queue")
        self.address = ListAddress(path, query)
        kept = ("name", "queue", "from", "to", "against", "at")
        self.address.kept |= {"broker": broker.name, "vhost": vhost, **{key: str(query[key]) for key in kept if query.get(key)}}
        self.since, self.until = str(query.get("from") or ""), str(query.get("to") or "")
        self.range: TimeRange = chosen(self.address.kept.get("range", ""), self.since, self.until, now)
        self.at = moment_of(str(query.get("at") or ""), now)
        self._seen_in: dict[TimeRange, set[int]] = {}
        self.against = str(query.get("against") or "before")

    def _question(self, shown: TimeRange) -> StatisticsQuestion:
        return StatisticsQuestion(shown.since, shown.until, shown.seconds, self.broker.pk, self.vhost, self.name, self.queue)

    @cached_property
    def parts(self) -> list[queries.Part]:
        return queries.task_statistics(self.scope, self._question(self.range))

    @property
    def title(self) -> str:
        row = self.row
        texts = [] if row is None else [text for wanted, text in ((self.name, row.name_text), (self.queue, row.queue_text)) if wanted is not None]
        given = [text or "unknown" for text in (self.name, self.queue) if text is not None]
        return " in ".join(texts or given)

    @cached_property
    def row(self) -> Row | None:
        """None where nothing was counted in the range."""
        group = "both" if self.name is not None and self.queue is not None else "name" if self.name is not None else "queue"
        return next(iter(rows_of(self.parts, group)), None)

    @property
    def figures(self) -> list[tuple[str, str, str]]:
        """(what, the figure, a note)."""
        row = self.row
        if row is None:
            return []
        counted = row.counted
        known = (
            ("Runtime", row.runtimes, counted.runtimes.count, counted.ended, "ended"),
            ("Wait", row.waits, counted.waits.count, counted.started, "started"),
        )
        found = []
        for what, times, count, of, word in known:
            note = f"of {count:,} tasks" if count >= of else f"of {count:,} of {of:,} that {word}; the others’ is not known"
            found += [(f"{what} p{percent}", seconds_text(time), note) for percent, time in zip(PERCENTS, times, strict=False)]
            found.append((f"Longest {what.lower()}", seconds_text(times[-1]), note))
        return found

    @property
    def counts(self) -> list[tuple[str, int]]:
        counted = self.row.counted if self.row else None
        kinds = ("sent", "received", "started", "succeeded", "failed", "retried", "revoked", "rejected")
        return [] if counted is None else [(kind.capitalize(), getattr(counted, kind)) for kind in kinds]

    @cached_property
    def history(self) -> PeriodHistory:
        shown = self.range
        by_start: dict[int, list[Counted]] = {}
        for part in self.parts:
            by_start.setdefault(part.start, []).append(part.counted)
        seen = self._seen(shown)
        values: dict[str, list[float | None]] = {key: [] for key in ("succeeded", "failed", "retried", *(f"{p}{n}" for p in ("p", "wait_p") for n in PERCENTS))}
        for start in shown.starts:
            counted = merged(by_start.get(start, ()))
            for kind in ("succeeded", "failed", "retried"):
                values[kind].append(getattr(counted, kind) if start in seen else None)
            for prefix, sketch in (("p", counted.runtimes), ("wait_p", counted.waits)):
                for percent, found in zip(PERCENTS, sketch.percentiles(PERCENTS), strict=True):
                    values[f"{prefix}{percent}"].append(found)
        return PeriodHistory([datetime.fromtimestamp(start, UTC) for start in shown.starts], values, shown.seconds)

    def _seen(self, shown: TimeRange) -> set[int]:
        """When the periods began in which events of any task came."""
        if shown not in self._seen_in:
            question = StatisticsQuestion(shown.since, shown.until, shown.seconds, self.broker.pk, self.vhost)
            place = (self.broker.pk, self.vhost)
            self._seen_in[shown] = queries.counted_periods(self.scope, question, {place}).get(place, set())
        return self._seen_in[shown]

    @cached_property
    def charts(self) -> list[Chart]:
        shown, waits = self.range, tuple(Line(line.label, (f"wait_{line.metrics[0]}",), line.colour, line.dash) for line in DURATION_LINES)
        words = next((words for key, _, words in RANGES if key == shown.key), formatting.duration(shown.length))
        across = Stretch(shown.since, shown.until, Range(shown.key, int(shown.length.total_seconds()), words), step=shown.seconds)
        marks = [Mark(self.at, "compared here")] if self.at else []
        kinds = (
            ("tasks", "Tasks", f"{'an' if shown.period == 'hour' else 'a'} {shown.period}", COUNT_LINES, 0),
            ("runtime", "Runtime", "seconds", DURATION_LINES, 3),
            ("wait", "Wait", "seconds", waits, 3),
        )
        return [
            series.chart(
                key, title, unit, history=self.history, lines=lines, row="", broker_id=self.broker.pk, shown=across, now=shown.until, marks=marks, decimals=n
            )
            for key, title, unit, lines, n in kinds
        ]

    @property
    def chart_links(self) -> ChartLinks:
        """Only what the page has no links of its own for."""
        address = self.address.with_(**{"from": self.since, "to": self.until, "part": "charts"})
        whole = self.address.with_(**{"from": None, "to": None}) if self.since or self.until else ""
        return ChartLinks(whole=whole, csv=f"{address}&csv=")

    @property
    def distributions(self) -> list[tuple[str, list[Bar]]]:
        counted = self.row.counted if self.row else None
        return [] if counted is None else [("Runtime", bars(counted.runtimes)), ("Wait", bars(counted.waits))]

    @cached_property
    def compared(self) -> tuple[TimeRange, TimeRange]:
        """(before, after): around the moment `at`, else the range against another one as long."""
        shown = self.range
        if self.at and self.at < self.now:
            until = min(self.at + shown.length, self.now)
            return range_of(self.at - (until - self.at), self.at, self.now), range_of(self.at, until, self.now)
        by = {"day": timedelta(days=1), "week": timedelta(days=7)}.get(self.against, shown.length)
        return shown.earlier(by, self.now), shown

    @cached_property
    def differences(self) -> list[Difference]:
        before, after = self.compared
        return differences(self._whole(before), self._whole(after), before.length, after.length, self.source.is_whole(before))

    @property
    def seen_texts(self) -> list[str]:
        """In how many periods of each compared range events came at all: in the others nothing shows that they were received."""
        found = []
        for shown in self.compared:
            starts = shown.starts
            seen = len(self._seen(shown).intersection(starts))
            found.append(f"{seen:,} of {len(starts):,} {shown.period}{'s' * (len(starts) != 1)}")
        return found

    def _whole(self, shown: TimeRange) -> Counted:
        return merged(part.counted for part in (self.parts if shown is self.range else queries.statistics_totals(self.scope, self._question(shown))))

    @property
    def against_links(self) -> Links:
        return [(words, self.address.with_(against=key, at=None), self.at is None and key == self.against) for key, words in AGAINST]

    @property
    def marked(self) -> Links:
        """The latest moments that somebody marked, each with the comparison around it."""
        found = own_queries.marks(self.scope, self.broker.pk, self.now - MARKED_WITHIN, self.now)[-MOST_MARKED:]
        return [
            (f"{one.title}, {formatting.moment_text(one.at, self.now)}", self.address.with_(at=one.at.isoformat()), one.at == self.at)
            for one in reversed(found)
        ]

    @property
    def range_links(self) -> Links:
        return [(words, self.address.with_(**{"range": key, "from": None, "to": None}), key == self.range.key) for key, _, words in RANGES]

    @property
    def hidden_fields(self) -> list[tuple[str, str]]:
        return [(key, value) for key, value in self.address.kept.items() if key not in ("at", "against")]

    @property
    def tasks_address(self) -> str:
        terms = [f"{key}:{quoted(value)}" for key, value in (("name", self.name), ("queue", self.queue)) if value]
        return tasks_address(self.broker.name, self.vhost, " ".join(terms))

    @property
    def list_address(self) -> str:
        return ListAddress.at(reverse("statistics"), self.address).with_(name=None, queue=None, against=None, at=None)

    @property
    def source_text(self) -> str:
        return self.source.text(self.range)

    @cached_property
    def source(self) -> Source:
        return source_of(self.scope, [self.broker], self.broker, self.vhost, self.now)
