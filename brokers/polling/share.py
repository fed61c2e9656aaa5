"""The share of this process in the work of its kind: which leases it is to take, and which to give up.

Looked at every second. A process that dies is left out once its heartbeat is silent for three intervals, at once on its own machine; one that joins
counts after it has lived for some seconds, so that one that dies at each start moves nothing.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import structlog

from brokers.clock import is_within
from brokers.models import Heartbeat, Lease
from brokers.polling import holders, leases
from brokers.polling.spread import spread

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
SILENT_AFTER = timedelta(seconds=15)  # three heartbeats
SETTLED_AFTER = timedelta(seconds=10)
UNTAKEN_SECONDS = 10.0
"""If nobody takes a piece for so long, its thread in the process whose share it is may be stuck: then anybody may take it."""
DECLINED_SECONDS = 600.0


class Share:
    """Of one process. `prefix` is that of the names of its kind's leases ("poll "). Thread-safe but for `look`, which one thread calls."""

    def __init__(self, kind: str, prefix: str, holder: str, settled_after: timedelta = SETTLED_AFTER) -> None:
        self._kind, self._prefix, self._holder, self._settled_after = kind, prefix, holder, settled_after
        self._lock = threading.Lock()
        self._offered: dict[str, dict[str, Callable[[], object]]] = defaultdict(dict)  # by broker: {piece: called when that is or is no longer permitted}
        self._mine: frozenset[str] = frozenset()
        self._leases: dict[str, str] = {}
        self._older: frozenset[str] = frozenset()
        self._free_since: dict[str, float] = {}  # by piece, by time.monotonic
        self._declined: dict[tuple[str, str], float] = {}  # (piece, process) that did not take it, until then

    def offer(self, broker: str, names: Iterable[str], wake: Callable[[], object]) -> None:
        """The pieces of work at this broker, in place of those before."""
        with self._lock:
            self._offered[broker] = dict.fromkeys(names, wake)

    def permits(self, name: str) -> bool:
        """True while the lease is this process's to take or to keep."""
        return name in self._mine

    def holder_of(self, name: str) -> str | None:
        """Who had the lease at the last look."""
        return self._leases.get(name)

    def is_older(self, name: str) -> bool:
        """True if a process of an older version, which knows nothing of shares, has the lease now. A query only while there is one."""
        return bool(self._older) and leases.holder_of(name, datetime.now(UTC)) in self._older

    def look(self, now: datetime) -> None:
        """Works out the share anew, and wakes the work whose permission changed. Two queries; may raise DatabaseError, and then all stays as it was."""
        rows, beats = leases.all_leases(self._prefix), leases.heartbeats(self._kind)
        with self._lock:
            brokers = {piece: broker for broker, pieces in self._offered.items() for piece in pieces}
            wakes = {piece: wake for pieces in self._offered.values() for piece, wake in pieces.items()}
        mine = frozenset(self._shares(brokers, rows, beats, now))
        changed, self._mine = mine ^ self._mine, mine
        self._older = frozenset(beat.holder for beat in beats if beat.brokers is None and lives(beat, now))
        self._leases = {row.name: row.holder for row in rows if row.expires_at > now}
        for name in sorted(changed):
            log.debug("share_changed", kind=self._kind, lease=name, mine=name in mine)
        for wake in {wakes[name] for name in changed if name in wakes}:
            wake()

    def _shares(self, brokers: dict[str, str], rows: list[Lease], beats: list[Heartbeat], now: datetime) -> list[str]:
        living = {beat.holder: frozenset(beat.brokers) for beat in beats if beat.brokers is not None and lives(beat, now)}
        settled = {beat.holder for beat in beats if beat.started_at is None or now - beat.started_at >= self._settled_after}
        held = {row.name: row.holder for row in rows if row.expires_at > now}
        processes = living.keys() & (settled | set(held.values())) or living.keys()
        late = {row.name: row.holder for row in rows if row.expires_at <= now}  # not renewed in time
        free = self._free(brokers.keys() - held.keys())

        def may(piece: str, process: str) -> bool:
            return brokers[piece] in living[process] and late.get(piece) != process and (piece, process) not in self._declined

        found = spread(brokers.keys(), held, processes, may)
        return [piece for piece in brokers if found.get(piece) == self._holder or (piece in free and self._take_over(piece, found.get(piece)))]

    def _free(self, untaken: Iterable[str]) -> set[str]:
        """The pieces that nobody has had for UNTAKEN_SECONDS."""
        moment = time.monotonic()
        self._declined = {which: until for which, until in self._declined.items() if until > moment}
        self._free_since = {piece: self._free_since.get(piece, moment) for piece in untaken}
        return {piece for piece, since in self._free_since.items() if moment - since > UNTAKEN_SECONDS}

    def _take_over(self, piece: str, process: str | None) -> bool:
        if process is not None:
            log.warning("share_not_taken", kind=self._kind, lease=piece, by=process)
            self._declined[(piece, process)] = time.monotonic() + DECLINED_SECONDS
        return True


def lives(beat: Heartbeat, now: datetime) -> bool:
    """False once it has stopped, was silent for SILENT_AFTER, or was a process of this machine that has ended."""
    return beat.ended_at is None and is_within(beat.at, now, SILENT_AFTER) and not holders.has_ended(beat.holder)
