"""How many of what takes long and much memory run at once in this process; the others wait for their turn, and not for ever. Pure."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Busy(Exception):
    """Nobody finished in time."""


class AtOnce:
    """Lets `most` at once begin. Each request has a thread of its own, so one that waits holds up no other."""

    def __init__(self, most: int, patience_seconds: float) -> None:
        self.patience_seconds = patience_seconds
        self._turns = threading.BoundedSemaphore(most)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Raises Busy if it is nobody's turn within `patience_seconds`.

        >>> one = AtOnce(1, 0)
        >>> with one.turn():
        ...     try:
        ...         with one.turn():
        ...             pass
        ...     except Busy:
        ...         print("busy")
        busy
        """
        if not self._turns.acquire(timeout=self.patience_seconds):
            raise Busy
        try:
            yield
        finally:
            self._turns.release()
