"""One connection's page: its state, its channels, the queues that it consumes, the exchanges that it publishes to."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

import msgspec
from django.urls import reverse

from brokers import queries
from brokers.models import Channel, Connection
from brokers.scope import Scope
from dashboard.connections.growth import client_of, growing
from dashboard.connections.owners import Owners
from dashboard.connections.row import connection_row
from dashboard.connections.text import leak_sentence
from dashboard.exchanges.row import shown_name
from dashboard.layout import formatting, levels, visibility
from dashboard.live import topics

CHANNELS_AT_MOST = 500


class ConsumedQueue(msgspec.Struct, frozen=True):
    """A queue that the connection consumes; `url` is "" where it has no page."""

    name: str
    url: str
    tags: list[str]
    active: bool | None


class PublishedExchange(msgspec.Struct, frozen=True):
    name: str
    url: str
    rate: str


class ConnectionPage:
    """The data of one request about a connection, which may be closed."""

    def __init__(self, scope: Scope, connection: Connection, now: datetime) -> None:
        self.scope, self.connection, self.now = scope, connection, now
        self.broker = connection.broker
        self.owners = Owners(scope)

    def head(self) -> dict[str, Any]:
        owner = self.owners.of(self.connection)
        return {
            "connection": self.connection,
            "broker": self.broker,
            "row": connection_row(self.connection, self.broker, owner, self.now),
            "owner": owner,
            "now": self.now,
            "hidden": levels.unavailable(self.broker, self.now),
            "old_parts": visibility.old_parts([self.broker], self.now, visibility.ON_CONNECTION),
            "as_of": formatting.moment_text(self.broker.connections_at, self.now),
            "leak": self._leak(),
        }

    def _leak(self) -> str:
        """That its client opens more and more, in a sentence; "" if it does not."""
        one = self.connection
        found = growing(trend for trend in queries.client_trends(self.scope, self.broker.pk, one.vhost) if client_of(trend) == client_of(one))
        return leak_sentence(found[0], one) if found and not one.gone_at else ""

    @property
    def topics(self) -> list[str]:
        kinds = [topics.Topic(topics.BROKER, self.broker.pk)]
        if not self.connection.gone_at:
            kinds.append(topics.Topic(topics.CONNECTIONS, self.broker.pk, self.connection.vhost))
        return [topic.name for topic in kinds]

    @cached_property
    def channels(self) -> list[Channel]:
        """By number; [] also where they are unknown (`why_no_channels`)."""
        if self.connection.gone_at:
            return []
        found = queries.channels(self.scope, self.broker.pk, self.connection.vhost, connections=[self.connection.name])
        return found[:CHANNELS_AT_MOST]

    @property
    def why_no_channels(self) -> str:
        """Why channels that the connection may have are not listed; "" if it has none."""
        if self.channels or self.connection.channels == 0:
            return ""
        return visibility.why_no_channels(self.broker) or "they are read every 30 s, more rarely where clients are many"

    @cached_property
    def consumes(self) -> list[ConsumedQueue]:
        found: dict[str, list[Any]] = {}
        for one in self.owners.consuming(self.connection) if not self.connection.gone_at else ():
            found.setdefault(one.consumer.queue, []).append(one.consumer)
        ids = {name: pk for pk, _, name in queries.queue_names(self.scope, self.broker.pk, self.connection.vhost)} if found else {}
        return [
            ConsumedQueue(name, reverse("queue", args=[ids[name]]) if name in ids else "", [one.tag for one in consumers], _active(consumers))
            for name, consumers in sorted(found.items())
        ]

    @cached_property
    def publishes(self) -> list[PublishedExchange] | None:
        """The exchanges that it publishes to, the busiest first; None while unknown."""
        connection, at = self.connection, self.connection.publishes_at
        oldest = timedelta(seconds=levels.STALE_INTERVALS * (self.broker.poll_seconds or levels.DEFAULT_POLL_SECONDS))
        fresh = at is not None and self.broker.polled_at is not None and self.broker.polled_at - at <= oldest
        if connection.publishes is None or connection.gone_at or not fresh:
            return None
        return [self._published(one) for one in connection.publishes]

    def _published(self, one: dict[str, Any]) -> PublishedExchange:
        name = str(one.get("exchange") or "")
        found = queries.exchange(self.scope, self.broker.pk, self.connection.vhost, name)
        return PublishedExchange(shown_name(name), reverse("exchange", args=[found.pk]) if found else "", formatting.rate(one.get("per_second")))

    @property
    def is_counted(self) -> bool:
        """False if the broker was requested and does not count publishes by connection."""
        return self.connection.publishes_at is None or self.connection.publishes is not None

    @property
    def list_address(self) -> str:
        """The other connections of the same client."""
        terms = {"broker": self.broker.name, "vhost": self.connection.vhost, "q": f"host:{self.connection.peer_host}" if self.connection.peer_host else ""}
        return f"{reverse('connections')}?{urlencode({name: value for name, value in terms.items() if value})}"


def _active(consumers: list[Any]) -> bool | None:
    """False if none of them receives messages (a single active consumer that waits); None if that is unknown."""
    known = [one.active for one in consumers if one.active is not None]
    return any(known) if known else None
