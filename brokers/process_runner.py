"""What the long-running processes (poller, receiver, maintenance) share: their end by signal, and a supervised thread for each broker."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog
from django.db import DatabaseError, connection

from brokers import database_damage
from brokers.addresses import BrokerAddress
from brokers.database_file import OpenedFile
from brokers.polling.presence import HEARTBEAT_SECONDS, Presence
from brokers.polling.share import LOOK_SECONDS, Share
from brokers.thread_failures import ThreadFailures

log = structlog.get_logger(__name__)

END_SECONDS = 1.5
STUCK_SECONDS = 120.0  # longer than any round: each wait of one ends by itself


class Work(Hashable, Protocol):
    """Work for one broker, run in a thread of its own. `run` returns once any thread has called `stop`."""

    address: BrokerAddress
    due_at: float  # when its next round is due, by time.monotonic

    @property
    def standing_by(self) -> bool: ...

    def run(self) -> None: ...

    def stop(self) -> None: ...


def set_on_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set. Only for the main thread of a process."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    return ended


class _Kept:
    """A piece of work and the thread that does it now."""

    def __init__(self, work: Work, kind: str) -> None:
        self.work, self._kind = work, kind
        self._failures = ThreadFailures()
        self._error = ""
        self.thread = self._started()

    def keep(self) -> None:
        """Starts it again if it has ended."""
        if self.thread.is_alive():
            return
        self._failures.note(datetime.now(UTC), self._error)
        log.error("thread_died", kind=self._kind, broker=self.work.address.name, error=self._error)
        self.thread = self._started()

    @property
    def problem(self) -> str:
        """Without the broker's name: strangers may read it."""
        stuck_seconds = time.monotonic() - self.work.due_at
        if self.thread.is_alive() and stuck_seconds > STUCK_SECONDS:
            return f"the thread of a broker has been stuck for {stuck_seconds:.0f} s"
        story = self._failures.story(datetime.now(UTC))
        return f"the thread of a broker {story}; the log has the error" if story else ""

    def _started(self) -> threading.Thread:
        thread = threading.Thread(target=self._run, name=f"{self._kind} {self.work.address.name}", daemon=True)
        thread.start()
        return thread

    def _run(self) -> None:
        self._error = ""
        try:
            self.work.run()
        except Exception as error:
            self._error = type(error).__name__
            log.exception("thread_failed", kind=self._kind, broker=self.work.address.name)


def run_until_stopped(
    work: Sequence[Work],
    kind: str,
    holder: str,
    stop: threading.Event,
    every_seconds: float = HEARTBEAT_SECONDS,
    share: Share | None = None,
    measured: Callable[[], Mapping[str, Any]] = dict,
) -> None:
    """Runs each piece of work in a thread of its own, records the heartbeat of the process (`kind`: poller, receiver), and its end.

    Returns within END_SECONDS of `stop`, or when the database file has been replaced. A thread that died is restarted; one that keeps dying is
    reported in the heartbeat. `share`: which work it may do, where there are several processes of the kind; looked at before the work begins.
    `measured`: what else each heartbeat reports.
    """
    presence, opened = Presence(kind, holder, sorted({each.address.name for each in work})), OpenedFile()
    kept: list[_Kept] = []
    beats_at = 0.0
    while not stop.is_set() and not opened.is_gone():
        for each in kept:
            each.keep()
        if time.monotonic() >= beats_at:
            beats_at = time.monotonic() + every_seconds
            problems = [*(each.problem for each in kept), database_damage.sentence()]
            presence.beat(bool(work) and all(each.standing_by for each in work), "; ".join(filter(None, problems)), measured())
        _look(share)
        kept = kept or [_Kept(each, kind) for each in work]
        stop.wait(min(every_seconds, LOOK_SECONDS) if share else every_seconds)
    for one in work:
        one.stop()
    deadline = time.monotonic() + END_SECONDS
    for each in kept:
        each.thread.join(max(deadline - time.monotonic(), 0))
    presence.leave()


def _look(share: Share | None) -> None:
    """One that fails is lost: what was permitted stays so, and each piece of work holds its own lease."""
    try:
        if share is not None:
            share.look(datetime.now(UTC))
    except DatabaseError as error:
        log.warning("share_not_read", reason=str(error))
        connection.close()
