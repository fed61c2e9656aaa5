"""Waiting for something that another thread or process does, without guessing how long it takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")
SLOWEST = 4
"""How much slower a machine may be than one where `seconds` is enough, other tests beside it. A test that passes waits no longer for it."""
SHORTEST, LONGEST = 0.02, 0.2
"""Seconds between two looks. A look at a page or a broker takes processor time from what the test waits for: the longer it waits, and the slower its condition
is, the fewer there are."""


def wait_until(condition: Callable[[], Answer], seconds: float = 10) -> Answer:
    """The first true answer of `condition`. Raises AssertionError with its last answer once SLOWEST times `seconds` are over."""
    began = time.monotonic()
    while True:
        looked = time.monotonic()
        answer = condition()
        if answer:
            return answer
        now = time.monotonic()
        if now > began + SLOWEST * seconds:
            raise AssertionError(f"waited {SLOWEST * seconds:g} seconds without success; the last answer was {answer!r}")
        time.sleep(min(max(SHORTEST, now - looked, (now - began) / 20), LONGEST))
