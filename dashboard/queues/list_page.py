"""The queues page: filtered, sorted and paginated queues, and why the list is empty where it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from brokers import queries
from brokers.conditions import Condition
from brokers.models import Broker, Queue
from brokers.queries import QUEUE_SORTS
from brokers.scope import Scope
from dashboard.layout import filter_language, visibility
from dashboard.layout.addresses import Heading, ListAddress, page_links
from dashboard.layout.consumption import consuming_of_each
from dashboard.layout.filter_language import Filter
from dashboard.layout.lists import PAGE_SIZE, last_hour
from dashboard.layout.object_lists import ObjectList, View
from dashboard.live import topics
from dashboard.live.rows import LiveRow
from dashboard.queues import filter as queue_filter
from dashboard.queues.row import queue_row

DEFAULT_SORT = "-depth"
VIEWS = (("All", ""), ("No consumers", "worker:none"), ("Growing", "is:growing"), ("Over 1,000", "depth>1000"))
LEVELS_OF_VIEWS = {"worker:none": "critical", "is:growing": "warning"}


class QueueList(ObjectList):
    """The data of one request; `broker` and `vhost` are the selected ones, None for all."""

    qualifiers = filter_language.QUEUES
    parts = visibility.ON_QUEUES

    def __init__(self, scope: Scope, address: ListAddress, brokers: Sequence[Broker], broker: Broker | None, vhost: str | None, now: datetime) -> None:
        super().__init__(scope, address, brokers, broker, vhost, now)
        self.sort = address.sort(QUEUE_SORTS, DEFAULT_SORT)
        self.shows_internal = address.kept.get("own") == "show"
        self._consumed: dict[str, list[Condition]] = {}

    def conditions(self, wanted: Filter) -> list[Condition]:
        """The filter as conditions; internal queues (Celery, Hareline) are excluded unless shown."""
        own = [] if self.shows_internal else [Condition("celery_own", "=", False)]
        return queue_filter.conditions(wanted, self.scope, self.brokers, self.vhost, self._consumed) + own

    def count(self, wanted: Filter) -> int:
        return self._page(wanted, 1, 1).total

    def _page(self, wanted: Filter, page: int, size: int) -> queries.Page[Queue]:
        if wanted.problems:
            return queries.Page(0, [], 1, size)
        return queries.queues(
            self.scope,
            broker=self.broker.pk if self.broker else None,
            vhost=self.vhost,
            conditions=self.conditions(wanted),
            sort=self.sort,
            page=page,
            page_size=size,
        )

    def internal_count(self) -> int:
        """How many queues are internal: declared by Celery or Hareline for themselves."""
        own = (Condition("celery_own", "=", True),)
        return queries.queues(self.scope, broker=self.broker.pk if self.broker else None, vhost=self.vhost, conditions=own, page_size=1).total

    def views(self) -> list[View]:
        return self.predefined(VIEWS, LEVELS_OF_VIEWS)

    def table(self) -> dict[str, Any]:
        """Context of the part "table": rows, pages, hidden queues."""
        page = self._page(self.filter, self.address.page, PAGE_SIZE)
        if not page.items and page.total:
            page = self._page(self.filter, page.pages, PAGE_SIZE)
        return {
            "rows": self._rows(page.items),
            "page": page,
            "pages": page_links(self.address, page),
            "headings": self._headings(),
            "internal_count": self.internal_count(),
            "shows_internal": self.shows_internal,
            "internal_address": self.address.with_(own=None if self.shows_internal else "show"),
            "most_restrictive_term": self.most_restrictive_term() if page.total == 0 and self.filter.terms else None,
            "topics": self.live_topics(page.items, topics.QUEUES),
            "several_brokers": len(self.brokers) > 1,
            "several_vhosts": self.vhost is None and len({queue.vhost for queue in page.items}) > 1,
        }

    def _rows(self, queues: Sequence[Queue]) -> list[tuple[LiveRow, list[float | None]]]:
        sparks = last_hour(self.scope, "queues", queues, "depth", self.now)
        return [(queue_row(queue, queue.broker, consuming, self.now), sparks.get(queue.pk, [])) for queue, consuming in consuming_of_each(queues)]

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
