"""What the balance of queues is worked out from: their recorded numbers poll by poll, and the settings that were in force meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import zstandard
from django.db.models import Q

from brokers.balance import LEAST_FALL, PULSE_SHARE, Balance, Point, balance_of
from brokers.models import Broker, Queue, TopologyVersion
from brokers.queries.blocks import Polled, polled
from brokers.queries.outline import outline
from brokers.queries.pages import in_scope
from brokers.queries.recorded_versions import recorded_by
from brokers.scope import Scope
from brokers.snapshots import METRICS, metric_index
from brokers.topology import Topology, decode
from brokers.visible_topology import visible_topology

MOST_QUEUES = 300
"""So many with the most to explain are worked out in full."""
MOST_VERSIONS = 20
AT_ONCE = 1_500_000
"""Numbers of one metric that are held at once."""
_METRICS = ("ready", "unacknowledged", "publish_per_second", "deliver_per_second", "ack_per_second", "redeliver_per_second")
Floats = npt.NDArray[np.float64]


class QueueBalance(NamedTuple):
    """`deleted_with`: how many messages the queue had at the last poll before it was deleted; None if it was not, or that is not known."""

    queue: Queue
    balance: Balance
    deleted_with: float | None


class Balances(NamedTuple):
    """Of the queues with something to explain, the largest amounts first; `looked_at`: how many there are in all; `polls`: how many were stored;
    `without_counters`: how many queues have no balance, since none of their counters is recorded."""

    items: list[QueueBalance]
    looked_at: int
    polls: int
    without_counters: int = 0


def balances(scope: Scope, broker: Broker, vhost: str | None, start: datetime, end: datetime, name: str = "") -> Balances:
    """Of all queues that existed in that time, or those whose names contain `name`. Without temporary ones, and Hareline's own."""
    known = outline(broker.pk, "queues", start, end)
    times = polled(broker.pk, "queues", [], _METRICS, known, end).recorded
    first = int(np.searchsorted(times, start.timestamp()))
    existed = Q(first_seen_at__lte=end) & (Q(gone_at=None) | Q(gone_at__gt=start))
    rows = Queue.objects.filter(in_scope(scope, broker.pk, vhost, queue="name") & existed, name__icontains=name)
    rows = rows.exclude(Q(exclusive=True) | Q(auto_delete=True) | Q(name__startswith="hareline.")).order_by("pk")
    queues = list(rows.only("pk", "vhost", "name", "type", "first_seen_at", "gone_at", "broker_id"))
    if len(times) - first < 2:
        return Balances([], len(queues), len(times) - first, len(queues))
    found: list[tuple[float, QueueBalance]] = []
    unknown = 0
    step = max(1, AT_ONCE // len(times))
    for begin in range(0, len(queues), step):
        some = queues[begin : begin + step]
        times, interval, numbers = _read(polled(broker.pk, "queues", [queue.pk for queue in some], _METRICS, known, end), first)
        unknown += len(some) - int(_counted(numbers).any(axis=1).sum())
        found += _of(some, times, interval, numbers)
        found = sorted(found, key=lambda pair: -pair[0])[:MOST_QUEUES]
    return Balances([one for _, one in found], len(queues), len(times), unknown)


def settings_versions(scope: Scope, broker: Broker, vhost: str, start: datetime, end: datetime) -> list[Topology]:
    """The definitions in force at `start` and the later ones until `end`, the last of very many; none if none are recorded."""
    versions = TopologyVersion.objects.filter(broker_id=broker.pk, vhost=vhost).order_by("-at", "-pk").values_list("data", flat=True)
    later = list(versions.filter(at__gt=start, at__lte=end)[:MOST_VERSIONS])
    found = [*reversed(later)] if len(later) == MOST_VERSIONS else [*versions.filter(recorded_by(start))[:1], *reversed(later)]
    return [visible_topology(decode(zstandard.decompress(bytes(data))), scope, broker.name) for data in found]


def _read(read: Polled, first: int) -> tuple[Floats, float, Floats]:
    """(moments of the polls from the `first` on, seconds between two of them, numbers by metric, queue and poll)."""
    series = read.series
    return (
        read.recorded[first:],
        float(np.median(series.intervals)),
        np.stack([_numbers(series.codes[row, :, first:], name) for row, name in enumerate(_METRICS)]),
    )


def _of(queues: Sequence[Queue], times: Floats, interval: float, numbers: Floats) -> Iterator[tuple[float, QueueBalance]]:
    """(how much there is to explain, the balance) of those of these queues of which it is something."""
    scores = _scores(times, numbers)
    for place in np.argsort(-scores).tolist()[:MOST_QUEUES]:
        queue = queues[place]
        deleted_with = _last_depth(numbers[:, place]) if queue.gone_at is not None and queue.gone_at.timestamp() <= times[-1] else None
        if scores[place] < LEAST_FALL and not deleted_with:
            continue
        balance = balance_of(_points(times, numbers[:, place]), interval)
        left = sum(fall.count for fall in balance.falls) + (deleted_with or 0)
        if balance.is_certain or left:
            yield max(abs(balance.unexplained or 0) if balance.is_certain else 0, left), QueueBalance(queue, balance, deleted_with)


def _numbers(codes: npt.NDArray[np.int64], name: str) -> Floats:
    """NaN where a number is not known."""
    scale = METRICS["queues"][metric_index("queues", name)].scale
    return np.where(codes == 0, np.nan, np.where(codes > 0, codes - 1, codes) / scale)


def _counted(numbers: Floats) -> npt.NDArray[np.bool_]:
    """For each queue and step between two polls whether depths and counters are known."""
    found: npt.NDArray[np.bool_] = ~np.isnan(np.diff(numbers[0] + numbers[1], axis=1)) & ~np.isnan(numbers[2:, :, 1:]).all(axis=0)
    return found


def _scores(times: Floats, numbers: Floats) -> Floats:
    """For each queue the most that may be unexplained: those of which it is little need no closer look."""
    ready, unacknowledged, published, _, acknowledged, _ = numbers
    seconds, steps, counted = np.diff(times), np.diff(ready + unacknowledged, axis=1), _counted(numbers)
    came, went = (np.nansum(np.where(counted, rates[:, 1:], np.nan) * seconds, axis=1) for rates in (published, acknowledged))
    depths = ready + unacknowledged
    kept = np.where(np.isnan(depths[:, -1]), np.nanmax(np.where(np.isnan(depths), 0, depths), axis=1), 0)  # of one that is gone
    unexplained = np.abs(came - went - np.where(counted, steps, 0).sum(axis=1)) - PULSE_SHARE * (came + went)
    found: Floats = np.maximum(np.maximum(unexplained, np.max(np.where(np.isnan(steps), 0, -steps), axis=1)), kept)
    return found


def _last_depth(numbers: Floats) -> float | None:
    depths = numbers[0] + numbers[1]
    known = depths[~np.isnan(depths)]
    return float(known[-1]) if len(known) else None


def _points(times: Floats, numbers: Floats) -> list[Point]:
    values = [[None if value != value else value for value in row] for row in numbers.tolist()]
    return [Point(at, *column) for at, column in zip(times.tolist(), zip(*values, strict=True), strict=True)]
