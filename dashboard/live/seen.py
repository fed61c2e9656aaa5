"""What a page was rendered from, for the script that keeps it live: it fetches only parts of which something changed until the socket was there."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from django.db import connection

from brokers.models import Broker
from brokers.queries import kept
from dashboard.live import sources, topics
from dashboard.live.frames import iso
from dashboard.live.patches import tokens

OF_A_POLL = frozenset({topics.BROKER, topics.QUEUES, topics.EXCHANGES, topics.CONNECTIONS, topics.TOPOLOGY})
"""Kinds of topics of which nothing changes but by a save of their broker."""
_known: kept.Kept[dict[str, Any]] = kept.Kept()
MOST_TOPICS = 20
"""Of a page with more, the others' parts are fetched once after it has connected."""


def live_page(names: Iterable[str], keys: Collection[str] = (), brokers: Iterable[Broker] = ()) -> dict[str, Any]:
    """The topics of a page and what it has seen of them, for its template. `keys` are the rows whose own parts stand on it, `brokers` those that it read.

    To be called with the page's other questions in `one_moment`, or a change between them would be missed: RuntimeError elsewhere.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("what a page was rendered from can only be known within one_moment")
    names, known = list(names), {broker.pk: broker for broker in brokers}
    return {"topics": names, "seen": {name: _seen(topic, keys, known.get(topic.broker_id)) for name in names[:MOST_TOPICS] if (topic := topics.parse(name))}}


def _seen(topic: topics.Topic, keys: Collection[str], broker: Broker | None) -> dict[str, Any]:
    if topic.kind not in OF_A_POLL or any(topics.row_id(topic, key) for key in keys):
        return _loaded(topic, keys, broker)
    return _known.get(topic.name, broker and kept.state_of([broker]), lambda: _loaded(topic, (), broker))


def _loaded(topic: topics.Topic, keys: Collection[str], broker: Broker | None) -> dict[str, Any]:
    loaded = sources.load(topic, keys, closely=keys, broker=broker)
    rows = {key: tokens(facts) for key, facts in loaded.row_facts.items()}
    return {"at": loaded.at and iso(loaded.at), "facts": tokens(loaded.facts), "rows": rows}
