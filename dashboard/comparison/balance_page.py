"""What the page of balances shows: queues of which messages left, or came in, that no counter explains, and what may have been the cause."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

import msgspec
from django.http import QueryDict

from brokers.balance import Balance
from brokers.balance_causes import CONDITIONAL, POSSIBLE, RULED_OUT, Cause, Settings, causes, causes_of_fall
from brokers.models import Broker, Queue
from brokers.queries import Page
from brokers.queries.balance import Balances, QueueBalance, balances
from brokers.scope import Scope
from dashboard.comparison.figure_text import signed
from dashboard.comparison.given import moment_given
from dashboard.comparison.queue_settings import QueueSettings
from dashboard.layout import formatting
from dashboard.layout.addresses import page_links, page_number

RANGES = (("15min", timedelta(minutes=15)), ("1h", timedelta(hours=1)), ("6h", timedelta(hours=6)))
USUAL, LONGEST = timedelta(minutes=15), timedelta(hours=6)
PAGE_SIZE = 50
MOST_FALLS = 10
LEVELS = {POSSIBLE: "notice", CONDITIONAL: "unknown", RULED_OUT: "ok"}
VERDICTS = {POSSIBLE: "possible", CONDITIONAL: "possible under a condition", RULED_OUT: "ruled out"}
NAMES = {
    "purge": "Purge", "expiry": "Expiry", "drop": "Drop by a length limit", "refusal": "Refused by a length limit", "deletion": "Deleted and made again",
    "delivery": "Delivered, not acknowledged", "dead-lettering": "Dead letters",
}  # fmt: skip


class Shown(msgspec.Struct, frozen=True):
    """A cause: its name, its verdict with a level, and why."""

    name: str
    verdict: str
    level: str
    why: str


class Event(msgspec.Struct, frozen=True):
    """What happened to a queue, as a sentence, and what may have been the cause."""

    text: str
    causes: list[Shown]


class Row(msgspec.Struct, frozen=True):
    queue: Queue
    published: str
    acknowledged: str
    change: str
    unexplained: str
    tolerance: str
    events: list[Event]
    more: int


class BalancePage:
    """`broker` and `vhost`: those that the frame’s switchers chose; without a broker the first one."""

    def __init__(self, scope: Scope, query: QueryDict, path: str, brokers: Sequence[Broker], broker: Broker | None, vhost: str | None, now: datetime) -> None:
        self.scope, self.brokers, self.vhost, self.now, self._path = scope, brokers, vhost, now, path
        self.broker = broker or (brokers[0] if brokers else None)
        self.kept = {name: str(query.get(name, "")).strip()[:255] for name in ("broker", "vhost", "from", "to", "q")}
        self.page = page_number(query.get("page"))
        self.problems: dict[str, str] = {}
        self.end = self._moment("to", now)
        self.start = self._moment("from", self.end - USUAL)
        if not self.problems and self.start >= self.end:
            self.problems["from"] = "The time ends before it begins."
        self.is_cut = self.end - self.start > LONGEST
        self.start = max(self.start, self.end - LONGEST)
        self._settings = QueueSettings(scope, self.broker, self.start, self.end) if self.broker else None

    def _moment(self, name: str, usual: datetime) -> datetime:
        if not self.kept[name]:
            return usual
        found, problem = moment_given(self.kept[name], self.now)
        if problem:
            self.problems[name] = problem
        return found or usual

    @cached_property
    def found(self) -> Balances:
        if self.broker is None or self.problems:
            return Balances([], 0, 0)
        return balances(self.scope, self.broker, self.vhost, self.start, self.end, self.kept["q"])

    @property
    def nothing_known(self) -> bool:
        """True if nothing is listed because no queue has a balance although there are some, or there are no polls."""
        found = self.found
        return not found.items and (found.polls < 2 or 0 < found.looked_at == found.without_counters)

    @cached_property
    def rows(self) -> Page[Row]:
        items = self.found.items
        page = min(self.page, max(1, -(-len(items) // PAGE_SIZE)))
        return Page(len(items), [self._row(one) for one in items[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]], page, PAGE_SIZE)

    @property
    def pages(self) -> dict[str, Any]:
        return page_links(self, self.rows)

    @property
    def range_links(self) -> list[tuple[str, str, bool]]:
        given = self.kept["from"].removeprefix("-") or "15min"
        return [(text, self.with_(**{"from": f"-{text}", "to": ""}), given == text and not self.kept["to"]) for text, _ in RANGES]

    @property
    def hidden_fields(self) -> list[tuple[str, str]]:
        return [(name, text) for name, text in self.kept.items() if text and name in ("broker", "vhost")]

    def with_(self, **changes: str | int | None) -> str:
        parts = {**self.kept, **changes}
        query = urlencode({name: value for name, value in parts.items() if value not in (None, "")})
        return f"{self._path}?{query}" if query else self._path

    def _row(self, one: QueueBalance) -> Row:
        balance, settings = one.balance, self._settings.of(one.queue) if self._settings else Settings(None)
        certain = balance.unexplained is not None and balance.is_certain
        events = [*self._deleted(one), *self._falls(balance, settings), *(self._unexplained(balance, settings) if certain else [])]
        return Row(
            one.queue,
            formatting.number(balance.published.amount),
            formatting.number(balance.acknowledged.amount),
            signed(balance.change) or "0",
            (signed(balance.unexplained) or "0") if certain else formatting.UNKNOWN,
            formatting.number(balance.tolerance) if certain else "",
            events,
            max(0, len(balance.falls) - MOST_FALLS),
        )

    def _deleted(self, one: QueueBalance) -> list[Event]:
        if not one.deleted_with or one.queue.gone_at is None:
            return []
        text = f"The queue was deleted with {one.deleted_with:,.0f} message{'' if one.deleted_with == 1 else 's'}, seen at {self._time(one.queue.gone_at)}."
        return [Event(text, [])]

    def _falls(self, balance: Balance, settings: Settings) -> list[Event]:
        found = []
        for fall in balance.falls[:MOST_FALLS]:
            before, at = (self._time(datetime.fromtimestamp(moment, UTC)) for moment in (fall.before_at, fall.at))
            certainly = "without a delivery" if not fall.delivered else f"at least {fall.count:,.0f} of them without a delivery"
            text = f"Between {before} and {at}, {fall.left:,.0f} messages left, {certainly}."
            found.append(Event(text, _shown(causes_of_fall(fall, settings))))
        return found

    def _unexplained(self, balance: Balance, settings: Settings) -> list[Event]:
        """Of the whole time, unless the falls explain it."""
        amount = balance.unexplained or 0
        if abs(amount - sum(fall.left for fall in balance.falls)) <= balance.tolerance + sum(fall.delivered for fall in balance.falls):
            return []
        possible = _shown(causes(balance, settings))
        verb = "left without an acknowledgement" if amount > 0 else "came in without a publish"
        return [Event(f"Over the whole time, about {abs(amount):,.0f} (± {balance.tolerance:,.0f}) {verb}.", possible)] if possible else []

    def _time(self, at: datetime) -> str:
        return formatting.moment_text(at, self.now)


def _shown(found: Sequence[Cause]) -> list[Shown]:
    """Possible ones first."""
    order = list(LEVELS)
    ordered = sorted(found, key=lambda cause: order.index(cause.verdict))
    return [Shown(NAMES[cause.name], VERDICTS[cause.verdict], LEVELS[cause.verdict], cause.why) for cause in ordered]
