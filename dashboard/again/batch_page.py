"""The page of tasks that were run again together: how far that is, which new task runs which old one, and what became of each."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from functools import cached_property

import msgspec
from django.contrib.auth.models import AnonymousUser
from django.urls import reverse

from brokers import queries as broker_queries
from brokers.scope import Scope
from dashboard import queries, store
from dashboard.again import action as again
from dashboard.layout import formatting
from dashboard.models import RunAgain, RunAgainBatch, User
from dashboard.tasks.selection import of_uuids
from dashboard.tasks.states import state_of
from workers.models import Task

SHOWN = 50
FOLLOWED = timedelta(minutes=2)
LEVELS = {"confirmed": "ok", "returned": "warning", "not sent": "critical", "unknown": "unknown", RunAgain.LEFT_OUT: "notice"}
WORDS = {"confirmed": "sent", "returned": "unroutable", "unknown": "unknown whether it arrived"}


class ItemLine(msgspec.Struct, frozen=True):
    """A task that is run again. `state`: of the new task, "" where nothing is known of it yet."""

    item: RunAgain
    level: str
    text: str
    reason: str
    state: str
    old_url: str
    new_url: str


class BatchPage:
    """The questions of one request about one batch."""

    def __init__(self, scope: Scope, user: User | AnonymousUser, batch: RunAgainBatch, now: datetime) -> None:
        self.scope, self.user, self.batch, self.now = scope, user, batch, now

    @cached_property
    def items(self) -> list[RunAgain]:
        return queries.run_again_items(self.batch.pk)

    @cached_property
    def counts(self) -> Counter[str]:
        return Counter(item.state for item in self.items)

    @property
    def total(self) -> int:
        return len(self.items)

    @property
    def over(self) -> int:
        """How many wait no longer."""
        return self.total - self.counts[RunAgain.WAITING] - self.counts[RunAgain.SENDING]

    @property
    def is_running(self) -> bool:
        return self.batch.state == RunAgainBatch.RUNNING and not self.is_interrupted

    @property
    def is_interrupted(self) -> bool:
        """Whether the program that sent them has ended before it was done."""
        return self.batch.state == RunAgainBatch.RUNNING and self.now - self.batch.beat_at > store.RUN_AGAIN_STALLED

    @property
    def waiting(self) -> int:
        return self.counts[RunAgain.WAITING]

    @property
    def state_text(self) -> str:
        """How far it is, in a sentence."""
        done = f"{self.over:,} of {formatting.count(self.total, 'task')}"
        if self.batch.state == RunAgainBatch.DONE:
            return f"Done: {', '.join(f'{count:,} {WORDS.get(state, state)}' for state, count in self.counts.items())}."
        if self.is_interrupted:
            return f"Interrupted after {done}: the program that sent them has ended. Nothing is sent again by itself."
        if self.batch.state == RunAgainBatch.STOPPED:
            return f"Stopped after {done}. {self.batch.reason}".strip()
        return f"{done} sent or left out, {self.batch.per_second:g} a second."

    @property
    def level(self) -> str:
        if self.is_interrupted or self.batch.state == RunAgainBatch.STOPPED:
            return "warning"
        return "" if self.is_running else "ok" if set(self.counts) <= {"confirmed"} else "warning"

    @property
    def may_change(self) -> bool:
        """Whether this person may stop it, or go on with it."""
        return again.may(self.user, self.batch.broker, self.batch.vhost)

    @property
    def may_resume(self) -> bool:
        return self.may_change and bool(self.waiting) and (self.is_interrupted or self.batch.state == RunAgainBatch.STOPPED)

    @cached_property
    def _new_tasks(self) -> dict[str, Task]:
        broker = broker_queries.broker(self.scope, self.batch.broker)
        sent = [item.new_uuid for item in self.items if item.state in ("confirmed", "unknown")]
        return {task.uuid: task for task in of_uuids(self.scope, broker, self.batch.vhost, sent)} if broker else {}

    @property
    def became(self) -> list[tuple[str, int]]:
        """[(state of new tasks, how many)], as far as their events have arrived."""
        return list(Counter(state_of(task).word for task in self._new_tasks.values()).most_common())

    @property
    def lines(self) -> list[ItemLine]:
        """The first of them: those that were not sent before the others."""
        order = {"not sent": 0, "unknown": 1, "returned": 2, RunAgain.LEFT_OUT: 3}
        return [self._line(item) for item in sorted(self.items, key=lambda item: (order.get(item.state, 4), item.pk))[:SHOWN]]

    @property
    def left_out(self) -> int:
        return max(0, self.total - SHOWN)

    @property
    def goes_on(self) -> bool:
        """Whether more is to be seen: it is being sent, or new tasks have not ended a moment after it."""
        unended = any(not state_of(task).ended for task in self._new_tasks.values()) or len(self._new_tasks) < self.counts["confirmed"]
        return self.is_running or (unended and self.now - self.batch.beat_at < FOLLOWED)

    def _line(self, item: RunAgain) -> ItemLine:
        new = self._new_tasks.get(item.new_uuid)
        interrupted = item.state == RunAgain.SENDING and not self.is_running
        text = "unknown whether it arrived" if interrupted else WORDS.get(item.state, item.state)
        old_url = reverse("task", args=[item.old_task]) if item.old_task else ""
        new_url = reverse("task", args=[new.pk]) if new else ""
        level = "unknown" if interrupted else LEVELS.get(item.state, "")
        return ItemLine(item, level, text, item.reason, state_of(new).word if new else "", old_url, new_url)
