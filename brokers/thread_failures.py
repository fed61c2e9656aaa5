"""How often a thread that should run until stopped has ended because of an error in Hareline. Pure."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

REMEMBERED = timedelta(minutes=10)
TOO_MANY = 2


class ThreadFailures:
    """Of one thread, which is started again each time."""

    def __init__(self) -> None:
        self._found: deque[tuple[datetime, str]] = deque(maxlen=1000)

    def note(self, now: datetime, error: str) -> None:
        """It ended by this error: the name of its class, "" where it is not known."""
        self._found.append((now, error))

    def since(self, now: datetime) -> datetime | None:
        """When it first ended within the last ten minutes; None if it did so less than twice."""
        while self._found and now - self._found[0][0] > REMEMBERED:
            self._found.popleft()
        return self._found[0][0] if len(self._found) >= TOO_MANY else None

    def story(self, now: datetime) -> str:
        """What it does, as a clause that can follow "the thread of …"; "" if it ended less than twice within the last ten minutes."""
        since = self.since(now)
        if since is None:
            return ""
        error = self._found[-1][1]
        return (
            f"has ended by an error {len(self._found)} times since {since:%Y-%m-%d %H:%M:%S} UTC{f' ({error})' if error else ''} and is started again each time"
        )
