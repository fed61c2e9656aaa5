"""Where dead letters may arrive: from each queue with a dead-letter exchange over bindings to the queues behind it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from brokers.queries.standing_queues import StandingQueue
from brokers.routing.past import is_delay_level
from brokers.routing.trie import TooCostly, TrieNode, grow, walk, words
from dashboard.findings.queue_context import DeadLetterSource, Name

Binding = tuple[str, str, str]  # (destination type, destination, key)

MOST_EXCHANGES = 8
"""So many exchanges one after the other are followed."""


def exchange_of(queue: StandingQueue) -> str | None:
    found = queue.settings.get("dead-letter-exchange")
    return found if isinstance(found, str) and not is_delay_level(queue.name) else None


def targets(
    queues: Iterable[StandingQueue], types: Mapping[tuple[str, str], str], bindings: Mapping[tuple[str, str], Sequence[Binding]]
) -> dict[Name, list[DeadLetterSource]]:
    """By queue those whose dead letters may arrive there. `types` and `bindings` are by (virtual host, exchange)."""
    found: dict[Name, list[DeadLetterSource]] = {}
    reached: dict[tuple[str, str, str | None], dict[str, bool]] = {}
    for queue in queues:
        exchange = exchange_of(queue)
        if exchange is None:
            continue
        key = queue.settings.get("dead-letter-routing-key")
        key = key if isinstance(key, str) else None
        if exchange == "":
            behind = {key: True} if key is not None else {}
        else:
            place = (queue.vhost, exchange, key)
            if place not in reached:
                reached[place] = _behind(queue.vhost, exchange, key, types, bindings)
            behind = reached[place]
        for name, certain in behind.items():
            found.setdefault((queue.vhost, name), []).append(DeadLetterSource(queue.pk, queue.name, exchange, certain))
    return found


def _behind(
    vhost: str, exchange: str, key: str | None, types: Mapping[tuple[str, str], str], bindings: Mapping[tuple[str, str], Sequence[Binding]]
) -> dict[str, bool]:
    """{queue: True if every message with that key arrives there}; `key` None: it is not known."""
    found: dict[str, bool] = {}
    waiting, seen = [(exchange, True)], {exchange}
    while waiting and len(seen) <= MOST_EXCHANGES:
        source, certain = waiting.pop()
        kind = types.get((vhost, source), "")
        for destination_type, destination, pattern in bindings.get((vhost, source), ()):
            matched = matches(kind, pattern, key)
            if matched is False:
                continue
            sure = certain and matched is True
            if destination_type == "queue":
                found[destination] = found.get(destination, False) or sure
            elif destination not in seen:
                seen.add(destination)
                waiting.append((destination, sure))
    return found


def matches(kind: str, pattern: str, key: str | None) -> bool | None:
    """Whether a binding of an exchange of this type matches a routing key; None where that is not known.

    >>> matches("fanout", "", None), matches("direct", "a", "b"), matches("topic", "mail.#", "mail.eu.new"), matches("topic", "mail.*", None)
    (True, False, True, None)
    """
    if kind == "fanout" or (kind == "topic" and pattern == "#"):
        return True
    if key is None or kind not in ("direct", "topic"):
        return None
    if kind == "direct":
        return pattern == key
    root, found = TrieNode(), set[str]()
    grow(root, words(pattern), pattern)
    try:
        walk(root, words(key), found)
    except TooCostly:
        return None
    return bool(found)
