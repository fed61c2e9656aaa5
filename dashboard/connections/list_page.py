"""The connections page: filtered, sorted and paginated connections, how many are opened and closed, and clients that seem to leak."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from brokers import queries
from brokers.models import Broker, Connection
from brokers.parts import OVERVIEW
from brokers.queries import CONNECTION_SORTS
from brokers.scope import Scope
from dashboard.connections.filter import QUALIFIERS, Chooser
from dashboard.connections.owners import Owners
from dashboard.connections.row import connection_row
from dashboard.connections.text import Leak, churn_text, leak_text
from dashboard.layout import formatting, levels, visibility
from dashboard.layout.addresses import Heading, ListAddress, page_links
from dashboard.layout.filter_language import Filter
from dashboard.layout.lists import PAGE_SIZE
from dashboard.layout.object_lists import ObjectList, View
from dashboard.live import topics

DEFAULT_SORT, CLOSED_SORT = "client", "-gone_at"
VIEWS = (
    ("All", ""),
    ("Blocked", "state:blocked,blocking"),
    ("Flow control", "state:flow"),
    ("Celery", "is:celery"),
    ("Growing", "is:growing"),
    ("Closed", "is:closed"),
)
LEVELS_OF_VIEWS = {"state:blocked,blocking": "critical", "is:growing": "warning"}
LEAKS_SHOWN = 3


class ConnectionList(ObjectList):
    """The data of one request; `broker` and `vhost` are the selected ones, None for all."""

    qualifiers = QUALIFIERS
    parts = visibility.ON_CONNECTIONS

    def __init__(self, scope: Scope, address: ListAddress, brokers: Sequence[Broker], broker: Broker | None, vhost: str | None, now: datetime) -> None:
        super().__init__(scope, address, brokers, broker, vhost, now)
        self.sort = address.sort(CONNECTION_SORTS, CLOSED_SORT if "closed" in ",".join(self.filter.values("is")).lower() else DEFAULT_SORT)
        self.chooser = Chooser(scope, self.brokers, vhost)

    def _page(self, wanted: Filter, page: int, size: int, titles: Mapping[int, str] | None = None) -> queries.Page[Connection]:
        if wanted.problems:
            return queries.Page(0, [], 1, size)
        found = self.chooser.chosen(wanted)
        where: dict[str, Any] = {"broker": self.broker.pk if self.broker else None, "vhost": self.vhost, "sort": self.sort, "titles": titles}
        return queries.connection_page(self.scope, **where, conditions=found.conditions, keys=found.keys, closed=found.closed, page=page, page_size=size)

    def count(self, wanted: Filter) -> int:
        return self._page(wanted, 1, 1).total

    def views(self) -> list[View]:
        return self.predefined(VIEWS, LEVELS_OF_VIEWS)

    def table(self) -> dict[str, Any]:
        """Context of the part "table"."""
        titles = self.chooser.titles() if self.sort.lstrip("-") == "client" else None
        page = self._page(self.filter, self.address.page, PAGE_SIZE, titles)
        if not page.items and page.total:
            page = self._page(self.filter, page.pages, PAGE_SIZE, titles)
        owners = Owners(self.scope)
        return {
            "rows": [connection_row(one, one.broker, owners.of(one), self.now) for one in page.items],
            "page": page,
            "pages": page_links(self.address, page),
            "headings": self._headings(),
            "most_restrictive_term": self.most_restrictive_term() if page.total == 0 and self.filter.terms and not self.filter.problems else None,
            "topics": self.live_topics(page.items, topics.CONNECTIONS),
            "several_brokers": len(self.brokers) > 1,
            "several_vhosts": self.vhost is None and len({one.vhost for one in page.items}) > 1,
        }

    def _headings(self) -> list[Heading]:
        address, by = self.address, self.sort
        numbers = (("Channels", "channels"), ("Unacked", "unacknowledged"), ("In /s", "publish_per_second"), ("Out /s", "deliver_per_second"))
        return [
            address.heading("Client", "client", by),
            address.heading("State", "state", by),
            address.heading("User", "user", by),
            address.heading("Host", "peer_host", by),
            address.heading("Node", "node", by),
            *(address.heading(label, field, by, "num", descending_first=True) for label, field in numbers),
            address.heading("Since", "gone_at" if by.endswith("gone_at") else "connected_at", by, "num", descending_first=True),
        ]

    @cached_property
    def figures(self) -> list[dict[str, Any]]:
        """What each broker that is visible as a whole counts: connections and channels, and how many are opened and closed a second."""
        return [
            {
                "broker": broker,
                "connections": formatting.number((broker.object_totals or {}).get("connections")),
                "channels": formatting.number((broker.object_totals or {}).get("channels")),
                "opened": formatting.rate(broker.connections_opened_per_second),
                "closed": formatting.rate(broker.connections_closed_per_second),
                "channels_opened": formatting.rate(broker.channels_opened_per_second),
                "channels_closed": formatting.rate(broker.channels_closed_per_second),
                "as_of": formatting.moment_text(levels.read_at(broker, OVERVIEW), self.now),
                "is_old": bool(levels.unavailable(broker, self.now) or levels.unread(broker, OVERVIEW, self.now)),
            }
            for broker in self.brokers
            if self.scope.covers(broker.name)
        ]

    def leaks(self) -> list[Leak]:
        """The clients that seem to leak connections or channels."""
        return [leak_text(found, self.address, self.chooser.busiest(found)) for found in self.chooser.growing[:LEAKS_SHOWN]]

    def churn(self) -> list[str]:
        """A sentence on each broker whose connections or channels live only for seconds."""
        return [text for broker in self.brokers for text in churn_text(broker)]

    @property
    def is_unread(self) -> bool:
        """True while connections of no broker were listed."""
        return all(broker.connections_at is None for broker in self.brokers)
