"""Everything that can go wrong between Hareline and Celery's exchanges, in our own words. Messages never hold a password."""

from __future__ import annotations


class WatchError(Exception):
    """Why workers can't be heard or asked now. `str()` is a sentence fit for the page."""


class Unreachable(WatchError):
    """No AMQP connection, or one that broke."""


class Refused(WatchError):
    """The broker says no: the login, the virtual host, or a permission. `action` is what was refused, "" for the login."""

    def __init__(self, message: str, action: str = "") -> None:
        super().__init__(message)
        self.action = action


class NothingThere(WatchError):
    """The exchange that Celery makes does not exist (any more)."""
