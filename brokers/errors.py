"""The errors between Hareline and a broker. Messages never contain a password."""

from __future__ import annotations

from datetime import datetime


class BrokerError(Exception):
    """Any failure of communication with a broker. `str()` is a sentence for the page."""


class BrokerUnreachable(BrokerError):
    """No response: connection refused, unknown host, timeout, TLS failure, connection closed early."""


class BrokerRefused(BrokerError):
    """Access denied: status 401 or 403."""


class ObjectNotFound(BrokerError):
    """Status 404: the object (or the virtual host) does not exist."""


class BrokerAnswerUnusable(BrokerError):
    """A response that is not what the management API documents: 5xx, a redirect, invalid JSON, other fields."""


class InvalidAddress(ValueError):
    """HARELINE_BROKERS (or a related variable) is invalid; names the variable and what is allowed."""


class NotRecorded(LookupError):
    """Nothing is recorded for that moment: before the first poll, during an outage, or past retention. `str()` is for the page."""

    def __init__(self, what: str, at: datetime) -> None:
        super().__init__(f"nothing is recorded of {what} at {at:%Y-%m-%d %H:%M:%S} UTC")
        self.what, self.at = what, at
