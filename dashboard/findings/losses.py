"""Which exchanges lose the messages that a broker counts as unroutable. Pure.

The broker counts them for all exchanges together. What an exchange takes and what it passes on is counted at different moments, so that in one poll either
may be more: only what is missing over several polls, and by about as much as was unroutable, counts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import msgspec

WINDOW = timedelta(seconds=60)
LEAST_POLLS, LATEST_POLLS = 3, 3
MISSING, OF_THE_LOSS, BEYOND_THE_LOSS = 0.1, 0.25, 2.0
"""An exchange loses messages if a tenth of them is missing, which is a quarter to twice of what is unroutable."""
POLLS = 3 / 4
"""In so many of the polls with unroutable messages something must be missing."""


class Flow(msgspec.Struct, frozen=True):
    """Of an exchange, in messages/s."""

    pk: int
    vhost: str
    name: str
    taken: float
    passed_on: float

    @property
    def lost(self) -> float:
        return self.taken - self.passed_on

    @property
    def loses(self) -> bool:
        return self.lost > MISSING * self.taken


class Lost(msgspec.Struct, frozen=True):
    """Over the latest polls: `per_second` unroutable messages, in `polls` of them, and the exchanges that lose them, the most first. `flows`: of all exchanges,
    on average."""

    per_second: float
    polls: int
    exchanges: list[Flow]
    flows: list[Flow]


class Losses:
    """Of one broker; remembers the polls since the first unroutable message, for a minute."""

    def __init__(self) -> None:
        self._polls: deque[tuple[datetime, float, dict[int, Flow]]] = deque()

    def read(self, at: datetime | None, per_second: float | None, flows: Callable[[], Iterable[Flow]]) -> Lost | None:
        """After a poll `at` that moment; once more after the same poll changes nothing. None while nothing is unroutable, or it is not known where: after one
        poll or two. `flows` is called only where something was unroutable lately."""
        if at is None or per_second is None:
            return None
        if not self._polls or self._polls[-1][0] != at:
            while self._polls and not timedelta(0) <= at - self._polls[0][0] < WINDOW:
                self._polls.popleft()
            if not per_second and not any(rate for _, rate, _ in self._polls):
                self._polls.clear()
                return None
            self._polls.append((at, per_second, {flow.pk: flow for flow in flows()}))
        return self._lost()

    def _lost(self) -> Lost | None:
        amount = len(self._polls)
        if amount < LEAST_POLLS or not any(rate for _, rate, _ in list(self._polls)[-LATEST_POLLS:]):
            return None
        with_loss = [flows for _, rate, flows in self._polls if rate]
        per_second = sum(rate for _, rate, _ in self._polls) / amount
        found, means = [], []
        for pk, latest in self._polls[-1][2].items():
            all_flows = [flows[pk] for _, _, flows in self._polls if pk in flows]
            mean = Flow(pk, latest.vhost, latest.name, sum(one.taken for one in all_flows) / amount, sum(one.passed_on for one in all_flows) / amount)
            means.append(mean)
            often = sum(pk in flows and flows[pk].loses for flows in with_loss) >= POLLS * len(with_loss)
            if often and mean.loses and OF_THE_LOSS * per_second <= mean.lost <= BEYOND_THE_LOSS * per_second:
                found.append(mean)
        return Lost(per_second, len(with_loss), sorted(found, key=lambda one: -one.lost), means)
