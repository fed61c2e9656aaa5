"""One exchange's page: what happens to a message, bindings out and in, publishers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import msgspec
from django.urls import reverse

from brokers import queries
from brokers.models import Exchange
from brokers.queries import kept
from brokers.scope import Scope
from dashboard.exchanges.publishers import Publisher, publishers_of
from dashboard.exchanges.row import exchange_row, features, known_publishers, shown_name, type_explained
from dashboard.layout import formatting, levels, visibility
from dashboard.layout.flow_patterns import ExchangePattern, exchange_pattern
from dashboard.layout.formatting import shown
from dashboard.layout.transfers import Place, arrows
from dashboard.layout.wiring import wiring
from dashboard.live import topics


class Alternate(msgspec.Struct, frozen=True):
    """The alternate exchange and what sets it: "the exchange’s argument" or "policy x". `url` is "" if it does not exist."""

    name: str
    source: str
    url: str


class ExchangePage:
    """The data of one request about an exchange, which may be deleted."""

    def __init__(self, scope: Scope, exchange: Exchange, now: datetime) -> None:
        self.scope, self.exchange, self.now = scope, exchange, now
        self.broker = exchange.broker
        self._state, self._place = kept.state_of([exchange.broker]), (scope, exchange.broker_id, exchange.vhost)

    def head(self) -> dict[str, Any]:
        exchange = self.exchange
        return {
            "exchange": exchange,
            "broker": self.broker,
            "row": exchange_row(exchange, self.broker, self.now),
            "now": self.now,
            "hidden": levels.unavailable(self.broker, self.now),
            "old_parts": visibility.old_parts([self.broker], self.now, visibility.ON_EXCHANGE),
            "name": shown_name(exchange.name),
            "type_explained": type_explained(exchange),
            "features": features(exchange),
        }

    @property
    def topics(self) -> list[str]:
        found = [topics.Topic(topics.BROKER, self.broker.pk)]
        if not self.exchange.gone_at:
            found += [topics.Topic(kind, self.broker.pk, self.exchange.vhost) for kind in (topics.EXCHANGES, topics.TOPOLOGY)]
        return [topic.name for topic in found]

    def _exchange_url(self, name: str) -> str:
        found = kept.shared(self._state, queries.exchange, *self._place, name, self.exchange.past_at)
        return reverse("exchange", args=[found.pk]) if found else ""

    @property
    def alternate(self) -> Alternate | None:
        """The alternate exchange from the argument, or else from the policy; None for the default exchange."""
        if not self.exchange.name:
            return None
        argument = (self.exchange.arguments or {}).get("alternate-exchange")
        if argument is not None:
            return Alternate(shown_name(argument), "the exchange’s argument", self._exchange_url(argument))
        if "alternate-exchange" not in self._policy_definition:
            return None
        name = str(self._policy_definition["alternate-exchange"])
        return Alternate(shown_name(name), f"policy {self.exchange.policy}", self._exchange_url(name))

    def transfers(self) -> dict[str, Any]:
        """Context of the part "transfers": what shovels and federation move into the exchange and out of it."""
        hosts = [host for address in self.broker.addresses if (host := urlsplit(address).hostname)]
        place = Place("exchange", self.exchange.name, self.exchange.vhost, hosts, self._policy_definition)
        found = [] if self.exchange.gone_at or self.exchange.past_at else arrows(place, kept.shared(self._state, queries.transfers, self.scope, self.broker.pk))
        return {"arrows": [(arrow, self._queue_url(arrow.queue) or (self._exchange_url(arrow.exchange) if arrow.exchange else "")) for arrow in found]}

    def _queue_url(self, name: str) -> str:
        found = queries.queue(self.scope, self.broker.pk, self.exchange.vhost, name) if name else None
        return reverse("queue", args=[found.pk]) if found else ""

    @cached_property
    def _policy_definition(self) -> dict[str, Any]:
        """The definition of the exchange's policy, {} without one."""
        if not self.exchange.policy:
            return {}
        found = kept.shared(self._state, queries.policies, *self._place, self.exchange.past_at)
        return next((dict(policy.definition) for policy in found if not policy.operator and policy.name == self.exchange.policy), {})

    def publishers(self) -> dict[str, Any]:
        """Context of the part "publishers", from the broker's last sample; None while unknown."""
        found, at = known_publishers(self.exchange, self.now)
        lines = None if found is None else self._publishers(found)
        return {"publishers": lines, "publishers_as_of": formatting.moment_text(at, self.now) if at else ""}

    def _publishers(self, sample: Sequence[dict[str, Any]]) -> list[Publisher]:
        names = {str(one.get("connection")) for one in sample}
        known = queries.connections(self.scope, self.broker.pk, self.exchange.vhost, names=names) if names else []
        return publishers_of(sample, known)

    @cached_property
    def pattern(self) -> ExchangePattern | None:
        """Whether a message may reach several queues from here; None of an exchange that is deleted or as it was."""
        if self.exchange.gone_at or self.exchange.past_at is not None:
            return None
        wired = wiring(queries.visible_topology(self.scope, self.broker, self.exchange.vhost, self._state))
        partly = not self.scope.covers(self.broker.name, self.exchange.vhost)
        return msgspec.structs.replace(exchange_pattern(wired, self.exchange.name), partly=partly)

    @property
    def settings(self) -> list[tuple[str, str]]:
        return [(key, shown(value)) for key, value in sorted((self.exchange.arguments or {}).items())]
