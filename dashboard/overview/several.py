"""The overview of several brokers: a card each, and the incidents of all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property

from brokers.models import Broker
from brokers.scope import Scope
from dashboard.layout.charts import Range
from dashboard.live import topics
from dashboard.overview import head, incidents
from dashboard.overview.incidents import Incident
from dashboard.overview.page import OneBroker


class SeveralBrokers:
    """The overview of all brokers: a card each, and the incidents of all."""

    def __init__(self, scope: Scope, brokers: Sequence[Broker], shown: Range, now: datetime) -> None:
        self.now = now
        self.cards = [OneBroker(scope, broker, None, shown, now) for broker in brokers]

    @cached_property
    def incidents(self) -> list[Incident]:
        return incidents.worst_first(incident for card in self.cards for incident in card.incidents)

    @property
    def sentence(self) -> str:
        unavailable = [card.broker.name for card in self.cards if card.stale]
        return head.sentence(len(self.incidents), self.seen, unavailable, self.has_more_incidents)

    @property
    def has_more_incidents(self) -> bool:
        return any(card.has_more_incidents for card in self.cards)

    @property
    def summary(self) -> str:
        return head.summary(len(self.incidents), 0, self.seen)

    @cached_property
    def seen(self) -> head.Seen:
        """What all brokers' headings are about."""
        seen = [card.seen for card in self.cards]
        queues, resting, unclear, workers = (sum(getattr(one, name) for one in seen) for name in ("queues", "resting", "unclear", "unknown_workers"))
        return head.Seen(queues, resting, unclear, workers, any(one.hidden for one in seen))

    @property
    def topics(self) -> list[str]:
        return [topics.Topic(topics.BROKER, card.broker.pk).name for card in self.cards]
