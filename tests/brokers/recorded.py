"""What was polled, and what history of it must be: numbers that count until the next poll, at most for three, worked out one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from brokers.snapshots import METRICS, STEPS_TO_A_GAP

Row = tuple[float | None, ...]
NOTHING: Row = (None,) * len(METRICS["queues"])
NAMES = ("depth", *(metric.name for metric in METRICS["queues"]))


def row(ready: float | None, unacknowledged: float | None = 0, consumers: float | None = 1, rate: float | None = 0.0) -> Row:
    return (ready, unacknowledged, consumers, rate, rate, rate, 0.0, 4096)


class Poll(NamedTuple):
    """At a time (milliseconds), of all queues that are known; None: it failed."""

    at: int
    queues: Mapping[int, Row] | None


class Truth(NamedTuple):
    """Of one number in one interval."""

    average: float
    minimum: float
    maximum: float
    last: float | None
    seconds: float


def truth(polls: Sequence[Poll], begin: int, end: int, interval_ms: int = 5000) -> dict[tuple[int, str], Truth]:
    """{(queue, metric): what its number was from `begin` to `end`} of those that were known in that time."""
    parts: dict[tuple[int, str], list[tuple[float, int, bool]]] = {}
    for poll, following in zip(polls, [*[poll.at for poll in polls[1:]], None], strict=True):
        until = min(poll.at + STEPS_TO_A_GAP * interval_ms, following if following is not None else poll.at + STEPS_TO_A_GAP * interval_ms)
        first, last = max(begin, poll.at), min(end, until)
        if first >= last or poll.queues is None:
            continue
        for queue, numbers in poll.queues.items():
            depth = None if numbers[0] is None or numbers[1] is None else numbers[0] + numbers[1]
            for name, number in zip(NAMES, (depth, *numbers), strict=True):
                if number is not None:
                    parts.setdefault((queue, name), []).append((number, last - first, until >= end))
    found = {}
    for key, known in parts.items():
        seconds = sum(length for _, length, _ in known) / 1000
        average = sum(number * length for number, length, _ in known) / 1000 / seconds
        ending = next((number for number, _, at_end in reversed(known) if at_end), None)
        found[key] = Truth(average, min(number for number, _, _ in known), max(number for number, _, _ in known), ending, seconds)
    return found
