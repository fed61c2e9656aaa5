"""Numbers as the whole numbers that frames hold, and columns of them as bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from brokers.snapshots.metrics import Metric

Integers = npt.NDArray[np.int64]


def numbers(codes: Integers, metric: Metric) -> list[float | None]:
    """The numbers that codes represent; whole numbers for counts.

    >>> numbers(np.array([0, 1, 251]), Metric("publish_per_second", 100))
    [None, 0.0, 2.5]
    """
    whole = np.where(codes > 0, codes - 1, codes)
    found: list[Any] = (whole if metric.scale == 1 else whole / metric.scale).tolist()
    for place in (codes == 0).nonzero()[0].tolist():
        found[place] = None
    return found


def codes_of(rows: Sequence[Sequence[float | None]], metrics: Sequence[Metric]) -> Integers:
    """`codes[metric, row]`: None is 0, what is not negative is one more, a negative number (a broker's error) is unchanged."""
    codes = np.zeros((len(metrics), len(rows)), np.int64)
    for index, (metric, values) in enumerate(zip(metrics, zip(*rows, strict=True), strict=True) if rows else ()):
        known = [0 if value is None else round(value * metric.scale) for value in values]
        whole = np.array(known, np.int64)
        present = np.array([value is not None for value in values])
        codes[index] = np.where(present, np.where(whole >= 0, whole + 1, whole), 0)
    return codes


def zigzag(values: Integers) -> Integers:
    return (values << 1) ^ (values >> 63)


def column(values: Integers) -> bytes:
    """Numbers that are not negative as their width and byte planes."""
    largest = int(values.max()) if len(values) else 0
    width = (largest.bit_length() + 7) // 8
    planes = values.astype("<i8").view(np.uint8).reshape(len(values), 8)[:, :width]
    return bytes([width]) + planes.T.tobytes()


def unpacked(body: bytes, start: int, width: int, count: int) -> Integers:
    if width == 1:
        return np.frombuffer(body, np.uint8, count, start).astype(np.int64)
    found = np.zeros(count, np.int64)
    for plane in range(width):
        found |= np.frombuffer(body, np.uint8, count, start + plane * count).astype(np.int64) << (8 * plane)
    return found
