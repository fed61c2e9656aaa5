"""Which queues a worker node consumed at a moment, from its answers to "active_queues". Pure.

A list holds from one answer to the next that shows the same; between two answers that differ it may have been either.
"""

from __future__ import annotations

import msgspec

MOST_LISTS = 8


class Listed(msgspec.Struct):
    """The queues that answers from `first` to `last` listed, seconds since 1970."""

    queues: frozenset[str]
    first: float
    last: float


class ConsumedQueues:
    """The lists of one worker node, the last few of them."""

    def __init__(self) -> None:
        self._lists: list[Listed] = []
        self._began_at = 0.0

    def note_start(self, began_at: float) -> None:
        """Its present process began: what it consumed before no longer counts."""
        self._began_at = max(self._began_at, began_at)

    def note(self, queues: frozenset[str], at: float) -> float | None:
        """Since when its tasks must be looked at again, since the list is another than was thought; None if it is not."""
        last = self._lists[-1] if self._lists else None
        if last is not None and at < last.last:
            return None
        if last is not None and last.queues == queues:
            unknown_since = self._began_at if last.last < self._began_at else None
            last.last = at
            return unknown_since
        since = 0.0 if last is None else last.last
        self._lists = [*self._lists[1 - MOST_LISTS :], Listed(queues, at, at)]
        return since

    def at(self, moment: float) -> frozenset[str] | None:
        """The queues that it may have consumed then; None: not known. What was listed first holds for the time before, and what was listed last until
        another list comes."""
        if not self._lists or (self._lists[-1].last < self._began_at <= moment):
            return None
        number = next((number for number, one in enumerate(self._lists) if moment <= one.last), len(self._lists) - 1)
        found = self._lists[number]
        return found.queues | self._lists[number - 1].queues if number and moment < found.first else found.queues
