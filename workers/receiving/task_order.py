"""The order of a task's moments, and the state that follows from it.

Pure. Moments of one worker are in the order of that worker's own clocks: its Lamport clock, then its timestamps. Time corrected for a
worker's skew only compares different workers, whose clocks nothing else relates; a backlog changes neither.

What ended a task is final: a later receipt or start is a second delivery of the same message, and only its end counts again. A rejected
message may come back to a queue, so a rejection is final only until the task is received again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

import msgspec

EVENTS = ("task-sent", "task-received", "task-started", "task-retried", "task-rejected", "task-revoked", "task-failed", "task-succeeded")
STATES = ("PENDING", "RECEIVED", "STARTED", "RETRY", "REJECTED", "REVOKED", "FAILURE", "SUCCESS")
"""Celery's names. An event's place in EVENTS is its rank: of two moments that no clock distinguishes the one of higher rank is the later."""
UNKNOWN = "UNKNOWN"
ENDED = frozenset(("REJECTED", "REVOKED", "FAILURE", "SUCCESS"))
CANCELLED = "task-cancelled"
RANKS = {**{event: rank for rank, event in enumerate(EVENTS)}, CANCELLED: EVENTS.index("task-retried")}
"""Celery 5.7 cancels a running task when its worker loses its connection or is shut down, and gives it the state RETRY."""
SENT, RECEIVED, STARTED, RETRIED, REJECTED, REVOKED, FAILED, SUCCEEDED = range(len(EVENTS))
UNCERTAIN_SECONDS = 5.0
"""Moments of different workers that are closer than this are ordered by the number of their try, since skew is not known well enough."""
RESTART_SECONDS = 1.0  # a worker can't end and take a task again in less
LATEST_TIMESTAMP = 4e9  # the year 2096
_EVERY_FIELD = -1


class Moment(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One event of a task, as it is stored. Rows of earlier versions end after `detail`."""

    at: float  # seconds since 1970 by our clock, by the skew of the sender's clock as known on receipt
    rank: int
    worker: str  # the host name of its sender
    timestamp: float | None  # by the sender's own clock
    detail: str = ""
    clock: int | None = None  # the sender's Lamport clock
    pid: int | None = None
    fields: int = _EVERY_FIELD  # a bit for each field of the task that the event carried
    retries: int | None = None


class Course(msgspec.Struct, frozen=True, gc=False):
    """What a task's moments amount to. Times are seconds since 1970 by our clock, and never run backwards."""

    deciding: Moment  # the one that gives the state
    decided_at: float
    sent: Moment | None
    received_at: float | None  # of the delivery that decided, like `started_at`
    started_at: float | None


def course(moments: Sequence[Moment]) -> Course:
    """Of moments in order, at least one.

    >>> course([Moment(3.0, SUCCEEDED, "w@h", 3.0), Moment(9.0, RECEIVED, "v@h", 9.0)]).deciding.rank == SUCCEEDED
    True
    """
    sent = deciding = received = started = None
    at = decided_at = 0.0
    decided: tuple[float | None, float | None] = (None, None)
    for moment in moments:
        rank = moment.rank
        if rank == SENT:
            sent = sent or moment
            continue
        if moment.at > at:
            at = moment.at
        if rank == RECEIVED:
            received = at
        elif rank == STARTED:
            started = at
        if deciding is None or _decides(rank, deciding.rank):
            deciding, decided_at, decided = moment, at, (received, started)
    if deciding is None:
        deciding = moments[-1]
        decided_at = deciding.at
    return Course(deciding, decided_at, sent, *decided)


def _decides(rank: int, before: int) -> bool:
    """Whether a moment takes the state over from one before it."""
    if rank < REJECTED:
        return before <= REJECTED
    return rank != REJECTED or before not in (REVOKED, SUCCEEDED)


def times(moments: Sequence[Moment]) -> Iterator[float]:
    """When each was, none before the one that it followed."""
    return accumulate((moment.at for moment in moments), max)


def arranged(moments: Sequence[Moment]) -> list[Moment]:
    """The same moments in order, whatever order they come in."""
    by_worker: dict[str, list[Moment]] = {}
    sendings = []
    for moment in moments:
        if moment.rank == SENT:
            sendings.append(moment)
        else:
            by_worker.setdefault(moment.worker, []).append(moment)
    sequences = [_of_one_worker(by_worker[worker]) for worker in sorted(by_worker)]
    found = sequences[0] if len(sequences) == 1 else _merged(sequences)
    at = list(times(found))
    places = [(bisect_left(at, moment.at), moment) for moment in sorted(sendings, key=_by_our_clock)]
    for place, moment in reversed(places):
        found.insert(place, moment)
    return found


def _by_our_clock(moment: Moment) -> tuple[float, str, float, int]:
    return (moment.at, moment.worker, _own_time(moment), moment.clock or 0)


def _own_time(moment: Moment) -> float:
    return moment.at if moment.timestamp is None else moment.timestamp


def _of_one_worker(moments: Sequence[Moment]) -> list[Moment]:
    """Process after process. Lamport clocks are comparable within one."""
    by_pid: dict[int | None, list[Moment]] = {}
    for moment in moments:
        by_pid.setdefault(moment.pid, []).append(moment)
    runs = [run for found in by_pid.values() for run in _runs(found)]
    runs.sort(key=lambda run: min(map(_own_time, run)))
    return [moment for run in runs for moment in run]


def _runs(moments: list[Moment]) -> Iterator[list[Moment]]:
    """The moments of each process that had this pid, in order. In a container every process has the same: a Lamport clock that begins again
    while time goes on shows a restart, if what follows can be a second delivery. Else the worker's time was set back."""
    moments.sort(key=lambda moment: (_own_time(moment), moment.clock or 0, moment.rank))
    run, retries = [moments[0]], moments[0].retries
    for before, moment in pairwise(moments):
        if moment.rank == RECEIVED:
            begins_again = before.clock is not None and moment.clock is not None and moment.clock < before.clock
            second = run[0].rank == RECEIVED and (moment.retries or 0) >= (retries or 0)
            if begins_again and second and _own_time(moment) - _own_time(before) >= RESTART_SECONDS:
                yield _in_own_order(run)
                run = []
            retries = moment.retries
        run.append(moment)
    yield _in_own_order(run)


def _in_own_order(run: list[Moment]) -> list[Moment]:
    if all(moment.clock is not None for moment in run):
        run.sort(key=lambda moment: (moment.clock or 0, _own_time(moment), moment.rank))
    return run


def _merged(sequences: Sequence[Sequence[Moment]]) -> list[Moment]:
    """One order of the moments of several workers that keeps each worker's own: by our clock, or by try where that is too close to trust."""
    waiting = [list(zip(_tries(moments), times(moments), moments, strict=True)) for moments in sequences]
    found = []
    while any(waiting):
        earliest = min(moments[0][1] for moments in waiting if moments)
        heads = [(moments[0][:2], number) for number, moments in enumerate(waiting) if moments and moments[0][1] <= earliest + UNCERTAIN_SECONDS]
        found.append(waiting[min(heads)[1]].pop(0)[2])
    return found


def _tries(moments: Sequence[Moment]) -> Iterator[int]:
    """To which try each belongs: Celery counts them in what it receives."""
    retries = 0
    for moment in moments:
        if moment.rank == RECEIVED:
            retries = moment.retries or 0
        yield retries
