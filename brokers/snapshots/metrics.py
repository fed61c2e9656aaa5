"""What is recorded of each kind of object: its metrics, in the order of the columns of a frame. New ones are only ever appended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

RAW_STEP = 5
"""Snapshot.step of the raw tier, regardless of the actual poll interval, which each frame contains."""
STEPS_TO_A_GAP = 3


class Metric(NamedTuple):
    name: str
    scale: int = 1  # a stored unit is 1 / scale


_RATE = 100
_TOTALS = (Metric("ready"), Metric("unacknowledged"), *(Metric(f"{name}_per_second", _RATE) for name in ("publish", "deliver", "ack")))
METRICS: Mapping[str, tuple[Metric, ...]] = {
    "queues": (
        Metric("ready"),
        Metric("unacknowledged"),
        Metric("consumers"),
        Metric("publish_per_second", _RATE),
        Metric("deliver_per_second", _RATE),
        Metric("ack_per_second", _RATE),
        Metric("redeliver_per_second", _RATE),
        Metric("memory_bytes"),
    ),
    "broker": (*_TOTALS, Metric("unroutable_per_second", _RATE)),
    "vhosts": _TOTALS,
    "exchanges": (Metric("publish_in_per_second", _RATE), Metric("publish_out_per_second", _RATE)),
    "nodes": (
        Metric("memory_used_bytes"),
        Metric("disk_free_bytes"),
        Metric("file_descriptors_used"),
        Metric("sockets_used"),
        Metric("processes_used"),
        Metric("run_queue"),
    ),
    "workers": (
        Metric("active"),
        Metric("reserved"),
        Metric("concurrency"),
        Metric("succeeded_per_second", _RATE),
        Metric("failed_per_second", _RATE),
        Metric("scheduled"),
        Metric("prefetch"),
        Metric("load", 10),
        Metric("clock_skew_seconds", 10),
        Metric("peak_memory_bytes"),
    ),
}


def metric_index(kind: str, name: str) -> int:
    """The place of a metric in its kind. Raises ValueError, with what is allowed."""
    if kind not in METRICS:
        raise ValueError(f"unknown kind {kind!r}; allowed: {', '.join(METRICS)}")
    for index, metric in enumerate(METRICS[kind]):
        if metric.name == name:
            return index
    raise ValueError(f"unknown metric {name!r} of {kind}; allowed: {', '.join(metric.name for metric in METRICS[kind])}")
