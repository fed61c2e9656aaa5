"""What is worked out once a stored change and shared by all viewers of this process: rows, counts, summaries, courses.

Every save increments the revision of its broker in its own transaction, so an answer is good until the revision is another one. Thread-safe: who needs
what another thread works out waits for that (of `Kept` works it out too). What was requested lately is worked out again as soon as something was stored
(`renew`, called by a thread of the web process), so that nobody waits for it.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from datetime import datetime
from functools import partial
from threading import Event, Lock
from typing import Any, Generic, ParamSpec, TypeVar
from weakref import WeakSet

import msgspec

from brokers.models import Broker
from brokers.scope import Scope

V = TypeVar("V")
P = ParamSpec("P")
State = tuple[tuple[int, int, datetime | None, datetime | None], ...] | None
"""What is stored of some brokers, the first of each their key; None while nothing is kept of them."""
MOST_SECONDS = 10.0
"""What depends on the clock too (a queue is stuck after two minutes) is at most so old."""

_all: WeakSet[Kept[object]] = WeakSet()


class Kept(Generic[V]):
    """Answers by their question, the `most` that were used last."""

    def __init__(self, most: int = 256, most_seconds: float = MOST_SECONDS) -> None:
        self._most, self._most_seconds, self._lock = most, most_seconds, Lock()
        self._answers: OrderedDict[Hashable, tuple[Hashable, float, V]] = OrderedDict()
        _all.add(self)  # type: ignore[arg-type]

    def get(self, question: Hashable, state: Hashable, make: Callable[[], V], worth: Callable[[V], bool] = lambda _: True) -> V:
        """The answer for this state of what is stored; `make` works it out where it is not kept. `state` None, or not `worth` it: it is not kept either."""
        if state is None:
            return make()
        now = time.monotonic()
        with self._lock:
            known = self._answers.get(question)
            if known is not None and known[0] == state and now - known[1] < self._most_seconds:
                self._answers.move_to_end(question)
                return known[2]
        answer = make()
        if not worth(answer):
            return answer
        with self._lock:
            self._answers[question] = (state, now, answer)
            self._answers.move_to_end(question)
            while len(self._answers) > self._most:
                self._answers.popitem(last=False)
        return answer


class Answer(msgspec.Struct):
    """What a function returned for a state, when by a clock that nobody sets, and when it was requested last."""

    state: State
    made: float
    requested: float
    value: Any
    again: Callable[[], Any]


_MOST_ANSWERS = 256
REQUESTED_LATELY_SECONDS = 60.0
"""What nobody requested for so long is no longer worked out ahead."""
_answers: OrderedDict[Hashable, Answer] = OrderedDict()
_making: dict[tuple[Hashable, State], Event] = {}
_lock = Lock()


def shared(state: State, function: Callable[P, V], *arguments: P.args, **keywords: P.kwargs) -> V:
    """What the function returns for these arguments, which depends on nothing but them and what polls stored of the brokers of `state` (and, a little, on the
    clock). Whoever gets it may only read it. For functions of modules with arguments that can be hashed: they are called again by `renew`. They read no tasks:
    of a scope they get the places alone, so that people who see the same objects share answers, whatever they may see of arguments of tasks."""
    if state is None:
        return function(*arguments, **keywords)
    shown: Any = tuple(one.of_objects if isinstance(one, Scope) else one for one in arguments)
    question = (function, shown, *keywords.items())
    with _lock:
        found = _known(question, state)
        other = None if found else _making.get((question, state))
        mine = None if found or other else _begin(question, state)
    if other is not None:
        other.wait(MOST_SECONDS)
        with _lock:
            found = _known(question, state)
    if found is not None:
        return found.value
    now = time.monotonic()
    return _make(question, Answer(state, now, now, None, partial(function, *shown, **keywords)), mine)


def _known(question: Hashable, state: State) -> Answer | None:
    """What is kept, requested now. With the lock."""
    known, now = _answers.get(question), time.monotonic()
    if known is None or known.state != state or now - known.made >= MOST_SECONDS:
        return None
    known.requested = now
    _answers.move_to_end(question)
    return known


def _begin(question: Hashable, state: State) -> Event:
    """Set once it is worked out, or failed. With the lock."""
    _making[question, state] = found = Event()
    return found


def _make(question: Hashable, answer: Answer, made: Event | None) -> Any:
    """Works it out and keeps it; `made` by `_begin`, None where another thread took too long or failed."""
    try:
        answer.value = answer.again()
        _keep(question, answer)
    finally:
        if made is not None:
            with _lock:
                _making.pop((question, answer.state), None)
            made.set()
    return answer.value


def renew(brokers: Iterable[Broker]) -> int:
    """Works out again what was requested lately of these brokers and is out of date, in the transaction in which they were read; how much that was."""
    states, now = {broker.pk: state_of([broker]) for broker in brokers}, time.monotonic()
    with _lock:
        lately = [(question, known) for question, known in _answers.items() if now - known.requested < REQUESTED_LATELY_SECONDS]
    renewed = 0
    for question, known in lately:
        each = [states.get(one[0]) for one in known.state or ()]
        state = tuple(one[0] for one in each if one)
        if len(state) < len(each) or state == known.state:
            continue
        with _lock:
            if _answers.get(question) is not known or (question, state) in _making:
                continue  # somebody needed it sooner
            del _answers[question]  # so that one that fails is not tried again
            mine = _begin(question, state)
        _make(question, Answer(state, time.monotonic(), known.requested, None, known.again), mine)
        renewed += 1
    return renewed


def _keep(question: Hashable, answer: Answer) -> None:
    with _lock:
        _answers[question] = answer
        _answers.move_to_end(question)
        while len(_answers) > _MOST_ANSWERS:
            _answers.popitem(last=False)


def state_of(brokers: Iterable[Broker]) -> State:
    """What is stored of these brokers, another value after each save; None while nothing was polled. To be read in the transaction that answers."""
    brokers = list(brokers)
    if not all(broker.revision for broker in brokers):
        return None
    return tuple((broker.pk, broker.revision, broker.polled_at, broker.tried_at) for broker in brokers)


def drop_oldest(kept: OrderedDict[Any, V], most: int, size: Callable[[V], int]) -> None:
    """Drops what was kept first until the rest is at most so large together. The last one stays, whatever its size.

    >>> names = OrderedDict(first="ab", second="a", third="abc")
    >>> drop_oldest(names, 4, len)
    >>> list(names)
    ['second', 'third']
    """
    with _lock:
        while len(kept) > 1 and sum(map(size, list(kept.values()))) > most:
            kept.popitem(last=False)


def forget() -> None:
    """Nothing is kept any more: for tests, whose databases begin anew."""
    for kept in list(_all):
        kept._answers.clear()
    _answers.clear()
    _making.clear()
