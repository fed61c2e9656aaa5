"""How far a node's clock is from ours, by the header Date of its answers (RFC 9110, section 6.6.1). Pure.

RabbitMQ's management API has no field with a node's own time. Its web server writes Date from the node's clock, to the second, and renews it once a second,
so it is up to two seconds old. A proxy in front of a node may set a Date of its own, as nginx does: then this is the proxy's clock.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime

OLDEST_SECONDS = 2.0


def ahead_seconds(date: str | None, sent_at: float, received_at: float) -> float | None:
    """By how much the clock is ahead at least, negative where it is behind, zero where it may agree; None if that is not known. `sent_at`, `received_at`:
    our time, in seconds since 1970, of the request and of the answer's headers.

    >>> ahead_seconds("Tue, 24 Nov 2026 12:05:00 GMT", 1795521600.0, 1795521600.5)
    299.5
    >>> ahead_seconds("Tue, 24 Nov 2026 12:00:00 GMT", 1795521600.1, 1795521600.2)
    0.0
    """
    try:
        stamped = parsedate_to_datetime(date or "").timestamp()
    except (ValueError, OverflowError):
        return None
    least, most = stamped - received_at, stamped + OLDEST_SECONDS - sent_at
    return round(max(least, min(most, 0.0)), 1)
