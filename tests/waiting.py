"""Waiting for something that another thread or process does, without guessing how long it takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")
SLOWEST = 4
"""How much slower a machine may be than one where `seconds` is enough, other tests beside it. A test that passes waits no longer for it."""


def wait_until(condition: Callable[[], Answer], seconds: float = 10) -> Answer:
    """The first true answer of `condition`. Raises AssertionError with its last answer once SLOWEST times `seconds` are over."""
    deadline = time.monotonic() + SLOWEST * seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {SLOWEST * seconds:g} seconds without success; the last answer was {answer!r}")
        time.sleep(0.02)
