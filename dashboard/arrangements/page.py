"""The page of arrangements: the flows of each virtual host, their machines drawn, and what that means."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property

import msgspec
from django.urls import reverse

from brokers.models import Broker
from brokers.scope import Scope
from dashboard.arrangements.arrangement import FIVE, UNKNOWN, Word
from dashboard.arrangements.drawing import Drawing, drawing
from dashboard.arrangements.flows import Flow
from dashboard.arrangements.loaded import Loaded, loaded
from dashboard.arrangements.meaning import MEANINGS, Meaning
from dashboard.layout.visibility import Step, old_figures
from dashboard.live import topics

MOST_FLOWS = 20
"""Of a virtual host."""
MOST_NAMED = 6
MOST_PAIRS_NAMED = 3


class Part(msgspec.Struct, frozen=True):
    """One of several arrangements of a flow, and between which machines: (producer's, consumer's)."""

    meaning: Meaning
    pairs: Sequence[tuple[str, str]]
    more: int


class FlowText(msgspec.Struct, frozen=True):
    """`queues`: (name, address) of the first ones, `more` how many others there are."""

    number: int
    word: Word
    meaning: Meaning
    queues: Sequence[tuple[str, str]]
    more: int
    parts: Sequence[Part]
    unknown: Sequence[str]
    drawing: Drawing
    possible: bool


class PlaceText(msgspec.Struct, frozen=True):
    place: Loaded
    flows: Sequence[FlowText]
    more: int


class ArrangementsPage:
    """The questions of one request; `broker` and `vhost` are what the frame's switchers chose, None for all."""

    def __init__(self, scope: Scope, brokers: Sequence[Broker], broker: Broker | None, vhost: str | None, now: datetime) -> None:
        self.scope, self.vhost, self.now = scope, vhost, now
        self.brokers = [broker] if broker else list(brokers)

    @cached_property
    def _loaded(self) -> tuple[list[Loaded], int]:
        return loaded(self.scope, self.brokers, self.vhost, self.now)

    @cached_property
    def places(self) -> list[PlaceText]:
        return [_place(place) for place in self._loaded[0]]

    @property
    def left_out(self) -> int:
        """So many virtual hosts are not shown."""
        return self._loaded[1]

    @property
    def partly(self) -> bool:
        return any(not place.whole for place in self._loaded[0])

    @property
    def is_unknown_somewhere(self) -> bool:
        return any(flow.arrangement.word == UNKNOWN for place in self._loaded[0] for flow in place.flows)

    @property
    def five(self) -> list[Meaning]:
        return [MEANINGS[word] for word in FIVE]

    @property
    def limits(self) -> list[Step]:
        """What is not known now, and why."""
        return old_figures(self.brokers, self.now, "Connections and consumers")

    @property
    def topics(self) -> list[str]:
        places = [(place.broker.pk, place.vhost) for place in self._loaded[0]]
        names = [topics.Topic(topics.BROKER, broker.pk).name for broker in self.brokers]
        return names + [topics.Topic(kind, *place).name for place in places for kind in (topics.CONNECTIONS, topics.EXCHANGES)]

    @property
    def rows(self) -> list[str]:
        """The live rows on the page: exchanges whose publishers are read meanwhile."""
        return [f"exchange-{exchange.pk}" for place in self._loaded[0] for exchange in place.unread]


def _place(place: Loaded) -> PlaceText:
    shown = [flow_text(flow, number) for number, flow in enumerate(place.flows[:MOST_FLOWS], 1)]
    return PlaceText(place, shown, len(place.flows) - len(shown))


def flow_text(flow: Flow, number: int = 1) -> FlowText:
    """One flow, prepared."""
    found = flow.arrangement
    queues = [(name, reverse("queue", args=[pk])) for pk, name in flow.queues[:MOST_NAMED]]
    parts = [Part(MEANINGS[word], pairs[:MOST_PAIRS_NAMED], max(0, len(pairs) - MOST_PAIRS_NAMED)) for word, pairs in found.parts.items()]
    return FlowText(
        number, found.word, MEANINGS[found.word], queues, len(flow.queues) - len(queues), parts, found.unknown, drawing(flow), flow.producers_possible
    )
