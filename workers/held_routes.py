"""Which queues the tasks in a worker node's memory came from: by the exchange and routing key that it reports of them, and the queues that it consumes.

Pure. A worker reports no queue of a task that it holds: the broker's delivery names only the exchange and the key.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

Route = Sequence[Any]
"""[exchange, routing key, how many]."""
Bound = Callable[[str, str], frozenset[str]]
"""The queues that the bindings of now lead a message of this exchange and key to; empty where that is not known."""
_DELAYED_KEY = re.compile(r"(?:[01]\.){28}(.+)", re.DOTALL)  # of a message that waited in Celery's delay queues (kombu/transport/native_delayed_delivery.py)


class Held(msgspec.Struct, frozen=True):
    """`by_queue` has how many came from each queue; `unplaced` are those of which that is not known."""

    by_queue: Mapping[str, int] = {}
    unplaced: int = 0


NOTHING_HELD = Held()


def held(
    total: int | None, routes: Iterable[Route] | None, queues: Sequence[Mapping[str, Any]] | None, bound: Bound = lambda exchange, key: frozenset()
) -> Held | None:
    """The `total` tasks by queue, None where their number is unknown.

    >>> held(3, [["", "mail", 2]], [{"name": "mail"}, {"name": "jobs"}])
    Held(by_queue={'mail': 2}, unplaced=1)
    """
    if total is None:
        return None
    found: Counter[str] = Counter()
    for exchange, key, count in routes or ():
        name = queue_of(str(exchange), str(key), queues or ()) or _bound_one(bound(str(exchange), str(key)), queues or ())
        if name is not None:
            found[name] += count
    names = [str(queue.get("name", "")) for queue in queues or ()]
    if routes is None and len(names) == 1:
        return Held({names[0]: total} if total else {}, 0)
    return Held(dict(found), max(0, total - found.total()))


def _bound_one(led_to: frozenset[str], queues: Sequence[Mapping[str, Any]]) -> str | None:
    """The only one of the queues among those that bindings lead to."""
    found = led_to.intersection(str(queue.get("name", "")) for queue in queues)
    return next(iter(found)) if len(found) == 1 else None


def queue_of(exchange: str, key: str, queues: Sequence[Mapping[str, Any]]) -> str | None:
    """The one of the queues that a message of this exchange and key came from; None where several may be.

    >>> queue_of("shop", "order.new", [{"name": "orders", "exchange": "shop", "routing_key": "order.#"}, {"name": "mail"}])
    'orders'
    """
    delayed = _DELAYED_KEY.fullmatch(key)
    key = delayed.group(1) if delayed else key
    names = [str(queue.get("name", "")) for queue in queues]
    if len(names) == 1:
        return names[0]
    if exchange == "" or delayed:
        keyed = [str(queue.get("name", "")) for queue in queues if queue.get("routing_key") == key]
        return key if key in names else keyed[0] if delayed and len(keyed) == 1 else None
    bound = [queue for queue in queues if queue.get("exchange") == exchange]
    exact = [queue for queue in bound if queue.get("routing_key") == key]
    for found in (exact, bound):
        if len(found) == 1:
            return str(found[0].get("name", ""))
    return None
