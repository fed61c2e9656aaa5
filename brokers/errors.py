"""Everything that can go wrong between Hareline and a broker, in our own words. Messages never hold a password."""

from __future__ import annotations

from datetime import datetime


class BrokerError(Exception):
    """Any failure of talking to a broker. `str()` is a sentence fit for the page."""


class BrokerUnreachable(BrokerError):
    """No answer: refused connection, unknown host, time-out, broken TLS, a connection cut half-way."""


class BrokerRefused(BrokerError):
    """An answer that says no: 401, 403."""


class ObjectNotFound(BrokerError):
    """404: the object (or the virtual host) does not exist."""


class BrokerAnswerUnusable(BrokerError):
    """An answer that is not what the management API documents: 5xx, a redirect, not JSON, other fields."""


class InvalidAddress(ValueError):
    """HARELINE_BROKERS (or a relative of it) can't be understood; names the variable and what is allowed."""


class NotRecorded(LookupError):
    """Nothing was recorded of that at that moment: before the first poll, in an outage, or older than what is kept. `str()` is fit for the page."""

    def __init__(self, what: str, at: datetime) -> None:
        super().__init__(f"nothing is recorded of {what} at {at:%Y-%m-%d %H:%M:%S} UTC")
        self.what, self.at = what, at
