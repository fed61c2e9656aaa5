"""Queries for time series: history for charts, sparklines for tables.

A number at a moment is the one recorded last at or before it. From a poll that failed on, and where more than three polls are missing, there is
none: a gap is None. So is a moment whose step is more than half in a gap: between points that stand far apart it would not show.
Steps of five minutes and more are answered from the keyframes alone, which keeps a day's chart as quick as an hour's. Beside the metrics
that are recorded there is "depth", ready + unacknowledged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from django.db.models import Q, QuerySet
from django.utils import timezone

from brokers.models import Broker, Exchange, Queue, VirtualHost
from brokers.queries.frames import frames
from brokers.queries.pages import visible_brokers
from brokers.queries.partly_visible import exchanges_in
from brokers.queries.visible import rows_in
from brokers.scope import Scope
from brokers.snapshots import METRICS, STEPS_TO_A_GAP, Series, metric_index, numbers, series_of

KEYFRAME_SECONDS = 300
MOST_POINTS = 20_000
_DEPTH = ("ready", "unacknowledged")


class History(msgspec.Struct):
    """`values[metric][i]` is the number at `times[i]`; None where nothing was recorded. `resolution_seconds`: how often it was recorded."""

    times: list[datetime]
    values: dict[str, list[float | None]]
    resolution_seconds: float


def history(scope: Scope, broker_id: int, kind: str, object_id: int | None, metrics: Sequence[str], start: datetime, end: datetime, step: float) -> History:
    """The numbers of an object every `step` seconds from `start` to `end`; all None outside the scope or where nothing is recorded.

    `object_id` None is the broker itself (kind "broker"). Raises ValueError for an unknown kind or metric, no time, or too many points.
    """
    _check(kind, metrics)
    if step <= 0 or end < start:
        raise ValueError("from must not be after to, and step must be more than 0 seconds")
    count = int((end - start).total_seconds() / step) + 1
    if count > MOST_POINTS:
        raise ValueError(f"{count:,} points are too many (at most {MOST_POINTS:,}): a longer step or a shorter time is needed")
    times = [start + timedelta(seconds=step * index) for index in range(count)]
    identifier = broker_id if object_id is None else object_id
    sampled, resolution_seconds = _sampled(scope, broker_id, kind, [identifier], metrics, times)
    return History(times, {metric: sampled[metric][identifier] for metric in metrics}, resolution_seconds)


def histories(
    scope: Scope, broker_id: int, kind: str, ids: Sequence[int], metrics: Sequence[str], start: datetime, end: datetime, step: float
) -> tuple[list[datetime], dict[str, dict[int, list[float | None]]]]:
    """(times, {metric: {id: a number for each time}}) of many objects at once, as `history` has them of one. Raises ValueError likewise."""
    _check(kind, metrics)
    count = int((end - start).total_seconds() / step) + 1 if step > 0 else 0
    if not 0 < count <= MOST_POINTS:
        raise ValueError(f"from 1 to {MOST_POINTS:,} points can be read")
    times = [start + timedelta(seconds=step * index) for index in range(count)]
    return times, _sampled(scope, broker_id, kind, ids, metrics, times)[0]


def sparklines(
    scope: Scope, broker_id: int, kind: str, ids: Sequence[int], metric: str, start: datetime, end: datetime, points: int
) -> dict[int, list[float | None]]:
    """`points` numbers of each object, evenly from `start` to `end`, both included; None as in `history`."""
    _check(kind, [metric])
    if not 2 <= points <= MOST_POINTS or end <= start:
        raise ValueError(f"a sparkline has from 2 to {MOST_POINTS:,} points, and takes time")
    times = [start + (end - start) * index / (points - 1) for index in range(points)]
    return _sampled(scope, broker_id, kind, ids, [metric], times)[0][metric]


def history_until_now(scope: Scope, broker_id: int, kind: str, object_id: int | None, metrics: Sequence[str], seconds: float, step: float) -> History:
    """The history of the last so many seconds, for what viewers share (`queries.kept`): without a moment among the arguments."""
    now = timezone.now()
    return history(scope, broker_id, kind, object_id, metrics, now - timedelta(seconds=seconds), now, step)


def sparklines_until_now(
    scope: Scope, broker_id: int, kind: str, ids: tuple[int, ...], metric: str, seconds: float, points: int
) -> dict[int, list[float | None]]:  # fmt: skip
    """The sparklines of the last so many seconds, likewise."""
    now = timezone.now()
    return sparklines(scope, broker_id, kind, ids, metric, now - timedelta(seconds=seconds), now, points)


def _check(kind: str, metrics: Sequence[str]) -> None:
    for metric in _recorded(metrics):
        metric_index(kind, metric)


def _recorded(metrics: Sequence[str]) -> list[str]:
    """The recorded metrics that these are made of."""
    return list(dict.fromkeys(part for metric in metrics for part in (_DEPTH if metric == "depth" else (metric,))))


def _sampled(
    scope: Scope, broker_id: int, kind: str, ids: Sequence[int], metrics: Sequence[str], times: Sequence[datetime]
) -> tuple[dict[str, dict[int, list[float | None]]], float]:
    """({metric: {id: a number for each of `times`}}, seconds from one recorded moment to the next)."""
    recorded: list[float] = []
    only_keyframes = len(times) > 1 and (times[1] - times[0]).total_seconds() >= KEYFRAME_SECONDS

    def data() -> Iterator[bytes]:
        for at, frame in frames(broker_id, kind, times[0], times[-1], only_keyframes):
            recorded.append(at.timestamp())
            yield frame

    seen = _seen(scope, broker_id, kind, ids)
    if not seen:
        return {metric: {identifier: [None] * len(times) for identifier in ids} for metric in metrics}, 5.0
    recorded_metrics = _recorded(metrics)
    series = series_of(kind, data(), ids, recorded_metrics)
    base = KEYFRAME_SECONDS if only_keyframes else 0
    places = _places(np.array(recorded), series, np.array([time.timestamp() for time in times]), base)
    found: dict[str, dict[int, list[float | None]]] = {}
    for row, name in enumerate(recorded_metrics):
        metric = METRICS[kind][metric_index(kind, name)]
        found[name] = {
            identifier: numbers(_picked(series.codes[row, place], places), metric) if identifier in seen else [None] * len(times)
            for place, identifier in enumerate(ids)
        }
    if "depth" in metrics:
        ready, unacknowledged = (found[name] for name in _DEPTH)
        found["depth"] = {identifier: list(map(_sum, ready[identifier], unacknowledged[identifier])) for identifier in ids}
    return found, float(base or (series.intervals[-1] if len(series.intervals) else 5.0))


def _seen(scope: Scope, broker_id: int, kind: str, ids: Sequence[int]) -> set[int]:
    """Those of these that may be viewed. Worker nodes are the caller's: it has read them within the scope."""
    if not ids or not Broker.objects.filter(visible_brokers(scope, broker_id)).exists():
        return set()
    if scope.is_everything or kind == "workers":
        return set(ids)
    rows: dict[str, QuerySet[Any]] = {
        "broker": Broker.objects.filter(rows_in(scope, broker="name", vhost=""), pk=broker_id),
        "vhosts": VirtualHost.objects.filter(rows_in(scope, vhost="name"), broker_id=broker_id, pk__in=ids),
        "queues": Queue.objects.filter(rows_in(scope, queue="name"), broker_id=broker_id, pk__in=ids),
        "exchanges": Exchange.objects.filter(rows_in(scope) | (exchanges_in(scope, broker_id) & ~Q(name="")), broker_id=broker_id, pk__in=ids),
    }
    return set(rows[kind].values_list("pk", flat=True))


