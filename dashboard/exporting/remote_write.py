"""Writes the recorded figures to a long-term store, in the order of time, from the stored snapshots: while the store is away nothing is lost that is still
kept. What waits in memory is one window of one kind of one broker's objects; up to which moment each was written is in the database.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby

import msgspec
import structlog
from django.conf import settings

from brokers import queries
from brokers.models import Broker
from brokers.queries.exported import exported_names, next_recorded, recorded_moments
from brokers.queries.one_moment import one_moment
from brokers.scope import EVERYTHING
from brokers.snapshots import UnreadableSnapshot
from dashboard import store
from dashboard.exporting.celery_tables import task_samples
from dashboard.exporting.names import LABELS, Figure
from dashboard.exporting.protocol import Series, encoded
from dashboard.exporting.recorded import KINDS, Window, window
from dashboard.exporting.sending import Answer
from dashboard.exporting.target import RemoteTarget
from dashboard.models import RemoteWrite
from workers.queries.exported import worker_names

log = structlog.get_logger(__name__)
MOST_SAMPLES, AT_ONCE = 200_000, 5_000
"""In memory, and in a request."""
WINDOW_SECONDS = 300.0
MOST_WINDOWS = 100
"""In a round: what is left of a backlog comes with the next one."""
LONGEST_PAUSE_SECONDS = 60.0
_MOST_NAMES = 200_000


class _Waiting(msgspec.Struct):
    """What is left of a window to be sent."""

    position: str
    until: datetime | None
    behind_since: datetime | None
    batches: deque[Sequence[Series]]
    samples: int = 0
    dropped: int = 0
    refusal: str = ""
    may_be_taken: bool = False
    """Perhaps the store has some of it already, from a request without an answer, or from the process before."""


class Writer:
    """`send` makes a request, `works` returns whether this process may work now. The database is used only by the thread that calls `round`."""

    def __init__(
        self, target: RemoteTarget, send: Callable[[bytes], Answer], works: Callable[[], bool] = lambda: True, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._target, self._send, self._works, self._monotonic = target, send, works, monotonic
        self._waiting: _Waiting | None = None
        self._names: dict[tuple[int, str], dict[int, tuple[str, str]]] = {}
        self._begun = set[str]()
        self._tasks_at: datetime | None = None
        self._failures, self._not_before = 0, float("-inf")

    def round(self, now: datetime) -> None:
        """Writes all that is due, or until the store fails. Raises DatabaseError; then the next round goes on from what is noted."""
        if self._monotonic() < self._not_before:
            return
        row = store.remote_write_to(self._target.key, self._target.address)
        brokers = [broker for broker in queries.brokers(EVERYTHING) if not broker.same_as]
        if self._waiting is not None and not self._flushed(row, now):
            return
        left = MOST_WINDOWS
        for broker in brokers:
            for kind in KINDS:
                while left and self._next(row, broker, kind, now):
                    left -= 1
                    if self._waiting is not None and not self._flushed(row, now):
                        return
        self._write_tasks(row, brokers, now)

    def forget(self) -> None:
        """What waits is for whoever works next, by what is noted."""
        self._waiting = None
        self._begun.clear()

    def _next(self, row: RemoteWrite, broker: Broker, kind: str, now: datetime) -> bool:
        """Whether something was due, which then waits. A broker's history begins when it is first seen here: older moments may be refused."""
        position = f"{broker.pk} {kind}"
        if position not in row.positions:
            store.begin_remote_write(row, position, now)
            self._begun.add(position)
        after = datetime.fromisoformat(row.positions[position])
        if not self._works() or now - after < timedelta(seconds=self._target.every_seconds):
            return False
        first = next_recorded(broker.pk, kind, after)
        if first is None:
            return False
        length = timedelta(seconds=max(WINDOW_SECONDS, 2 * self._target.every_seconds))
        end = max(after + length, first)
        try:
            with one_moment():  # polls that are packed meanwhile would be missing
                found = window(kind, recorded_moments(broker.pk, kind, after, end), after, self._target.every_seconds, settings.METRICS_SERIES, MOST_SAMPLES)
        except UnreadableSnapshot as error:  # left out, since it would stop all that follow for ever
            log.error("remote_write_left_out", broker=broker.name, kind=kind, reason=str(error))
            store.begin_remote_write(row, position, next_recorded(broker.pk, kind, after, keyframes=True) or end)
            return True
        if found.until is None:
            return False
        self._waiting = _Waiting(position, found.until, first, deque(_batches(self._series(broker, kind, found))), may_be_taken=position not in self._begun)
        self._begun.add(position)
        return True

    def _flushed(self, row: RemoteWrite, now: datetime) -> bool:
        """Sends what waits; False if the store can't take it now."""
        waiting = self._waiting
        assert waiting is not None  # noqa: S101
        while waiting.batches:
            if not self._works():
                return False
            batch = waiting.batches.popleft()
            answer = self._send(encoded(batch))
            waiting.may_be_taken |= answer.may_be_taken
            if answer.failed:
                waiting.batches.appendleft(batch)
                self._failed(row, answer, waiting.behind_since, now)
                return False
            if answer.taken:
                waiting.samples += _count(batch)
            elif len(moments := _by_moment(batch)) > 1:  # perhaps some of it is taken
                waiting.batches.extendleft(reversed(moments))
            elif waiting.may_be_taken and answer.has_later:
                waiting.samples += _count(batch)
            else:
                waiting.dropped, waiting.refusal = waiting.dropped + _count(batch), answer.refused
        store.note_written(row, waiting.position, waiting.until, waiting.samples, waiting.dropped, waiting.refusal, now)
        self._waiting, self._failures = None, 0
        return True

    def _failed(self, row: RemoteWrite, answer: Answer, behind_since: datetime | None, now: datetime) -> None:
        """Pauses of a second, two, four …; each a little different, so that many Harelines do not come at once."""
        self._failures += 1
        pause = min(2.0 ** (self._failures - 1), LONGEST_PAUSE_SECONDS) * random.uniform(0.8, 1.2)  # noqa: S311
        self._not_before = self._monotonic() + max(pause, answer.wait_seconds)
        store.note_not_written(row, answer.failed, behind_since, now)

    def _write_tasks(self, row: RemoteWrite, brokers: Sequence[Broker], now: datetime) -> None:
        """The counters of tasks as they are now: they have no history, and lose nothing but moments while the store is away."""
        if self._tasks_at is not None and timedelta(0) <= now - self._tasks_at < timedelta(seconds=self._target.every_seconds):
            return
        series = task_samples(brokers, now)
        self._tasks_at = now
        if series:
            self._waiting = _Waiting("tasks", None, None, deque(_batches(series)))
            if not self._flushed(row, now):
                self._waiting = None

    def _series(self, broker: Broker, kind: str, found: Window) -> Iterable[Series]:
        names = self._named(broker, kind, {key for _, key in found.samples})
        for (figure, key), samples in found.samples.items():
            if key in names:  # else it was deleted past its retention
                yield _labels(figure, kind, broker.name, *names[key]), samples

    def _named(self, broker: Broker, kind: str, keys: set[int]) -> dict[int, tuple[str, str]]:
        if kind == "broker":
            return {broker.pk: (broker.name, "")}
        known = self._names.setdefault((broker.pk, kind), {})
        if len(known) > _MOST_NAMES:
            known.clear()
        missing = keys - known.keys()
        if missing:
            known.update(worker_names(missing) if kind == "workers" else exported_names(kind, missing))
        return known


