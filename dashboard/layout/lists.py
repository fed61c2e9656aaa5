"""What the lists of queues, exchanges, workers and tasks have in common: their lengths, and what to say where a filter leaves nothing."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from dashboard.layout.filter_language import Term

PAGE_SIZE = 100
SPARK_POINTS = 48
LAST_HOUR = timedelta(hours=1)


class RestrictiveTerm(msgspec.Struct, frozen=True):
    """The most restrictive term of a filter without matches; `count` objects match without it."""

    term: Term
    count: int
    address: str
