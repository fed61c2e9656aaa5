"""The part of a topology that somebody sees who may view only some queues of the virtual host, and settings without names of what is not in it.

Pure. The same rules as filters of tables: `brokers.queries.partly_visible`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec

from brokers.routing.patterns import Patterns
from brokers.scope import Scope
from brokers.topology import BindingDefinition, PolicyDefinition, Topology

DEAD_LETTER, DEAD_LETTER_KEY, ALTERNATE = "dead-letter-exchange", "dead-letter-routing-key", "alternate-exchange"
_APPLIES_TO_QUEUES = ("queues", "all", "classic_queues", "quorum_queues", "streams")
_APPLIES_TO_EXCHANGES = ("exchanges", "all")
Sees = Callable[[str], bool]


def visible_topology(topology: Topology, scope: Scope, broker: str) -> Topology:
    """The queues that the scope covers, the exchanges from which a message can get to them, the bindings on the path, the policies that match any of these.
    The topology itself where the scope covers all of the virtual host."""
    vhost = topology.vhost
    if scope.covers(broker, vhost):
        return topology

    def sees_queue(name: str) -> bool:
        return scope.covers(broker, vhost, name)

    queues = tuple(queue for queue in topology.queues if sees_queue(queue.name))
    exchanges = reaching_exchanges(topology.bindings, sees_queue) | ({""} if scope.touches(broker, vhost) else set())
    named = _Names(exchanges.__contains__, sees_queue)
    return Topology(
        vhost,
        tuple(
            msgspec.structs.replace(one, arguments=named.without_hidden(one.arguments)) if one.arguments else one
            for one in topology.exchanges
            if one.name in exchanges
        ),
        tuple(msgspec.structs.replace(one, arguments=named.without_hidden(one.arguments)) if one.arguments else one for one in queues),
        tuple(one for one in topology.bindings if (sees_queue(one.destination) if one.destination_type == "queue" else one.destination in exchanges)),
        tuple(
            msgspec.structs.replace(one, definition=named.without_hidden(one.definition))
            for one in _matching(topology.policies, {queue.name for queue in queues}, exchanges)
        ),
    )


def reaching_exchanges(bindings: Collection[BindingDefinition], sees_queue: Sees) -> set[str]:
    """The names of the exchanges from which a message can get to a visible queue."""
    sources: dict[str, list[str]] = {}
    found: list[str] = []
    for one in bindings:
        if one.destination_type == "exchange":
            sources.setdefault(one.destination, []).append(one.source)
        elif sees_queue(one.destination):
            found.append(one.source)
    reached: set[str] = set()
    while found:
        name = found.pop()
        if name not in reached:
            reached.add(name)
            found += sources.get(name, ())
    return reached


def settings_without_hidden_names(settings: Mapping[str, Any] | None, sees_exchange: Sees, sees_queue: Sees) -> dict[str, Any]:
    """Arguments or a policy's definition without the exchanges and queues in them that are not visible.

    >>> settings_without_hidden_names({"x-dead-letter-exchange": "dlx", "x-max-length": 3}, lambda name: False, lambda name: True)
    {'x-max-length': 3}
    """
    return _Names(sees_exchange, sees_queue).without_hidden(settings or {})


def named_exchanges(settings: Mapping[str, Any] | None) -> set[str]:
    """The exchanges that such settings name."""
    return {str(value) for key, value in (settings or {}).items() if key.removeprefix("x-") in (DEAD_LETTER, ALTERNATE)}


class _Names:
    def __init__(self, sees_exchange: Sees, sees_queue: Sees) -> None:
        self._sees_exchange, self._sees_queue = sees_exchange, sees_queue

    def without_hidden(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        found = dict(settings)
        for prefix in ("x-", ""):
            exchange, key = found.get(prefix + DEAD_LETTER), found.get(prefix + DEAD_LETTER_KEY)
            if exchange is None and key is None:
                continue
            seen = exchange is None or self._sees_exchange(str(exchange))
            if not seen or (not exchange and key is not None and not self._sees_queue(str(key))):
                found.pop(prefix + DEAD_LETTER, None)
                found.pop(prefix + DEAD_LETTER_KEY, None)
        if ALTERNATE in found and not self._sees_exchange(str(found[ALTERNATE])):
            del found[ALTERNATE]
        return found


def _matching(policies: Collection[PolicyDefinition], queues: Collection[str], exchanges: Collection[str]) -> list[PolicyDefinition]:
    """Those whose pattern fits a visible object. A pattern that takes too long fits nothing."""
    patterns = Patterns()
    found = []
    for one in policies:
        names = [*(queues if one.apply_to in _APPLIES_TO_QUEUES else ()), *(exchanges if one.apply_to in _APPLIES_TO_EXCHANGES else ())]
        if any(patterns.found_in(one.pattern, name) for name in names if name):
            found.append(one)
    return found
