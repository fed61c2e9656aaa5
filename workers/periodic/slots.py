"""Which runs of a periodic task were seen when it was due: on time, late, missed, doubled.

Pure. A schedule by the clock (crontab) has slots by itself; one by an interval counts from the last run, as Celery beat does, so its slots follow from the
runs. A moment before events were received is unknown, never missed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from workers.periodic.schedules import Crontab, Every, Schedule, period

Outcome = Literal["ran", "late", "missed", "doubled", "due", "unknown"]
EARLY = timedelta(seconds=2)
"""Clocks of beat, of the broker and ours differ; a run may seem to come before its moment."""
LEAST_LATE, MOST_LATE = timedelta(seconds=5), timedelta(minutes=1)
LEAST_GRACE = timedelta(seconds=10)
SAME_SLOT = 0.8
"""Of an interval: beat is never early by a fifth of it, so what comes sooner after a run is another one for the same moment."""
MOST_SLOTS = 3_000


class Run(msgspec.Struct, frozen=True):
    """A task of it: `at` is when it was sent, or where that is unknown received; `deliveries`: how often a worker took the same task."""

    uuid: str
    at: datetime
    state: str = ""
    deliveries: int = 1
    id: int = 0


class Slot(msgspec.Struct, frozen=True):
    """A moment when it was due. `late_seconds`: of the first run."""

    at: datetime
    outcome: Outcome
    runs: tuple[Run, ...] = ()
    late_seconds: float = 0.0

    @property
    def is_delivered_twice(self) -> bool:
        """One task that was delivered more than once is another thing than two tasks."""
        return any(run.deliveries > 1 for run in self.runs)


def slots(schedule: Schedule, runs: Iterable[Run], start: datetime, now: datetime, known_from: datetime) -> list[Slot]:
    """The slots from `start` to `now`, the newest 3,000 at most. `known_from`: since when events are received without a gap."""
    seen = sorted(runs, key=lambda run: run.at)
    if isinstance(schedule, Crontab):
        return _by_clock(schedule, seen, start, now, known_from)
    if isinstance(schedule, Every):
        return _by_interval(timedelta(seconds=schedule.seconds), seen, start, now, known_from)
    return [Slot(run.at, "ran", (run,)) for run in seen if run.at >= start][-MOST_SLOTS:]


def late_after(apart: timedelta) -> timedelta:
    """How much later than its moment a run counts as late: a tenth of the period, at least 5 s, at most a minute."""
    return min(max(apart / 10, LEAST_LATE), MOST_LATE)


def grace(apart: timedelta) -> timedelta:
    """How long after its moment a run that was not seen counts as missed."""
    return max(late_after(apart) * 2, LEAST_GRACE)


def next_due(schedule: Schedule, runs: Sequence[Run], now: datetime) -> datetime | None:
    """When it is due next; in the past for an interval whose run is overdue. None where that is unknown."""
    if isinstance(schedule, Crontab):
        for days in (1, 31, 400):
            if moments := schedule.moments(now, now + timedelta(days=days)):
                return moments[0]
        return None
    if isinstance(schedule, Every) and runs:
        return max(run.at for run in runs) + timedelta(seconds=schedule.seconds)
    return None


def _by_clock(schedule: Crontab, seen: list[Run], start: datetime, now: datetime, known_from: datetime) -> list[Slot]:
    moments = schedule.moments(start, now + EARLY)
    if not moments:
        return []
    apart = period(schedule, start) or timedelta(days=1)
    taken: list[list[Run]] = [[] for _ in moments]
    place = 0
    for run in seen:
        while place + 1 < len(moments) and moments[place + 1] <= run.at + EARLY:
            place += 1
        if moments[place] <= run.at + EARLY:
            taken[place].append(run)
    return [_slot(at, found, apart, now, known_from) for at, found in zip(moments, taken, strict=True)][-MOST_SLOTS:]


def _slot(at: datetime, found: list[Run], apart: timedelta, now: datetime, known_from: datetime) -> Slot:
    if not found:
        return Slot(at, "due" if now < at + grace(apart) else "unknown" if at < known_from else "missed")
    late = max((found[0].at - at).total_seconds(), 0.0)
    outcome: Outcome = "doubled" if len({run.uuid for run in found}) > 1 else "late" if late > late_after(apart).total_seconds() else "ran"
    return Slot(at, outcome, tuple(found), late)


def _by_interval(apart: timedelta, seen: list[Run], start: datetime, now: datetime, known_from: datetime) -> list[Slot]:
    """Runs sooner than an interval after the first of a slot belong to it; where more than one and a half pass, slots between were missed."""
    found: list[Slot] = []
    slot: list[Run] = []
    for run in seen:
        if slot and run.at - slot[0].at < apart * SAME_SLOT:
            slot.append(run)
            continue
        if slot:
            found += _closed(slot, run.at, apart, known_from)
        slot = [run]
    if slot:
        found += _closed(slot, None, apart, known_from)
        due = slot[0].at + apart
        while due + grace(apart) <= now and len(found) < 2 * MOST_SLOTS:
            found.append(Slot(due, "unknown" if due < known_from else "missed"))
            due += apart
        if due <= now:
            found.append(Slot(due, "due"))
    return [one for one in found if one.at >= start][-MOST_SLOTS:]


def _closed(slot: list[Run], following: datetime | None, apart: timedelta, known_from: datetime) -> list[Slot]:
    """The slot of these runs, and those missed until the next."""
    doubled = len({run.uuid for run in slot}) > 1
    found = [Slot(slot[0].at, "doubled" if doubled else "ran", tuple(slot))]
    if following is not None:
        missed = min(round((following - slot[0].at) / apart) - 1, MOST_SLOTS)
        if missed > 0 and following - slot[0].at > apart * 1.5 + EARLY:
            found += [Slot(at := slot[0].at + apart * (number + 1), "unknown" if at < known_from else "missed") for number in range(missed)]
    return found