def _places(recorded: npt.NDArray[np.float64], series: Series, times: npt.NDArray[np.float64], base: float) -> npt.NDArray[np.int64]:
    """For each time the place of the frame in force; -1 where there is none or it is too old."""
    if not len(recorded):
        return np.full(len(times), -1)
    places = np.searchsorted(recorded, times, side="right") - 1
    known = np.maximum(places, 0)
    holds = np.where(series.gaps, 0.0, base + STEPS_TO_A_GAP * series.intervals)  # how long a number counts if none follows
    old = times - recorded[known] > holds[known]
    step = times[1] - times[0] if len(times) > 1 else 0.0
    missing = _unknown_seconds(recorded, holds, times) - _unknown_seconds(recorded, holds, times - step)
    hidden = (missing > step / 2) & (step > 2 * series.intervals[known])  # closer together, a gap has points of its own
    return np.where((places < 0) | old | hidden, -1, places)


def _unknown_seconds(recorded: npt.NDArray[np.float64], holds: npt.NDArray[np.float64], times: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """For each time how long nothing was known between the first record and then."""
    known_before = np.concatenate(([0.0], np.cumsum(np.minimum(np.diff(recorded), holds[:-1]))))
    places = np.maximum(np.searchsorted(recorded, times, side="right") - 1, 0)
    since = np.maximum(times - recorded[places], 0.0)
    elapsed: npt.NDArray[np.float64] = np.maximum(times - recorded[0], 0.0)
    return elapsed - known_before[places] - np.minimum(since, holds[places])


def _picked(codes: npt.NDArray[np.int64], places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    if not len(codes):
        return np.zeros(len(places), np.int64)
    return np.where(places >= 0, codes[np.maximum(places, 0)], 0)


def _sum(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other
