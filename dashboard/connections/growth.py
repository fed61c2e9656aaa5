"""Whether a client leaks connections or channels: it opens more and more, and closes next to none. Pure.

A deployment opens many at once and then no more; a leak rises again and again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from brokers.models import ClientTrend, Connection

LEAST_RISE = 10
LEAST_FACTOR = 1.5
LEAST_STEPS = 4
LEAST_SECONDS = 300
LATEST_RISE_SECONDS = 600
FALLS_AT_MOST = 0.02
"""A client that leaks also closes a connection now and then: the share of its count by which it may fall between two samples."""


class Growth(msgspec.Struct, frozen=True):
    """`what` is connections or channels; `first` of them at `since`, `last` now."""

    what: str
    first: int
    last: int
    since: datetime


class GrowingClient(msgspec.Struct, frozen=True):
    trend: ClientTrend
    growth: Growth


def growth(samples: Sequence[Sequence[int]], what: str = "connections") -> Growth | None:
    """The rise that has lasted until now; None if there is none that looks like a leak. `samples`: [[Unix time, connections, channels]], in order.

    >>> growth([[60 * minute, 5 + 3 * minute, 0] for minute in range(20)]).last
    62
    >>> growth([[60 * minute, 5 if minute < 3 else 60, 0] for minute in range(20)]) is None
    True

    Most of it in one step is a start, and what comes after is looked at by itself:

    >>> growth([[60 * minute, count, 0] for minute, count in enumerate([4, 20, 20, 21, 20, 21, 21, 22, 22])]) is None
    True
    """
    counts = [(sample[0], sample[2 if what == "channels" else 1]) for sample in samples]
    start = len(counts) - 1
    while start > 0 and counts[start - 1][1] <= counts[start][1] + max(1, FALLS_AT_MOST * counts[start][1]):
        start -= 1
    run = _after_starts(counts[start:])
    rises = [after[0] for before, after in pairwise(run) if after[1] > before[1]]
    if len(rises) < LEAST_STEPS:
        return None
    begins = max((index for index, (at, _) in enumerate(run) if at < rises[0]), default=0)
    (since, first), (until, last) = run[begins], run[-1]
    lasting = until - since >= LEAST_SECONDS and until - rises[-1] <= LATEST_RISE_SECONDS
    if not lasting or last - first < LEAST_RISE or last < LEAST_FACTOR * first:
        return None
    return Growth(what, first, last, datetime.fromtimestamp(since, UTC))


def _after_starts(run: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Without what came before a step that is more than half of the whole rise."""
    while len(run) > LEAST_STEPS:
        step, after = max((later[1] - earlier[1], index + 1) for index, (earlier, later) in enumerate(pairwise(run)))
        if 2 * step <= run[-1][1] - run[0][1] or step <= LEAST_RISE / LEAST_STEPS:
            break
        run = run[after:]
    return run


def rise(trend: ClientTrend) -> Growth | None:
    """Of its connections, or else of its channels: one that leaks connections has more channels too, which is not repeated."""
    return growth(trend.samples) or growth(trend.samples, "channels")


def client_of(one: ClientTrend | Connection) -> tuple[object, ...]:
    """What the connections of one client have in common."""
    return one.broker_id, one.vhost, one.user, one.peer_host, one.product


def growing(trends: Iterable[ClientTrend]) -> list[GrowingClient]:
    """The clients that seem to leak, the largest first."""
    found = [GrowingClient(trend, known) for trend in trends if (known := rise(trend))]
    return sorted(found, key=lambda one: (-one.growth.last, one.trend.pk))
