"""What the page of statistics shows: a row for each task name, queue or both, in a range of time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse

from brokers.models import Broker
from brokers.scope import Scope
from dashboard.layout.addresses import Heading, ListAddress
from dashboard.live import topics
from dashboard.statistics.figures import GROUPS, SORTS, TOPS, Row
from dashboard.statistics.listing import Listing, kept_listing
from dashboard.statistics.ranges import RANGES, TimeRange, chosen
from dashboard.statistics.sources import Source, source_of
from workers.queries import StatisticsQuestion
from workers.task_statistics import OTHERS

MOST_ROWS = 100
Links = list[tuple[str, str, bool]]
_COLUMNS = (
    ("Succeeded and failed", "ended"), ("Failed", "failed"), ("Failed share", "failed_percent"), ("Retries", "retried"), ("Revoked or rejected", "revoked"),
    ("Runtime p50", "p50"), ("p95", "p95"), ("p99", "p99"), ("Longest", "longest"), ("Wait p50", "wait_p50"), ("p95", "wait_p95"),
)  # fmt: skip


class StatisticsPage:
    """`broker` and `vhost`: those that the frame’s switchers chose; None is all."""

    def __init__(self, scope: Scope, query: QueryDict, path: str, brokers: Sequence[Broker], broker: Broker | None, vhost: str | None, now: datetime) -> None:
        self.scope, self.brokers, self.broker, self.vhost, self.now = scope, brokers, broker, vhost, now
        self.address = ListAddress(path, query)
        self.since, self.until = str(query.get("from") or ""), str(query.get("to") or "")
        self.address.kept |= {name: text for name, text in (("from", self.since), ("to", self.until)) if text}
        self.group = self.address.kept.get("group", "") if self.address.kept.get("group") in dict(GROUPS) else "name"
        self.sort = self.address.sort(tuple(SORTS), "-ended")
        self.range: TimeRange = chosen(self.address.kept.get("range", ""), self.since, self.until, now)

    @cached_property
    def listing(self) -> Listing:
        shown = self.range
        question = StatisticsQuestion(shown.since, shown.until, shown.seconds, self.broker.pk if self.broker else None, self.vhost)
        return kept_listing(self.scope, question, shown, self.group, self.sort, self.now, self.brokers)

    @property
    def shown(self) -> TimeRange:
        """What was read, which another viewer may have needed a little earlier."""
        return self.listing.shown

    @property
    def every_row(self) -> list[Row]:
        """Without durations, unless they are sorted by one."""
        return self.listing.every

    @property
    def rows(self) -> list[tuple[Row, str, str]]:
        """(row, its broker, the address of its own page) of the first."""
        rows = self.listing.whole(self.every_row[:MOST_ROWS])
        return [(row, self.names.get(row.broker_id, ""), self.detail_address(row)) for row in rows]

    @property
    def more(self) -> int:
        return max(0, len(self.every_row) - MOST_ROWS)

    @cached_property
    def names(self) -> dict[int, str]:
        return {broker.pk: broker.name for broker in self.brokers}

    def detail_address(self, row: Row) -> str:
        """ "" for other names, which have no page."""
        if row.is_others:
            return ""
        place = {"broker": self.names.get(row.broker_id, ""), "vhost": row.vhost}
        named = {name: value for name, value in (("name", row.name), ("queue", row.queue)) if self.group in (name, "both")}
        kept = {name: value for name, value in self.address.kept.items() if name in ("range", "from", "to")}
        return f"{reverse('statistics_name')}?{urlencode(place | named | kept)}"

    @property
    def headings(self) -> list[Heading]:
        first = dict(GROUPS)[self.group].replace("Names", "Name").replace("Queues", "Queue").replace("queues", "queue")
        columns = [self.address.heading(words, key, self.sort, "num", descending_first=True) for words, key in _COLUMNS]
        return [self.address.heading(first, "name", self.sort), *columns, Heading("Ended /s")]

    @property
    def range_links(self) -> Links:
        return [(words, self.address.with_(**{"range": key, "from": None, "to": None}), key == self.range.key) for key, _, words in RANGES]

    @property
    def group_links(self) -> Links:
        return [(words, self.address.with_(group=None if key == "name" else key), key == self.group) for key, words in GROUPS]

    @property
    def top_links(self) -> Links:
        return [(words, self.address.with_(sort=sort), sort == self.sort) for words, sort in TOPS]

    @property
    def csv_address(self) -> str:
        return ListAddress.at(reverse("statistics_export"), self.address).with_()

    @property
    def hidden_fields(self) -> list[tuple[str, str]]:
        """What the form of another range keeps."""
        return [(name, value) for name, value in self.address.kept.items() if name not in ("range", "from", "to")]

    @property
    def has_others(self) -> bool:
        return any(OTHERS in (row.name, row.queue) for row in self.every_row)

    @property
    def source_text(self) -> str:
        return self.source.text(self.shown)

    @cached_property
    def source(self) -> Source:
        return source_of(self.scope, self.brokers, self.broker, self.vhost, self.now)

    @property
    def is_limited(self) -> bool:
        return self.scope.limits_queues

    @property
    def several_places(self) -> bool:
        return len({(row.broker_id, row.vhost) for row in self.every_row}) > 1

    @property
    def follows(self) -> str:
        """How often the table renews itself."""
        return f"tick/{self.range.renewed_seconds}"

    @property
    def topics(self) -> list[str]:
        return [topics.Topic(topics.BROKER, broker.pk).name for broker in self.brokers]
