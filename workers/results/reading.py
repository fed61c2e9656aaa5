"""Which tasks are looked up in a result backend when. Pure.

A task without an end is looked up soon, and then ever more rarely, for as long as results are kept by default: its result may come late.
"""

from __future__ import annotations

from collections.abc import Iterable

AFTER_SECONDS = (0.0, 10.0, 60.0, 600.0, 3600.0)
"""Until the next look, by how many there were; the last is repeated."""
READS_PER_SECOND = 20
MOST_KNOWN = 10_000
PAUSES_SECONDS = (5.0, 10.0, 20.0, 40.0, 60.0)
"""After so many failures in a row."""


class Lookups:
    def __init__(self, most: int = MOST_KNOWN) -> None:
        self._most = most
        self._known: dict[str, tuple[int, float]] = {}  # looks so far, when the next is due

    def want(self, uuids: Iterable[str], now: float) -> None:
        """The tasks that have no end now; all others are forgotten."""
        wanted = dict.fromkeys(uuids)
        self._known = {uuid: self._known.get(uuid, (0, now)) for _, uuid in zip(range(self._most), wanted, strict=False)}

    def due(self, now: float, most: int = READS_PER_SECOND) -> list[str]:
        """Those to be read now, the longest due first."""
        waiting = sorted((at, uuid) for uuid, (_, at) in self._known.items() if at <= now)
        return [uuid for _, uuid in waiting[:most]]

    def note(self, uuids: Iterable[str], now: float) -> None:
        """They were read."""
        for uuid in uuids:
            if uuid in self._known:
                looks = self._known[uuid][0] + 1
                self._known[uuid] = looks, now + AFTER_SECONDS[min(looks, len(AFTER_SECONDS) - 1)]


def pause_seconds(failures: int) -> float:
    """Until the next try after so many failures in a row, at least one.

    >>> pause_seconds(1), pause_seconds(99)
    (5.0, 60.0)
    """
    return PAUSES_SECONDS[min(failures, len(PAUSES_SECONDS)) - 1]
