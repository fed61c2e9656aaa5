"""The balance of a queue over a time: what came in, less what was acknowledged, less the change of its depth, is unexplained.

Pure. The depth is exact at every poll. What came in and was acknowledged is the sum of recorded rates (`brokers.rates`), whose error this module states as a
tolerance: nothing inside it is claimed. A *fall* is a depth that dropped from one poll to the next by more than can have been delivered: it needs no sums, and
is certain. What may have caused either is in `brokers.balance_causes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import msgspec

from brokers.rates import STATISTICS_SECONDS, WINDOW_SECONDS

SHARE = 0.3
"""By how much of it the sum of a flow's rates may be wrong, found by simulating flows of many kinds: tests/brokers/test_balance.py."""
PULSE_SHARE = 0.1
"""The same of pulses: flows between two stands, while polls are not more frequent than the broker's statistics."""
BLUR_SECONDS = 15.0
"""So long at the highest rate may be counted too much or too little: a rate is of the seconds before, and held until the next refresh is overdue."""
PULSE_SECONDS = 12.5
SETTLED_SECONDS = 15.0
"""So long after a fall it is known whether something was delivered: counters come later than depths."""
LEAST_FALL = 10
"""A smaller one is not worth a line."""


class Point(msgspec.Struct, frozen=True):
    """A poll of a queue; None is unknown. The rates are those after this poll."""

    at: float
    ready: float | None = None
    unacknowledged: float | None = None
    publish: float | None = None
    deliver: float | None = None
    ack: float | None = None
    redeliver: float | None = None

    @property
    def depth(self) -> float | None:
        return None if self.ready is None or self.unacknowledged is None else self.ready + self.unacknowledged

    @property
    def has_rates(self) -> bool:
        return not (self.publish is None and self.deliver is None and self.ack is None and self.redeliver is None)


class Flow(msgspec.Struct, frozen=True):
    """How much a counter grew, give or take `tolerance`. `amount` None: unknown, since it was not reported throughout."""

    amount: float | None
    tolerance: float = 0.0


class Fall(msgspec.Struct, frozen=True):
    """So many messages left between two polls, in which at most `delivered` can have been; `ready_after` are those that were left. `counters_restarted`: rates
    were known before and unknown after it, as of a queue that was made again."""

    before_at: float
    at: float
    left: float
    delivered: float
    ready_after: float
    came_in: float
    counters_restarted: bool

    @property
    def count(self) -> float:
        """How many left without a delivery, at least."""
        return self.left - self.delivered


class Balance(msgspec.Struct, frozen=True):
    """`seconds`: how long depths and counters are known, which all but `falls` are of; of a queue without any counter, how long its depths are.
    `highest_ready` is the largest number of ready messages at a poll."""

    seconds: float
    published: Flow
    acknowledged: Flow
    delivered: Flow
    redelivered: Flow
    change: float
    unacknowledged_change: float
    highest_ready: float
    falls: tuple[Fall, ...] = ()

    @property
    def unexplained(self) -> float | None:
        """Positive: left without an acknowledgement. Negative: came in without a publish. None: a counter is unknown."""
        if self.published.amount is None or self.acknowledged.amount is None:
            return None
        return self.published.amount - self.acknowledged.amount - self.change

    @property
    def tolerance(self) -> float:
        return self.published.tolerance + self.acknowledged.tolerance

    @property
    def is_certain(self) -> bool:
        """True if more is unexplained than the rates can be wrong."""
        return self.unexplained is not None and abs(self.unexplained) > self.tolerance

    @property
    def unacknowledged_deliveries(self) -> Flow:
        """Messages that were delivered and then neither acknowledged, nor are they held: by automatic acknowledgement, or rejected without requeueing."""
        parts = (self.delivered, self.redelivered, self.acknowledged)
        delivered, redelivered, acknowledged = (part.amount for part in parts)
        if delivered is None or redelivered is None or acknowledged is None:
            return Flow(None)
        return Flow(max(0.0, delivered - redelivered - acknowledged - self.unacknowledged_change), sum(part.tolerance for part in parts))


def balance_of(points: Sequence[Point], interval: float) -> Balance:
    """The balance over all points, in the order of time; `interval` is how often polls are made, in seconds. Steps across a gap, and those whose counters are
    not known, as of the first polls of a queue, are left out.

    >>> points = [Point(5.0 * step, 100, 0, 2.0, 0.0, 0.0, 0.0) for step in range(121)]
    >>> found = balance_of(points, 5)
    >>> found.published.amount, found.change, found.unexplained, found.is_certain
    (1200.0, 0, 1200.0, True)
    """
    counted = _counted(points, interval)
    steps = [step for run in counted for step in run] or [(was, now) for was, now in pairwise(points) if _is_known(was, now, interval)]

    def flow(name: str) -> Flow:
        return _flow([[(now.at - was.at, getattr(now, name)) for was, now in run] for run in counted], interval)

    return Balance(
        sum(now.at - was.at for was, now in steps),
        flow("publish"),
        flow("ack"),
        flow("deliver"),
        flow("redeliver"),
        sum((now.depth or 0) - (was.depth or 0) for was, now in steps),
        sum((now.unacknowledged or 0) - (was.unacknowledged or 0) for was, now in steps),
        max((point.ready for point in points if point.ready is not None), default=0),
        tuple(falls(points, interval)),
    )


