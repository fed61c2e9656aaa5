"""Lengths of time as people type them: "2s", "250ms", "1.5m". Pure."""

from __future__ import annotations

import re

_SPAN = re.compile(r"(\d{1,12}(?:\.\d{1,9})?|\.\d{1,9})\s*(ms|s|sec|m|min|h|d)?")
_SPAN_SECONDS = {"ms": 0.001, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, None: 1}


def seconds_of(text: str) -> float | None:
    """The seconds of a time as people write it, without a unit in seconds; None if it is none.

    >>> seconds_of("1.5m"), seconds_of("250ms"), seconds_of("2"), seconds_of("soon"), seconds_of("-1s")
    (90.0, 0.25, 2.0, None, None)
    """
    found = _SPAN.fullmatch(text.strip().lower())
    return None if found is None else round(float(found[1]) * _SPAN_SECONDS[found[2]], 6)
