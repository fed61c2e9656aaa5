"""Statistics as rows of a table: by name, by queue or by both, sorted, with their course over time. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from dashboard.layout import formatting
from dashboard.statistics.ranges import TimeRange
from workers.queries import Part
from workers.task_statistics import OTHERS, Counted, nothing

GROUPS = (("name", "Names"), ("queue", "Queues"), ("both", "Names and queues"))
PERCENTS = (50, 95, 99)
UNKNOWN_NAME, UNKNOWN_QUEUE, OTHER_NAMES, OTHER_QUEUES = "unknown name", "unknown queue", "other names", "other queues"
Place = tuple[int, str, str, str]
"""(broker, virtual host, name, queue); None of the last two is "" where rows are not distinguished by it."""


class Row(msgspec.Struct, frozen=True):
    """What is known of one name, queue or both. Percentiles are those of PERCENTS and the longest, in seconds; None without any."""

    broker_id: int
    vhost: str
    name: str
    queue: str
    counted: Counted
    runtimes: tuple[float | None, ...]
    waits: tuple[float | None, ...]
    ended: tuple[float | None, ...] = ()  # a second, in each period; None: no event of any task came

    @property
    def place(self) -> Place:
        return self.broker_id, self.vhost, self.name, self.queue

    @property
    def is_others(self) -> bool:
        return OTHERS in (self.name, self.queue)

    @property
    def name_text(self) -> str:
        return {"": UNKNOWN_NAME, OTHERS: OTHER_NAMES}.get(self.name, self.name)

    @property
    def queue_text(self) -> str:
        return {"": UNKNOWN_QUEUE, OTHERS: OTHER_QUEUES}.get(self.queue, self.queue)

    @property
    def failed_text(self) -> str:
        return percent_text(self.failed_percent)

    @property
    def refused(self) -> int:
        return self.counted.revoked + self.counted.rejected

    @property
    def runtime_texts(self) -> list[tuple[str, str]]:
        """(which, the time), in the order of the table."""
        return [(which, seconds_text(time)) for which, time in zip(("p50", "p95", "p99", "longest"), self.runtimes, strict=True)]

    @property
    def wait_texts(self) -> list[tuple[str, str]]:
        return [(which, seconds_text(time)) for which, time in zip(("p50", "p95"), self.waits, strict=False)]

    @property
    def failed_percent(self) -> float | None:
        share = self.counted.failed_share
        return None if share is None else 100 * share


SORTS: dict[str, Callable[[Row], float | str | None]] = {
    "name": lambda row: row.name_text.casefold() + "\0" + row.queue_text.casefold(),
    "received": lambda row: row.counted.received,
    "ended": lambda row: row.counted.ended,
    "failed": lambda row: row.counted.failed,
    "failed_percent": lambda row: row.failed_percent,
    "retried": lambda row: row.counted.retried,
    "revoked": lambda row: row.refused,
    "p50": lambda row: row.runtimes[0],
    "p95": lambda row: row.runtimes[1],
    "p99": lambda row: row.runtimes[2],
    "longest": lambda row: row.runtimes[3],
    "wait_p50": lambda row: row.waits[0],
    "wait_p95": lambda row: row.waits[1],
}
BY_DURATION = frozenset(("p50", "p95", "p99", "longest", "wait_p50", "wait_p95"))
TOPS = (("Busiest", "-ended"), ("Slowest", "-p95"), ("Most failing", "-failed"), ("Longest waiting", "-wait_p95"))


def rows_of(parts: Iterable[Part], group: str) -> list[Row]:
    """A row for each name, queue or both that has parts, in no order and without courses."""
    found: dict[Place, Counted] = {}
    for part in parts:
        found.setdefault(_place(part.broker_id, part.vhost, part.name, part.queue, group), nothing()).merge(part.counted)
    return [Row(*place, counted, percentiles(counted, "runtimes"), percentiles(counted, "waits")) for place, counted in found.items()]


def _place(broker_id: int, vhost: str, name: str, queue: str, group: str) -> Place:
    return broker_id, vhost, "" if group == "queue" else name, "" if group == "name" else queue


def with_courses(
    rows: Iterable[Row],
    group: str,
    courses: Iterable[tuple[int, str, str, str, int, int]],
    periods: Mapping[tuple[int, str], set[int]],
    shown: TimeRange,
    now: float,
) -> list[Row]:
    """`courses` and `periods` as `workers.queries` returns them."""
    ended: dict[Place, dict[int, int]] = {}
    for broker_id, vhost, name, queue, start, count in courses:
        counts = ended.setdefault(_place(broker_id, vhost, name, queue, group), {})
        counts[start] = counts.get(start, 0) + count
    return [
        msgspec.structs.replace(row, ended=course(ended.get(row.place, {}), periods.get(row.place[:2], set()), shown.starts, shown.seconds, now))
        for row in rows
    ]


def percentiles(counted: Counted, what: str) -> tuple[float | None, ...]:
    sketch = getattr(counted, what)
    return (*sketch.percentiles(PERCENTS), sketch.longest if sketch.count else None)


def course(ended: Mapping[int, int], seen: set[int], starts: Sequence[int], seconds: int, now: float) -> tuple[float | None, ...]:
    """How many ended a second in each period. None where no event of any task came, so that nothing shows that events were received."""
    return tuple(ended.get(start, 0) / _elapsed(start, seconds, now) if start in seen else None for start in starts)


def _elapsed(start: int, seconds: int, now: float) -> float:
    return max(1.0, min(seconds, now - start))


def in_order(rows: Iterable[Row], sort: str) -> list[Row]:
    """Sorted, what is unknown last in both orders, equal rows by name."""
    key = SORTS[sort.removeprefix("-")]
    by_name = sorted(rows, key=lambda row: (row.name_text, row.queue_text, row.vhost, row.broker_id))
    known = [row for row in by_name if key(row) is not None]
    return sorted(known, key=key, reverse=sort.startswith("-")) + [row for row in by_name if key(row) is None]  # type: ignore[arg-type]


def seconds_text(seconds: float | None) -> str:
    """A runtime or a wait, with as many digits as its error allows.

    >>> [seconds_text(one) for one in (0.0, 0.0004, 0.0123, 0.456, 1.234, 45.67, 252, None)]
    ['0 s', '<1 ms', '12 ms', '456 ms', '1.23 s', '45.7 s', '4 min 12 s', '–']
    """
    if seconds is None or seconds >= 59.95:
        return formatting.duration(seconds)
    if seconds == 0:
        return "0 s"
    if seconds < 0.0005:
        return "<1 ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"


def percent_text(percent: float | None) -> str:
    """A share of failures: what is above 0 is never shown as 0.

    >>> percent_text(0.0), percent_text(0.04), percent_text(12.34), percent_text(100.0), percent_text(None)
    ('0 %', '<0.1 %', '12.3 %', '100 %', '–')
    """
    if percent is None:
        return formatting.UNKNOWN
    return f"{percent:.0f} %" if percent in (0, 100) else "<0.1 %" if percent < 0.1 else f"{min(percent, 99.9):.1f} %"