def _counted(points: Sequence[Point], interval: float) -> list[list[tuple[Point, Point]]]:
    """The steps of which depths and counters are known, in runs without a break."""
    found: list[list[tuple[Point, Point]]] = []
    for was, now in pairwise(points):
        if not (_is_known(was, now, interval) and now.has_rates):
            continue
        if not found or found[-1][-1][1] is not was:
            found.append([])
        found[-1].append((was, now))
    return found


def _is_known(was: Point, now: Point, interval: float) -> bool:
    return was.depth is not None and now.depth is not None and now.at - was.at <= 3.5 * interval


def _flow(stretches: Sequence[Sequence[tuple[float, float | None]]], interval: float) -> Flow:
    """The growth of a counter over stretches of steps of (seconds, rate). One that is not reported though others are has not begun: 0."""
    if not stretches:
        return Flow(None)
    pulses, rest, highest = 0.0, 0.0, 0.0
    for steps in stretches:
        unknown = sum(rate is None for _, rate in steps)
        if 0 < unknown < len(steps):
            return Flow(None)
        known = [(seconds, rate or 0.0) for seconds, rate in steps]
        for run in _runs(known):
            amount, length = sum(seconds * rate for seconds, rate in run), sum(seconds for seconds, _ in run)
            if length <= PULSE_SECONDS and interval >= 0.9 * STATISTICS_SECONDS and run[0] is not known[0] and run[-1] is not known[-1]:
                pulses += amount
            else:
                rest += amount
                highest = max(highest, *(rate for _, rate in run))
    blur = max(BLUR_SECONDS, 3 * interval) if highest else 0.0
    return Flow(pulses + rest, PULSE_SHARE * pulses + SHARE * rest + blur * highest)


def _runs(steps: Sequence[tuple[float, float]]) -> list[list[tuple[float, float]]]:
    """The runs of steps in which something flowed."""
    found: list[list[tuple[float, float]]] = []
    flowing = False
    for step in steps:
        if step[1]:
            if not flowing:
                found.append([])
            found[-1].append(step)
        flowing = bool(step[1])
    return found


def falls(points: Sequence[Point], interval: float) -> list[Fall]:
    """The steps in which more left than can have been delivered. One whose counters are not known yet, or not throughout, is left out."""
    found = []
    for place in range(1, len(points)):
        was, now = points[place - 1], points[place]
        if was.depth is None or now.depth is None or not _is_known(was, now, interval) or was.depth - now.depth < LEAST_FALL:
            continue
        around = _around(points, place, interval)
        delivered = None if around is None else _most_delivered(around, now.at - was.at, interval)
        left = was.depth - now.depth
        if delivered is None or left - delivered < LEAST_FALL:
            continue
        restarted = was.has_rates and not all(point.has_rates for point in points[place : place + 2])
        came_in = max((point.publish or 0.0) for point in points[place - 1 : place + 2]) * (now.at - was.at)
        found.append(Fall(was.at, now.at, left, delivered, now.ready or 0.0, came_in, restarted))
    return found


def _around(points: Sequence[Point], place: int, interval: float) -> list[Point] | None:
    """The points from one before the fall until its counters must have come; None if there are none yet, or a gap is in them."""
    settled = max(SETTLED_SECONDS, 3 * interval)
    found = [points[place - 1], points[place]]
    for point in points[place + 1 :]:
        if point.at - found[-1].at > 3.5 * interval or point.depth is None:
            return None
        found.append(point)
        if point.at - points[place].at >= settled:
            return found
    return None


def _most_delivered(around: Sequence[Point], seconds: float, interval: float) -> float | None:
    """How many can have been delivered or acknowledged in the step; None if a counter began there, so that what it counted before is not known."""
    if not any(point.has_rates for point in around):
        return None
    highest = 0.0
    for rates in ([point.deliver for point in around], [point.ack for point in around]):
        known = [rate for rate in rates if rate is not None]
        if known and rates[0] is None:
            return None
        highest = max([highest, *known])
    return highest * (max(seconds, WINDOW_SECONDS) + max(BLUR_SECONDS, 3 * interval))
