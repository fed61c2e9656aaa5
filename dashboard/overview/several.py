"""The overview of several brokers: a card each, and what is wrong with any of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property

from brokers.models import Broker
from brokers.scope import Scope
from dashboard.findings.cards import Card, cards
from dashboard.findings.open_now import open_now
from dashboard.live import topics
from dashboard.models import Finding
from dashboard.overview import head
from dashboard.overview.page import CARDS, TROUBLE, OneBroker


class SeveralBrokers:
    """The overview of all brokers: a card each, and what is wrong with any of them, or with Hareline itself."""

    def __init__(self, scope: Scope, brokers: Sequence[Broker], now: datetime) -> None:
        self.scope, self.now = scope, now
        self.at = next((broker.past_at for broker in brokers if broker.past_at is not None), None)
        self.opened = open_now(scope, brokers)
        self.cards = [OneBroker(scope, broker, None, {}, now, self.opened) for broker in brokers]

    @property
    def problems(self) -> list[Finding]:
        return [one for one in self.opened.causes if one.level in TROUBLE]

    @cached_property
    def incidents(self) -> list[Card]:
        return [] if self.at is not None else cards(self.scope, self.problems[:CARDS], self.opened.findings)

    @property
    def more_problems(self) -> int:
        return max(0, len(self.problems) - CARDS)

    @property
    def standing(self) -> list[OneBroker]:
        """The brokers that the rules have not looked at lately."""
        return [card for card in self.cards if card.rules_stand_still]

    @property
    def sentence(self) -> str:
        unavailable = [card.broker.name for card in self.cards if card.stale]
        return head.sentence(len(self.problems), self.seen, unavailable, knows=not self.standing)

    @property
    def summary(self) -> str:
        knows = not self.standing and not any(card.stale for card in self.cards)
        return head.summary(len(self.problems), sum(one.level == "notice" for one in self.opened.causes), self.seen, knows)

    @cached_property
    def seen(self) -> head.Seen:
        """What all brokers' headings are about."""
        seen = [card.seen for card in self.cards]
        queues, resting, unclear, workers = (sum(getattr(one, name) for one in seen) for name in ("queues", "resting", "unclear", "unknown_workers"))
        return head.Seen(queues, resting, unclear, workers, any(one.hidden for one in seen))

    @property
    def topics(self) -> list[str]:
        return [topics.Topic(topics.BROKER, card.broker.pk).name for card in self.cards]
