"""Everything that can go wrong between Hareline and Celery's exchanges, in our own words. Messages never hold a password."""

from __future__ import annotations


class WatchError(Exception):
    """Why events can't be received or workers can't be inspected now. `str()` is a sentence fit for the page."""


class Unreachable(WatchError):
    """No AMQP connection, or one that broke."""


class Refused(WatchError):
    """The broker refused the login, the virtual host, or an operation. `action`: "login", "vhost", "permission", or
    "address" where Hareline itself sends nothing to it."""

    def __init__(self, message: str, action: str = "") -> None:
        super().__init__(message)
        self.action = action


class NothingThere(WatchError):
    """The exchange that Celery makes does not exist (any more)."""


class Superseded(Exception):
    """Another watch has taken the virtual host over: what this one has not stored is no longer its to store."""


class AmbiguousTask(LookupError):
    """A uuid was seen in several places; `places` are (broker's name, virtual host)."""

    def __init__(self, uuid: str, places: list[tuple[str, str]]) -> None:
        shown = ", ".join(f"{broker} {vhost}" for broker, vhost in places)
        super().__init__(f"task {uuid} was seen in {len(places)} places ({shown}); name the broker and virtual host")
        self.uuid, self.places = uuid, places
