"""Numbers, sizes, durations and moments as people read them.

Pure. Unknown (None) is a dash, never 0; a page with room for text shows "unknown, because …" instead. Times are UTC.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

UNKNOWN = "–"

_SIZES = (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3))


def number(value: float | None) -> str:
    """A count with its thousands separated; fractions are rounded.

    >>> number(12480), number(0), number(None)
    ('12,480', '0', '–')
    """
    return UNKNOWN if value is None else f"{round(value):,}"


def slow_rate(value: float) -> str:
    """A rate that means something also below a tenth: a measured growth.

    >>> slow_rate(0.054), slow_rate(0.099), slow_rate(12.4)
    ('0.05', '0.10', '12.4')
    """
    return f"{value:.2f}" if 0.005 <= abs(value) < 0.1 else rate(value)


def rate(value: float | None) -> str:
    """A rate with one decimal; what is there but too small to show is "<0.1".

    >>> rate(24), rate(0.04), rate(0), rate(1234.56), rate(None)
    ('24.0', '<0.1', '0.0', '1,234.6', '–')
    """
    if value is None:
        return UNKNOWN
    return "<0.1" if 0 < value < 0.1 else f"{value:,.1f}"


def data_size(size_bytes: float | None) -> str:
    """Bytes in three digits with a decimal unit, as RabbitMQ's limits are written.

    >>> data_size(1_213_000_000), data_size(41_800_000_000), data_size(912), data_size(None)
    ('1.21 GB', '41.8 GB', '912 B', '–')
    """
    if size_bytes is None:
        return UNKNOWN
    for unit, size in _SIZES:
        if size_bytes >= size:
            amount = size_bytes / size
            decimals = 2 if amount < 9.995 else 1 if amount < 99.95 else 0
            return f"{amount:,.{decimals}f} {unit}"
    return f"{round(size_bytes)} B"


def duration(length: timedelta | float | None) -> str:
    """A length of time (a timedelta, or seconds) in its two largest units; below a minute only one.

    >>> duration(252), duration(0.2), duration(timedelta(hours=11, minutes=3)), duration(None)
    ('4 min 12 s', '0.2 s', '11 h 3 min', '–')
    """
    if length is None:
        return UNKNOWN
    seconds = length.total_seconds() if isinstance(length, timedelta) else length
    if 0 < seconds < 0.95:
        return f"{max(seconds, 0.1):.1f} s"
    left = max(0, round(seconds))
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        if left >= size and len(parts) < 2:
            parts.append(f"{left // size} {unit}")
            left %= size
        elif parts:
            break
    return " ".join(parts) or "0 s"


def age(moment: datetime | None, now: datetime) -> str:
    """How long ago, without the word "ago"; a moment ahead of our clock counts as now.

    >>> from datetime import UTC
    >>> age(datetime(2026, 11, 24, 14, 27, 56, tzinfo=UTC), datetime(2026, 11, 24, 14, 32, 8, tzinfo=UTC))
    '4 min 12 s'
    """
    return UNKNOWN if moment is None else duration(max(timedelta(0), now - moment))


def clock(moment: datetime | None) -> str:
    """The time of day, "14:27:51"."""
    return UNKNOWN if moment is None else f"{moment:%H:%M:%S}"


def moment_text(moment: datetime | None, now: datetime) -> str:
    """The time of day, with the date where it is not today's.

    >>> from datetime import UTC
    >>> moment_text(datetime(2026, 11, 3, 14, 27, 51, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC))
    '3 Nov 14:27:51'
    """
    if moment is None:
        return UNKNOWN
    if moment.date() == now.date():
        return clock(moment)
    year = f" {moment.year}" if moment.year != now.year else ""
    return f"{moment.day} {moment:%b}{year} {clock(moment)}"


def date_and_clock(moment: datetime) -> str:
    """The frame's clock, "Tue 24 Nov, 14:32:08"."""
    return f"{moment:%a} {moment.day} {moment:%b}, {clock(moment)}"


def count(amount: int | None, one: str, many: str | None = None) -> str:
    """A count with its noun.

    >>> count(1, "queue"), count(16, "queue"), count(None, "queue")
    ('1 queue', '16 queues', '– queues')
    """
    return f"{number(amount)} {one if amount == 1 else many or one + 's'}"


def listed(names: Sequence[str], limit: int = 3, total: int = 0) -> str:
    """Names in a sentence, the rest counted. `total`: of how many these are the first, where not all are known.

    >>> listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c", "d"]), listed(["a", "b"], total=14)
    ('a', 'a and b', 'a, b, c and 1 more', 'a, b and 12 more')
    """
    shown = list(names[:limit])
    rest = max(total, len(names)) - len(shown)
    if rest > 0:
        return f"{', '.join(shown)} and {rest:,} more"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else ""


def shown(value: Any) -> str:
    """A value as text: whole numbers with thousands separators, strings unchanged, anything else as JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value:,}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