def _labels(figure: Figure, kind: str, broker: str, name: str, vhost: str) -> list[tuple[str, str]]:
    """In the order of their names, which `LABELS` has; the default exchange as a scrape names it."""
    values = {"broker": broker, "vhost": vhost, "exchange": name or "amq.default"}
    pairs = [("__name__", figure.name), *((label, values.get(label, name)) for label in LABELS[kind])]
    return [(label, value) for label, value in pairs if value]


def _batches(series: Iterable[Series]) -> Iterable[list[Series]]:
    """Each series with all its samples in one request."""
    batch: list[Series] = []
    count = 0
    for one in series:
        batch.append(one)
        count += len(one[1])
        if count >= AT_ONCE:
            yield batch
            batch, count = [], 0
    if batch:
        yield batch


def _by_moment(batch: Sequence[Series]) -> list[Sequence[Series]]:
    """A batch for each moment, in the order of time."""
    each = sorted(((sample[0], place) for place, (_, samples) in enumerate(batch) for sample in samples))
    values = [dict(samples) for _, samples in batch]
    return [[(batch[place][0], [(at, values[place][at])]) for _, place in found] for at, found in groupby(each, key=lambda pair: pair[0])]


def _count(batch: Iterable[Series]) -> int:
    return sum(len(samples) for _, samples in batch)
