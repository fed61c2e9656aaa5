"""The queues page: which queues, in which order, with what is known of each, and what to say where there are none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from brokers import queries
from brokers.conditions import Condition
from brokers.models import Broker, Queue
from brokers.queries import QUEUE_SORTS
from brokers.scope import Scope
from dashboard.layout import filter_language
from dashboard.layout import visibility as sight
from dashboard.layout.addresses import Heading, ListAddress, page_links
from dashboard.layout.consumption import consuming_of_each
from dashboard.layout.filter_language import Filter, Term
from dashboard.live import topics
from dashboard.live.rows import LiveRow
from dashboard.queues import filter as queue_filter
from dashboard.queues.row import queue_row

PAGE_SIZE = 100
SPARK_POINTS = 48
LAST_HOUR = timedelta(hours=1)
DEFAULT_SORT = "-depth"
VIEWS = (("All", ""), ("Nobody consumes", "worker:none"), ("Growing", "is:growing"), ("Over 1,000", "depth>1000"))
LEVELS_OF_VIEWS = {"worker:none": "critical", "is:growing": "warning"}


class View(msgspec.Struct, frozen=True):
    """One of the ready-made filters, with how many queues it holds now."""

    words: str
    address: str
    count: int
    current: bool
    level: str = ""


class Culprit(msgspec.Struct, frozen=True):
    """The term that hides the most queues of a list that is filtered to nothing."""

    term: Term
    count: int
    address: str


class QueueList:
    """The questions of one request; `broker` and `vhost` are what the frame's switchers chose, None for all."""

    def __init__(self, scope: Scope, address: ListAddress, brokers: Sequence[Broker], broker: Broker | None, vhost: str | None, now: datetime) -> None:
        self.scope, self.address, self.now = scope, address, now
        self.brokers = [broker] if broker else list(brokers)
        self.broker, self.vhost = broker, vhost
        self.filter = filter_language.parse(address.filter_text, filter_language.QUEUES)
        self.sort = address.sort(QUEUE_SORTS, DEFAULT_SORT)
        self.shows_own = address.kept.get("own") == "show"

    @property
    def filter_chips(self) -> list[dict[str, Any]]:
        """Each qualifier that is asked for, with the address of the list without it."""
        return [{"term": term, "address": self.address.with_(q=rest)} for term, rest in self.filter.chips]

    @property
    def clear_address(self) -> str:
        return self.address.with_(q=None)

    def conditions(self, asked: Filter) -> list[Condition]:
        """The filter as conditions; unless asked for, without the queues of Celery and Hareline themselves."""
        own = [] if self.shows_own else [Condition("celery_own", "=", False)]
        return queue_filter.conditions(asked, self.scope, self.brokers, self.vhost) + own

    def count(self, asked: Filter) -> int:
        return self._page(asked, 1, 1).total

    def _page(self, asked: Filter, page: int, size: int) -> queries.Page[Queue]:
        return queries.queues(
            self.scope,
            broker=self.broker.pk if self.broker else None,
            vhost=self.vhost,
            conditions=self.conditions(asked),
            sort=self.sort,
            page=page,
            page_size=size,
        )

    def own_hidden(self) -> int:
        """How many queues belong to Celery or Hareline itself."""
        own = (Condition("celery_own", "=", True),)
        return queries.queues(self.scope, broker=self.broker.pk if self.broker else None, vhost=self.vhost, conditions=own, page_size=1).total

    def views(self) -> list[View]:
        """The ready-made filters; each keeps what else is asked for."""
        texts = {text for _, text in VIEWS if text}
        rest = self.filter.without(*(term for term in self.filter.terms if term.text in texts))
        found = []
        seen = not self.out_of_sight()
        for words, text in VIEWS:
            whole = f"{rest} {text}".strip()
            count = self.count(filter_language.parse(whole, filter_language.QUEUES))
            current = any(term.text == text for term in self.filter.terms) if text else rest == self.filter.text
            found.append(View(words, self.address.with_(q=whole), count, current, LEVELS_OF_VIEWS.get(text, "") if count and seen else ""))
        return found

    def culprit(self) -> Culprit | None:
        """Which term to take out so that most queues appear; None if taking out one is not enough."""
        tried = []
        for term in self.filter.terms:
            rest = self.filter.without(term)
            tried.append(Culprit(term, self.count(filter_language.parse(rest, filter_language.QUEUES)), self.address.with_(q=rest)))
        best = max(tried, key=lambda one: one.count, default=None)
        return best if best and best.count else None

    def table(self) -> dict[str, Any]:
        """The part "table": rows, pages, what is hidden."""
        page = self._page(self.filter, self.address.page, PAGE_SIZE)
        if not page.items and page.total:
            page = self._page(self.filter, page.pages, PAGE_SIZE)
        return {
            "rows": self._rows(page.items),
            "page": page,
            "pages": page_links(self.address, page),
            "headings": self._headings(),
            "own_count": self.own_hidden(),
            "shows_own": self.shows_own,
            "own_address": self.address.with_(own=None if self.shows_own else "show"),
            "culprit": self.culprit() if page.total == 0 and self.filter.terms else None,
            "topics": self.topics(page.items),
            "several_brokers": len(self.brokers) > 1,
            "several_vhosts": self.vhost is None and len({queue.vhost for queue in page.items}) > 1,
        }

    def _rows(self, queues: Sequence[Queue]) -> list[tuple[LiveRow, list[float | None]]]:
        sparks = self._sparks(queues)
        return [(queue_row(queue, queue.broker, consuming, self.now), sparks.get(queue.pk, [])) for queue, consuming in consuming_of_each(queues)]

    def _sparks(self, queues: Sequence[Queue]) -> dict[int, list[float | None]]:
        """Each queue's depth of the last hour."""
        by_broker: dict[int, list[int]] = defaultdict(list)
        for queue in queues:
            by_broker[queue.broker_id].append(queue.pk)
        found: dict[int, list[float | None]] = {}
        for broker_id, ids in by_broker.items():
            found |= queries.sparklines(self.scope, broker_id, "queues", ids, "depth", self.now - LAST_HOUR, self.now, SPARK_POINTS)
        return found

    def topics(self, queues: Sequence[Queue]) -> list[str]:
        """What the page listens to: its brokers, and the virtual hosts that it shows (or would show)."""
        places = {(queue.broker_id, queue.vhost) for queue in queues}
        if not places:
            places = {(host.broker_id, host.name) for broker in self.brokers for host in queries.virtual_hosts(self.scope, broker.pk)[:20]}
        return [topics.Topic(topics.BROKER, broker.pk).name for broker in self.brokers] + [
            topics.Topic(topics.QUEUES, broker_id, vhost).name for broker_id, vhost in sorted(places)
        ]

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
            Heading("Of the highest", kind="bar-cell"),
            *(self.address.heading(words, field, sorted_by, "num", descending_first=True) for words, field in figures),
            self.address.heading("Consumers and worker nodes", "consumers", sorted_by),
            Heading("Outlook"),
        ]

    def out_of_sight(self) -> list[dict[str, Any]]:
        return sight.out_of_sight(self.brokers, self.now)

    def limits(self) -> list[dict[str, Any]]:
        return sight.limits(self.brokers, self.vhost)

    @property
    def old_parts(self) -> list[dict[str, str]]:
        """What of the list can't be read now."""
        return sight.old_parts(self.brokers, self.now, sight.ON_QUEUES)
