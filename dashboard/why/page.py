"""The page "Why": the virtual host that is asked about, the ways to ask, and the one that was taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from urllib.parse import urlencode

import msgspec
from django.urls import reverse

from brokers.models import Broker
from brokers.scope import Scope
from dashboard.live import topics
from dashboard.why.forms.existing import ExistingWay
from dashboard.why.forms.message import MessageWay
from dashboard.why.forms.question_form import Way
from dashboard.why.forms.reach import ReachWay
from dashboard.why.forms.task import TaskWay
from dashboard.why.where import Where

WAYS: tuple[type[Way], ...] = (TaskWay, MessageWay, ExistingWay, ReachWay)
USUAL = MessageWay
PLACES_SHOWN = 8


class PlaceLink(msgspec.Struct, frozen=True):
    broker: str
    vhost: str
    address: str
    current: bool


class RoutingPage:
    """The question of one request. `broker` and `vhost` are what the frame's switchers chose, None for all."""

    def __init__(self, scope: Scope, brokers: Sequence[Broker], broker: Broker | None, vhost: str | None, query: Mapping[str, str], now: datetime) -> None:
        self.now = now
        self.where = Where(scope, brokers, broker, vhost, now)
        kinds = {kind.of: kind for kind in WAYS}
        self.way = kinds.get(query.get("of", ""), USUAL)(self.where, query)

    def answer(self) -> bool:
        """Explains what is asked; False if it can't be read."""
        return self.way.answer()

    @property
    def broker(self) -> Broker | None:
        return self.where.broker if self.where.is_known else None

    @property
    def vhost(self) -> str:
        return self.where.vhost

    @cached_property
    def ways(self) -> list[tuple[str, str, str, bool]]:
        """[(word, icon, address, whether we are there)]."""
        base = {"broker": self.where.broker.name if self.where.is_known else "", "vhost": self.vhost}
        return [(kind.word, kind.icon, f"{reverse('routing')}?{urlencode({**base, 'of': kind.of})}", isinstance(self.way, kind)) for kind in WAYS]

    @property
    def place_links(self) -> list[PlaceLink]:
        """The places to ask about, where there is more than one."""
        places = self.where.places
        shown = places[:PLACES_SHOWN] if len(places) > 1 else []
        return [PlaceLink(broker.name, vhost, self.way.address(broker.name, vhost), (broker, vhost) == self.where.chosen) for broker, vhost in shown]

    @property
    def topics(self) -> list[str]:
        return [topics.Topic(topics.BROKER, self.where.broker.pk).name] if self.where.is_known else []
