"""How long an exchange of type x-delayed-message holds a message: its header x-delay, in milliseconds. Pure."""

from __future__ import annotations

from brokers.routing.durations import lasting
from brokers.routing.values import INTEGERS, Table

HEADER = "x-delay"


def delay_text(headers: Table | None) -> str:
    """When the exchange routes a message, as the end of a sentence. `headers` None: the question gives none.

    >>> delay_text(None), delay_text({})
    ('after the delay in its header x-delay, which is unknown here', 'at once, as it has no header x-delay')
    """
    value = headers.get(HEADER) if headers is not None else None
    if headers is None or (value is not None and value.type not in INTEGERS | {"longstr"}):
        return "after the delay in its header x-delay, which is unknown here"
    if value is None:
        return "at once, as it has no header x-delay"
    if value.type == "longstr" and not value.value.lstrip("-").isdecimal():
        return "after the delay in its header x-delay, which is not a number"
    milliseconds = int(value.value)
    return f"after {lasting(milliseconds)} (header x-delay)" if milliseconds > 0 else "at once, as its header x-delay is not above 0"
