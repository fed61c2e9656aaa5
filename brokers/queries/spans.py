"""What the tiers of history have of some objects, as spans of time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from brokers import bands
from brokers.queries.blocks import polled
from brokers.queries.outline import outline
from brokers.queries.rollup_blocks import rolled
from brokers.snapshots import METRICS, RAW_STEP, STEPS_TO_A_GAP, Metric, metric_index
from brokers.snapshots.rollups import RolledSeries, values_of
from brokers.tiers import Part

DEPTH_OF = ("ready", "unacknowledged")


def recorded_metrics(metrics: Sequence[str]) -> list[str]:
    """The recorded metrics that these are made of: "depth" is ready + unacknowledged."""
    return list(dict.fromkeys(part for metric in metrics for part in (DEPTH_OF if metric == "depth" else (metric,))))


def spans(broker_id: int, kind: str, ids: Sequence[int], metrics: Sequence[str], parts: Sequence[Part]) -> bands.Spans:
    """In the order of ids and metrics, each part of the time from its tier. Raises UnreadableSnapshot, and ValueError for an unknown metric."""
    read = [bands.clipped(_spans_of(broker_id, kind, ids, metrics, part), part.start, part.end) for part in parts]
    nothing = np.empty((len(metrics), len(ids), 0))
    return bands.joined(read) if read else bands.Spans(np.empty(0), np.empty(0), RolledSeries(nothing, nothing, nothing, nothing))


def _spans_of(broker_id: int, kind: str, ids: Sequence[int], metrics: Sequence[str], part: Part) -> bands.Spans:
    start, end = datetime.fromtimestamp(part.start, UTC), datetime.fromtimestamp(part.end, UTC)
    if part.tier != RAW_STEP:
        begins, found = rolled(broker_id, kind, part.tier, ids, metrics, start, end)
        return bands.spans_of_rollups(begins, part.tier, found)
    names = recorded_metrics(metrics)
    times, series = polled(broker_id, kind, ids, names, outline(broker_id, kind, start, end), end)
    known = {name: _numbers(series.codes[row], METRICS[kind][metric_index(kind, name)]) for row, name in enumerate(names)}
    if "depth" in metrics:
        known["depth"] = known[DEPTH_OF[0]] + known[DEPTH_OF[1]]
    holds = np.where(series.gaps, 0.0, STEPS_TO_A_GAP * series.intervals)
    return bands.spans_of_numbers(times, holds, np.stack([known[metric] for metric in metrics]))


def _numbers(codes: npt.NDArray[np.int64], metric: Metric) -> bands.Floats:
    return np.where(codes != 0, values_of(codes) / metric.scale, np.nan)
