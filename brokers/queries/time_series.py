"""Queries for time series: history for charts, sparklines for tables.

A number at a moment is the one recorded last at or before it. From a poll that failed on, and where more than three polls are missing, there is
none: a gap is None. So is a moment whose step is more than half in a gap: between points that stand far apart it would not show.
Steps of five minutes and more are answered from the keyframes alone, which keeps a day's chart as quick as an hour's. Where the polls are not kept any
more, for sparklines, and for many short steps, rollups answer: a number is then the average over the step that ends at its moment, None where less than half
of that was recorded. Beside the metrics that are recorded there is "depth", ready + unacknowledged.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from django.db.models import Q, QuerySet
from django.utils import timezone

from brokers.bands import bands
from brokers.models import Broker, Exchange, Node, Queue, VirtualHost
from brokers.queries.blocks import polled
from brokers.queries.frames import keyframes_from
from brokers.queries.outline import Outline, outline
from brokers.queries.pages import of_whole_brokers, visible_brokers
from brokers.queries.partly_visible import exchanges_in
from brokers.queries.spans import DEPTH_OF, recorded_metrics, spans
from brokers.queries.times import Times, times_from, times_of
from brokers.queries.visible import rows_in
from brokers.rollups import STEPS
from brokers.scope import Scope
from brokers.snapshots import METRICS, RAW_STEP, STEPS_TO_A_GAP, Series, metric_index, numbers, series_of
from brokers.tiers import Part, chosen_step, plan

KEYFRAME_SECONDS = 300
MOST_POINTS = 20_000
YOUNG = timedelta(minutes=10)
"""A history that is no longer has a sparkline of its polls: averages of minutes would be a few."""
FEW_HOURS = timedelta(hours=2)
"""So long a time at most is read poll by poll for a chart with a point a minute."""


class History(msgspec.Struct):
    """`values[metric][i]` is the number at `times[i]`; None where nothing was recorded. `resolution_seconds`: how often it was recorded."""

    times: list[datetime]
    values: dict[str, list[float | None]]
    resolution_seconds: float


class HistoryBands(msgspec.Struct):
    """Of each metric the numbers over the step that ends at `times[i]`; None where nothing was recorded. `share`: how much of the step was, from 0 to 1.

    What a rate's counter grew by in a step is average * seconds of the step * share.
    """

    times: list[datetime]
    average: dict[str, list[float | None]]
    minimum: dict[str, list[float | None]]
    maximum: dict[str, list[float | None]]
    share: dict[str, list[float]]
    resolution_seconds: float


def history(
    scope: Scope, broker_id: int, kind: str, object_id: int | None, metrics: Sequence[str], start: datetime, end: datetime, step: float | None
) -> History:
    """The numbers of an object every `step` seconds from `start` to `end`; all None outside the scope or where nothing is recorded.

    `object_id` None is the broker itself (kind "broker"). Without a step, one with at most 720 points that is recorded, from a multiple of it on. Raises
    ValueError for an unknown kind or metric, no time, or too many points.
    """
    _check(kind, metrics)
    times = _times(broker_id, kind, start, end, step)
    identifier = broker_id if object_id is None else object_id
    sampled, resolution_seconds = _sampled(scope, broker_id, kind, [identifier], metrics, times)
    return History(times.moments, {metric: sampled[metric][identifier] for metric in metrics}, resolution_seconds)


def history_bands(
    scope: Scope, broker_id: int, kind: str, object_id: int | None, metrics: Sequence[str], start: datetime, end: datetime, step: float | None = None
) -> HistoryBands:
    """Average, minimum and maximum of each step, over all that was recorded in it; otherwise as `history`."""
    _check(kind, metrics)
    times = _times(broker_id, kind, start, end, step)
    length = times.step or step or RAW_STEP
    identifier = broker_id if object_id is None else object_id
    first, last = times.moments[0], times.moments[-1]
    parts = plan(first.timestamp() - length, last.timestamp(), length, outline(broker_id, kind, first, last).reaches)
    if not _seen(scope, broker_id, kind, [identifier]):
        parts = []
    found = bands(spans(broker_id, kind, [identifier], metrics, parts), times.seconds, length)
    average, minimum, maximum = ({metric: _known(part[row, 0]) for row, metric in enumerate(metrics)} for part in (found.average, found.minimum, found.maximum))
    share = {metric: [round(float(one), 4) for one in found.share[row, 0]] for row, metric in enumerate(metrics)}
    return HistoryBands(times.moments, average, minimum, maximum, share, float(max((part.tier for part in parts), default=RAW_STEP)))


def _times(broker_id: int, kind: str, start: datetime, end: datetime, step: float | None) -> Times:
    """Every `step` seconds from start to end. Raises ValueError for none, or too many."""
    if end < start or (step is not None and step <= 0):
        raise ValueError("from must not be after to, and step must be more than 0 seconds")
    if step is None:
        found = outline(broker_id, kind, start, end).reaches
        finest = next((reach.tier for reach in found if reach.first <= start.timestamp()), found[-1].tier if found else RAW_STEP)
        step = chosen_step((end - start).total_seconds(), finest)
        start = datetime.fromtimestamp(start.timestamp() // step * step, UTC)
    count = int((end - start).total_seconds() / step) + 1
    if count > MOST_POINTS:
        raise ValueError(f"{count:,} points are too many (at most {MOST_POINTS:,}): a longer step or a shorter time is needed")
    return times_from(start, step, count)


def histories(
    scope: Scope, broker_id: int, kind: str, ids: Sequence[int], metrics: Sequence[str], start: datetime, end: datetime, step: float
) -> tuple[list[datetime], dict[str, dict[int, list[float | None]]]]:
    """(times, {metric: {id: a number for each time}}) of many objects at once, as `history` has them of one. Raises ValueError likewise."""
    _check(kind, metrics)
    count = int((end - start).total_seconds() / step) + 1 if step > 0 else 0
    if not 0 < count <= MOST_POINTS:
        raise ValueError(f"from 1 to {MOST_POINTS:,} points can be read")
    times = times_from(start, step, count)
    return times.moments, _sampled(scope, broker_id, kind, ids, metrics, times)[0]


def sparklines(
    scope: Scope, broker_id: int, kind: str, ids: Sequence[int], metric: str, start: datetime, end: datetime, points: int
) -> dict[int, list[float | None]]:
    """`points` numbers of each object, evenly from `start` to `end`, both included; None as in `history`. Of a history that began within the last minutes the
    polls themselves, from the first on: the last of fewer than `points` numbers, after None."""
    _check(kind, [metric])
    if not 2 <= points <= MOST_POINTS or end <= start:
        raise ValueError(f"a sparkline has from 2 to {MOST_POINTS:,} points, and takes time")
    if not ids:
        return {}
    known = outline(broker_id, kind, start, end)
    begin, count = start, points
    if (first := _young(known, start, end)) is not None:
        begin, count = first, max(2, min(points, int((end - first).total_seconds() / RAW_STEP) + 1))
    times = times_of([begin + (end - begin) * index / (count - 1) for index in range(count)])
    found = _sampled(scope, broker_id, kind, ids, [metric], times, averages=True, known=known)[0][metric]
    return {identifier: [*(None for _ in range(points - count)), *values] for identifier, values in found.items()}


def _young(known: Outline, start: datetime, end: datetime) -> datetime | None:
    """The first poll, where it is all that history has before `end` and was a few minutes before that."""
    first = known.first_keyframe
    if first is None or not max(start, end - YOUNG) < first < end:
        return None
    return None if any(begin + timedelta(seconds=step) <= first for step, (begin, _) in known.rollups.items()) else first


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
    for metric in recorded_metrics(metrics):
        metric_index(kind, metric)


Found = dict[str, dict[int, list[float | None]]]
"""{metric: {id: a number for each time}}."""


def _sampled(
    scope: Scope, broker_id: int, kind: str, ids: Sequence[int], metrics: Sequence[str], times: Times, averages: bool = False,
    known: Outline | None = None,
) -> tuple[Found, float]:  # fmt: skip
    """(a number for each of `times`, seconds from one recorded moment to the next). `averages`: rollups answer where they can, also of a short time. `known`:
    the outline of that time, if the caller has it."""
    seen = _seen(scope, broker_id, kind, ids)
    if not seen:
        return {metric: {identifier: [None] * len(times.moments) for identifier in ids} for metric in metrics}, 5.0
    visible = [identifier for identifier in ids if identifier in seen]
    first, last, step = times.moments[0], times.moments[-1], times.step
    is_long = last - first > FEW_HOURS
    known = known or outline(broker_id, kind, first, last)
    parts: list[Part] = []
    if known.base is None or known.base > first or ((is_long or averages) and min(STEPS) <= step < KEYFRAME_SECONDS):
        parts = plan(first.timestamp() - step, last.timestamp(), max(step, RAW_STEP), known.reaches)
    if any(part.tier != RAW_STEP and part.end - part.start >= part.tier for part in parts):
        found, resolution_seconds = _from_tiers(broker_id, kind, visible, metrics, times, parts)
    else:
        found, resolution_seconds = _polled(broker_id, kind, visible, metrics, times, known)
    for column in found.values():
        column.update({identifier: [None] * len(times.moments) for identifier in ids if identifier not in seen})
    return found, resolution_seconds


def _from_tiers(
    broker_id: int, kind: str, ids: Sequence[int], metrics: Sequence[str], times: Times, parts: Sequence[Part]
) -> tuple[Found, float]:  # fmt: skip
    """The numbers of polls where the plan has these, else the averages of the steps that end at `times`."""
    step, seconds = max(times.step, float(RAW_STEP)), times.seconds
    rolled = [part for part in parts if part.tier != RAW_STEP]
    averages = bands(spans(broker_id, kind, ids, metrics, rolled), seconds, step)
    hidden = averages.share < 0.5
    found: Found = {
        metric: {identifier: _known(np.where(hidden[row, place], np.nan, averages.average[row, place])) for place, identifier in enumerate(ids)}
        for row, metric in enumerate(metrics)
    }
    for part in parts:
        places = np.flatnonzero((seconds > part.start) & (seconds <= part.end))
        if part.tier == RAW_STEP and len(places):
            chosen = Times(times.moments[places[0] : places[-1] + 1], seconds[places], times.step if len(places) > 1 else 0.0)
            read, _ = _polled(broker_id, kind, ids, metrics, chosen, outline(broker_id, kind, chosen.moments[0], chosen.moments[-1]))
            for metric, column in read.items():
                for identifier, values in column.items():
                    found[metric][identifier][places[0] : places[-1] + 1] = values
    return found, float(max(part.tier for part in rolled))


def _polled(
    broker_id: int, kind: str, ids: Sequence[int], metrics: Sequence[str], times: Times, known: Outline
) -> tuple[Found, float]:  # fmt: skip
    """The numbers of polls; steps of five minutes and more from keyframes alone."""
    names, base = recorded_metrics(metrics), KEYFRAME_SECONDS if times.step >= KEYFRAME_SECONDS else 0
    if base:
        keyframes = keyframes_from(broker_id, kind, known.base, times.moments[-1])
        recorded, series = np.array([at.timestamp() for at, _ in keyframes]), series_of(kind, [frame for _, frame in keyframes], ids, names)
    else:
        recorded, series = polled(broker_id, kind, ids, names, known, times.moments[-1])
    places = _places(recorded, series, times.seconds, base)
    found: Found = {}
    for row, name in enumerate(names):
        metric = METRICS[kind][metric_index(kind, name)]
        found[name] = {identifier: numbers(_picked(series.codes[row, place], places), metric) for place, identifier in enumerate(ids)}
    if "depth" in metrics:
        ready, unacknowledged = (found[name] for name in DEPTH_OF)
        found["depth"] = {identifier: list(map(_sum, ready[identifier], unacknowledged[identifier])) for identifier in ids}
    return {metric: found[metric] for metric in metrics}, float(base or (series.intervals[-1] if len(series.intervals) else 5.0))


def _seen(scope: Scope, broker_id: int, kind: str, ids: Sequence[int]) -> set[int]:
    """Those of these that may be viewed. Worker nodes are the caller's: it has read them within the scope."""
    if scope.is_everything:
        return set(ids)
    if not ids or not Broker.objects.filter(visible_brokers(scope, broker_id)).exists():
        return set()
    if kind == "workers":
        return set(ids)
    rows: dict[str, QuerySet[Any]] = {
        "broker": Broker.objects.filter(rows_in(scope, broker="name", vhost=""), pk=broker_id),
        "nodes": Node.objects.filter(of_whole_brokers(scope, broker_id), pk__in=ids),
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


def _known(values: npt.NDArray[np.float64]) -> list[float | None]:
    return [None if value != value else value for value in values.tolist()]  # NaN is not itself
