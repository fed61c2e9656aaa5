"""Work of the web process that nobody waits for, in a thread of its own, after something was stored."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog
from django.db import connection

log = structlog.get_logger(__name__)


class Background:
    """Works after `notice`; before `start` that does nothing. What took long is followed by a rest of `share` times its length, so that it never takes more
    than that share of a core. `after_seconds`: so long after the notice, that what browsers wait for comes first."""

    def __init__(self, name: str, work: Callable[[], object], share: int, after_seconds: float = 0.0, rest_seconds: float = 1.0) -> None:
        self._name, self._work, self._share = name, work, share
        self._after_seconds, self._rest_seconds = after_seconds, rest_seconds
        self._noticed, self._started = threading.Event(), False

    def start(self) -> None:
        self._started = True
        threading.Thread(target=self._run, name=self._name, daemon=True).start()

    def notice(self) -> None:
        """Something may have been stored. Returns at once."""
        if self._started:
            self._noticed.set()

    def _run(self) -> None:
        while True:
            self._noticed.wait()
            time.sleep(self._after_seconds)
            self._noticed.clear()
            busy = time.thread_time()
            try:
                self._work()
            except Exception:
                log.exception("what is made ahead could not be made; the first question makes it", what=self._name)
            finally:
                connection.close()
            time.sleep(self._rest_seconds + self._share * (time.thread_time() - busy))
