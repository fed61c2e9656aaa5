"""Which command of `celery inspect` is due when. Pure."""

from __future__ import annotations

OFTEN = ("active", "reserved", "scheduled", "stats")  # stats last: its Lamport clock shows which events came after the lists
SELDOM = ("active_queues", "registered", "conf", "revoked")
EVERY = (*OFTEN, *SELDOM)
OFTEN_SECONDS, SELDOM_SECONDS, PATIENT_SECONDS, REVOKED_SECONDS = 3.0, 30.0, 60.0, 10.0


class Schedule:
    """Which command is due when. A command whose answers are large is sent less often."""

    def __init__(self, often: float = OFTEN_SECONDS, seldom: float = SELDOM_SECONDS) -> None:
        self._every = {**dict.fromkeys(OFTEN, often), **dict.fromkeys(SELDOM, seldom), "revoked": min(seldom, REVOKED_SECONDS)}
        self._due = dict.fromkeys(self._every, 0.0)

    def due(self, now: float, slowness: float = 1.0) -> list[str]:
        """The commands to send now; each counts as sent. `slowness`: by how much they are rarer than usual."""
        found = [command for command, at in self._due.items() if now >= at]
        for command in found:
            self._due[command] = now + self._every[command] * slowness
        return found

    def slow_down(self, command: str) -> None:
        self._every[command] = max(self._every[command], PATIENT_SECONDS)
