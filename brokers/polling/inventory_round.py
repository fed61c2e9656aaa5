"""One round of reading the inventory of a broker: which request may still be made, what it costs, and lists that are read page by page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec

from brokers.management.management_api import ManagementApi
from brokers.management.parse import Page
from brokers.parts import LONGEST_REST, Parts, Unread
from brokers.polling.budget import SHARE
from brokers.polling.poll_memory import InventoryMemory, LastRead, PollMemory

Answer = TypeVar("Answer")
Row = TypeVar("Row")

PATIENCE = timedelta(seconds=20)
"""How long a list may wait for the budget, and what is stored of it be old, before pages say so."""


class Progress(msgspec.Struct):
    """How far a list was read. `of`: what it is a list of, where that may change meanwhile. `sign`: that of change when it was begun."""

    of: object
    sign: object = None
    rows: list[Any] = []
    next_page: int = 1
    seconds: float = 0.0


class Round:
    """The requests of one round, their parts and their cost. `kept` is the inventory's own memory."""

    def __init__(self, api: ManagementApi, memory: PollMemory, now: datetime) -> None:
        self.api, self.memory, self.now = api, memory, now
        self.kept: InventoryMemory = memory.inventory
        self.parts = Parts(self.kept.failures, now, read_at=self.kept.read_at)
        self.busy_seconds = 0.0

    def may_read(self, last: LastRead | None = None) -> bool:
        """True if the budget allows another request. With `last`: what was never read since this process began is read in any case."""
        is_new = last is not None and last.at is None and self.kept.is_first
        return is_new or self.kept.budget.allows(self.now)

    def fetch(self, part: str, request: Callable[[], Answer]) -> Answer | None:
        """As `Parts.fetch`; what it costs the broker is taken from the budget."""
        return self.paid(lambda: self.parts.fetch(part, request), part)

    def paid(self, requests: Callable[[], Answer], part: str | None = None) -> Answer:
        """What `requests` return, their time taken from the budget. A `part` that failed costs at most what is paid for when it may be tried again: during a
        hang the broker need not have worked, and the other lists must not wait for it."""
        began = self.api.busy_seconds
        try:
            return requests()
        finally:
            seconds = self.api.busy_seconds - began
            self.busy_seconds += seconds
            failed = part is not None and self.parts.is_failing(part)
            self.kept.budget.spend(self.now, min(seconds, LONGEST_REST.total_seconds() * SHARE) if failed else seconds)

    def fetch_pages(
        self, part: str, page: Callable[[int], Page[Row]], last: LastRead | None = None, of: object = None, sign: object = None
    ) -> list[Row] | None:
        """The whole list, read page by page; None if it cannot be read, or the budget allows no further page now: a later round goes on."""
        progress = self.kept.progress.get(part)
        if progress is None or progress.of != of:
            progress = self.kept.progress[part] = Progress(of, sign)
        while self.may_read(last):
            found = self.fetch(part, lambda: page(progress.next_page))
            if found is None:
                del self.kept.progress[part]
                return None
            progress.rows += found.rows
            progress.next_page += 1
            if found.is_last:
                del self.kept.progress[part]
                return progress.rows
        return None

    def is_partly_read(self, part: str) -> bool:
        return part in self.kept.progress

    def begun_with(self, part: str, sign: object) -> object:
        """The sign of change when the reading of a list began that goes on; else the one now. What changed since may be missing from its first pages."""
        progress = self.kept.progress.get(part)
        return sign if progress is None else progress.sign

    def note_waiting(self, part: str, last: LastRead, waits: bool) -> None:
        """Notes whether what is stored of a part is, or may be, older than a change, since the budget has not allowed to read it. `last`: when it was."""
        if waits and last.at is not None:  # what was never read waits for nothing
            self.kept.waiting.setdefault(part, (self.now, last))
        else:
            self.kept.waiting.pop(part, None)

    @property
    def unread(self) -> dict[str, Unread]:
        """The parts of which only what an earlier round read is known: they cannot be read, or have waited for long."""
        found = {
            part: Unread(last.at or since, f"reading them took the broker {last.seconds:.1f} s, and Hareline takes at most {SHARE:.0%} of its time")
            for part, (since, last) in self.kept.waiting.items()
            if self.now - since >= PATIENCE
        }
        return found | self.parts.unread
