"""Lines that strangers can cause: each on one line, and only so many a minute. Pure.

Django logs a bad Host header with a traceback, every refused form and every missing page; whoever sends many of them could rotate everything else out of
the log.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

LINES_A_MINUTE = 20
LONGEST_MESSAGE = 300
MINUTE_SECONDS = 60.0
OF_STRANGERS = ("django.security", "daphne.http_protocol", "daphne.ws_protocol")
"""Loggers of requests that can't be served, at whatever level they log them."""
OF_REQUESTS = "django.request"
"""An error there is ours, and keeps its traceback; warnings are about requests."""


class Paced(logging.Filter):
    """Lets LINES_A_MINUTE of each such logger through; the first line of the next minute says how many were left out. All other records pass as they are.

    `clock` is in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._minutes: dict[str, tuple[float, int]] = {}  # by logger: when its minute began, how many records came in it
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        kind = _kind(record)
        if not kind:
            return True
        with self._lock:
            now, left_out = self._clock(), 0
            began, count = self._minutes.get(kind, (now, 0))
            if now - began >= MINUTE_SECONDS:
                left_out, began, count = max(0, count - LINES_A_MINUTE), now, 0
            self._minutes[kind] = (began, count + 1)
        if count >= LINES_A_MINUTE:
            return False
        record.exc_info = record.exc_text = None
        record.msg, record.args = _one_line(record.getMessage(), left_out), ()
        return True


def _kind(record: logging.LogRecord) -> str:
    if record.name == OF_REQUESTS:
        return OF_REQUESTS if record.levelno < logging.ERROR else ""
    return next((prefix for prefix in OF_STRANGERS if record.name.startswith(prefix)), "")


def _one_line(message: str, left_out: int) -> str:
    lines = message.strip().splitlines() or [""]
    text = lines[0] if not lines[0].startswith("Traceback") else lines[-1]
    text = text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]}…"
    return f"{text} ({left_out} more were left out in the minute before)" if left_out else text
