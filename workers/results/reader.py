"""Reads how tasks ended from the result backend of one virtual host: the body of a thread.

At most 20 tasks a second, in one request; a backend that does not answer is left alone for longer each time. What it found goes to `outcomes`.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Protocol

import structlog
from django.db import DatabaseError, connection

from workers.redaction import Redaction
from workers.results.addresses import FILE, REDIS, REDIS_TLS, ResultsAddress
from workers.results.databases import DatabaseResults
from workers.results.errors import ResultsError
from workers.results.files import FileResults
from workers.results.outcomes import Found, Outcome, Unreadable
from workers.results.reading import Lookups, pause_seconds
from workers.results.redis import RedisResults

log = structlog.get_logger(__name__)

ROUND_SECONDS = 1.0
WANTED_SECONDS = 5.0  # so often it is looked which tasks have no end
NOT_TRIED = "it has not been tried yet"


class Backend(Protocol):
    def read(self, uuids: Sequence[str]) -> dict[str, Found]:
        """What is there of each task. Raises ResultsError."""
        ...

    def close(self) -> None: ...


def backend_at(address: ResultsAddress, redaction: Redaction, ca_file: str | None = None) -> Backend:
    if address.kind in (REDIS, REDIS_TLS):
        return RedisResults(address, redaction, ca_file)
    return FileResults(address.url, redaction) if address.kind == FILE else DatabaseResults(address, redaction)


def taken(outcomes: SimpleQueue[tuple[Outcome, float]]) -> list[tuple[Outcome, float]]:
    """All that wait in the queue."""
    found = []
    with contextlib.suppress(Empty):
        while True:
            found.append(outcomes.get_nowait())
    return found


class ResultReader:
    """`problem`: why nothing is read now, a clause; "" while all is well. `unreadable`: the same of the last results that were not read."""

    def __init__(self, backend: Backend, wanted: Callable[[], Sequence[str]], place: str = "") -> None:
        """`wanted` returns the uuids of tasks without an end."""
        self._backend, self._wanted, self._place = backend, wanted, place
        self.outcomes: SimpleQueue[tuple[Outcome, float]] = SimpleQueue()  # each with when it was read, seconds since 1970
        self.problem, self.unreadable = NOT_TRIED, ""
        self._lookups = Lookups()
        self._failures = 0
        self._next_wanted = 0.0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self.run, name=f"results {place}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """From any thread."""
        self._stopped.set()

    def join(self, seconds: float) -> None:
        """Waits so long for its end."""
        if self._thread.is_alive():
            self._thread.join(seconds)

    def run(self) -> None:
        try:
            while not self._stopped.is_set():
                self._stopped.wait(self.turn())
        finally:
            self._backend.close()
            connection.close()

    def turn(self) -> float:
        """Reads what is due. After how many seconds the next turn is."""
        try:
            self._read()
        except ResultsError as error:
            return self._fail(str(error))
        except DatabaseError as error:
            log.error("tasks_without_end_not_read", place=self._place, reason=str(error))
            connection.close()
            return ROUND_SECONDS
        except Exception as error:
            log.exception("reading_results_failed", place=self._place)
            return self._fail(f"reading failed because of an error in Hareline ({type(error).__name__}); see the log")
        self._failures, self.problem = 0, ""
        return ROUND_SECONDS

    def _fail(self, problem: str) -> float:
        if problem != self.problem:
            log.warning("results_not_read", place=self._place, reason=problem)
        self.problem = problem
        self._failures += 1
        return pause_seconds(self._failures)

    def _read(self) -> None:
        now = time.monotonic()
        if now >= self._next_wanted:
            self._next_wanted = now + WANTED_SECONDS
            self._lookups.want(self._wanted(), now)
        uuids = self._lookups.due(now)
        if not uuids and not self.problem:
            return
        found = self._backend.read(uuids)  # of no task too, to see whether it answers
        self._lookups.note(uuids, now)
        for one in found.values():
            if isinstance(one, Outcome):
                self.outcomes.put((one, time.time()))
            elif isinstance(one, Unreadable):
                self.unreadable = one.reason
