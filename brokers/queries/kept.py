"""What is worked out once a stored change and shared by all viewers of this process: counts, summaries, what a page was rendered from.

Every save increments the revision of its broker in its own transaction, so an answer is good until the revision is another one. Thread-safe; an answer
is worked out twice where two threads need it at once.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from threading import Lock
from typing import Generic, TypeVar
from weakref import WeakSet

from brokers.models import Broker

V = TypeVar("V")
MOST_SECONDS = 10.0
"""What depends on the clock too (a queue is stuck after two minutes) is at most so old."""

_all: WeakSet[Kept[object]] = WeakSet()


class Kept(Generic[V]):
    """Answers by their question, the `most` that were used last."""

    def __init__(self, most: int = 256, most_seconds: float = MOST_SECONDS) -> None:
        self._most, self._most_seconds, self._lock = most, most_seconds, Lock()
        self._answers: OrderedDict[Hashable, tuple[Hashable, float, V]] = OrderedDict()
        _all.add(self)  # type: ignore[arg-type]

    def get(self, question: Hashable, state: Hashable, make: Callable[[], V]) -> V:
        """The answer for this state of what is stored; `make` works it out where it is not kept. `state` None: it is not kept either."""
        if state is None:
            return make()
        now = time.monotonic()
        with self._lock:
            known = self._answers.get(question)
            if known is not None and known[0] == state and now - known[1] < self._most_seconds:
                self._answers.move_to_end(question)
                return known[2]
        answer = make()
        with self._lock:
            self._answers[question] = (state, now, answer)
            self._answers.move_to_end(question)
            while len(self._answers) > self._most:
                self._answers.popitem(last=False)
        return answer


def state_of(brokers: Iterable[Broker]) -> Hashable:
    """What is stored of these brokers, another value after each save; None while nothing was polled. To be read in the transaction that answers."""
    brokers = list(brokers)
    if not all(broker.revision for broker in brokers):
        return None
    return tuple((broker.pk, broker.revision, broker.polled_at, broker.tried_at) for broker in brokers)


def forget() -> None:
    """Nothing is kept any more: for tests, whose databases begin anew."""
    for kept in list(_all):
        kept._answers.clear()
