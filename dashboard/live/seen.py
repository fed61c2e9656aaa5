"""What a page was rendered from, for the script that keeps it live: it fetches only parts of which something changed until the socket was there."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from django.db import connection

from brokers import queries
from brokers.models import Broker
from brokers.scope import EVERYTHING, Scope
from dashboard.live import sources, topics
from dashboard.live.frames import iso
from dashboard.live.patches import tokens

MOST_TOPICS = 20
"""Of a page with more, the others' parts are fetched once after it has connected."""


def live_page(names: Iterable[str], keys: Collection[str] = (), brokers: Iterable[Broker] = (), *, scope: Scope) -> dict[str, Any]:
    """The topics of a page and what it has seen of them, for its template. `keys` are the rows whose own parts stand on it, `brokers` those that it read
    within the scope.

    To be called with the page's other questions in `one_moment`, or a change between them would be missed: RuntimeError elsewhere.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("what a page was rendered from can only be known within one_moment")
    names, known = list(names), {broker.pk: broker for broker in brokers}
    if any(broker.past_at for broker in known.values()):
        return {"topics": [], "seen": {}}  # the past does not change
    parsed = {name: _visible(topics.parse(name), known, scope) for name in names[:MOST_TOPICS]}
    return {"topics": names, "seen": {name: _seen(topic, keys, known.get(topic.broker_id)) for name, topic in parsed.items() if topic}}


def _visible(topic: topics.Topic | None, known: dict[int, Broker], scope: Scope) -> topics.Topic | None:
    """The topic as the socket will follow it for whoever has this scope."""
    if topic is None or scope == EVERYTHING:
        return topic
    broker = known.get(topic.broker_id) or queries.broker_by_id(scope, topic.broker_id)
    return topics.visible_to(scope, topic, broker.name) if broker else None


def _seen(topic: topics.Topic, keys: Collection[str], broker: Broker | None) -> dict[str, Any]:
    loaded = sources.load(topic, keys, closely=keys, broker=broker)
    rows = {key: tokens(facts) for key, facts in loaded.row_facts.items()}
    return {"at": loaded.at and iso(loaded.at), "facts": tokens(loaded.facts), "rows": rows}
