"""The exchanges page: filtered, sorted and paginated exchanges with their number of bindings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from brokers import queries
from brokers.models import Broker, Exchange
from brokers.queries import EXCHANGE_SORTS, kept
from brokers.queries.pages import share_brokers
from brokers.scope import Scope
from dashboard.exchanges.row import exchange_row
from dashboard.layout import filter_language, visibility
from dashboard.layout.addresses import Heading, ListAddress, page_links
from dashboard.layout.filter_language import Filter
from dashboard.layout.lists import PAGE_SIZE, last_hour
from dashboard.layout.object_lists import ObjectList
from dashboard.live import topics
from dashboard.live.rows import LiveRow

DEFAULT_SORT = "-publish_in_per_second"


class ExchangeList(ObjectList):
    """The data of one request; `broker` and `vhost` are the selected ones, None for all."""

    qualifiers = filter_language.EXCHANGES
    parts = visibility.ON_EXCHANGES

    def __init__(self, scope: Scope, address: ListAddress, brokers: Sequence[Broker], broker: Broker | None, vhost: str | None, now: datetime) -> None:
        super().__init__(scope, address, brokers, broker, vhost, now)
        self.sort = address.sort(EXCHANGE_SORTS, DEFAULT_SORT)
        self._state = kept.state_of(self.brokers)
        self.shows_internal = address.kept.get("own") == "show"

    def _page(self, page: int) -> queries.Page[Exchange]:
        """One page. The query filters by name only, so qualifiers are applied here: exchanges are few."""
        if self.filter.problems:
            return queries.Page(0, [], 1, PAGE_SIZE)
        where: dict[str, Any] = {"broker": self.broker.pk if self.broker else None, "vhost": self.vhost, "sort": self.sort}
        where |= {"delay_levels": self.shows_internal, "at": self.at}
        if not self.filter.terms:
            return kept.shared(self._state, queries.exchanges, self.scope, **where, page=page, page_size=PAGE_SIZE)
        found = [exchange for exchange in self._all(where) if self._matches(exchange, self.filter)]
        return queries.Page(len(found), found[(page - 1) * PAGE_SIZE : page * PAGE_SIZE], page, PAGE_SIZE)

    def _all(self, where: dict[str, Any]) -> list[Exchange]:
        found: list[Exchange] = []
        for number in range(1, 1_000):
            page = queries.exchanges(self.scope, **where, page=number, page_size=queries.LARGEST_PAGE)
            found += page.items
            if number >= page.pages:
                break
        return found

    @staticmethod
    def _matches(exchange: Exchange, wanted: Filter) -> bool:
        return all(filter_language.fulfils(exchange, term) for term in wanted.terms)

    def count(self, wanted: Filter) -> int:
        return sum(self._matches(exchange, wanted) for exchange in self._everything)

    @cached_property
    def _everything(self) -> list[Exchange]:
        return self._all({"broker": self.broker.pk if self.broker else None, "vhost": self.vhost, "at": self.at})

    def table(self) -> dict[str, Any]:
        """Context of the part "table"."""
        page = self._page(self.address.page)
        if not page.items and page.total:
            page = self._page(page.pages)
        return {
            "rows": self._rows(page.items),
            "page": page,
            "pages": page_links(self.address, page),
            "headings": self._headings(),
            "internal_count": kept.shared(self._state, queries.delay_level_count, self.scope, self.broker.pk if self.broker else None, self.vhost, self.at),
            "shows_internal": self.shows_internal,
            "internal_address": self.address.with_(own=None if self.shows_internal else "show"),
            "most_restrictive_term": self.most_restrictive_term() if page.total == 0 and self.filter.terms else None,
            "topics": self.live_topics(page.items, topics.EXCHANGES, topics.TOPOLOGY),
            "several_brokers": len(self.brokers) > 1,
            "several_vhosts": self.vhost is None and len({exchange.vhost for exchange in page.items}) > 1,
        }

    def _rows(self, exchanges: Sequence[Exchange]) -> list[tuple[LiveRow, list[float | None], int]]:
        """(row, incoming rate over the last hour, number of bindings out)."""
        share_brokers(exchanges, self.brokers)
        sparks = last_hour(self.scope, "exchanges", exchanges, "publish_in_per_second", self._state)
        bound: dict[tuple[int, str, str], int] = {}
        for broker_id in {exchange.broker_id for exchange in exchanges}:
            counts = kept.shared(self._state, queries.binding_counts, self.scope, broker_id, self.vhost, self.at)
            bound |= {(broker_id, *place): count for place, count in counts.items()}
        return [
            (exchange_row(exchange, exchange.broker, self.now), sparks.get(exchange.pk, []), bound.get((exchange.broker_id, exchange.vhost, exchange.name), 0))
            for exchange in exchanges
        ]

    def _headings(self) -> list[Heading]:
        return [
            self.address.heading("Exchange", "name", self.sort),
            self.address.heading("Type", "type", self.sort),
            Heading("Features"),
            Heading("Bindings out", kind="num"),
            Heading("In, last hour"),
            self.address.heading("In /s", "publish_in_per_second", self.sort, "num", descending_first=True),
            self.address.heading("Out /s", "publish_out_per_second", self.sort, "num", descending_first=True),
        ]
