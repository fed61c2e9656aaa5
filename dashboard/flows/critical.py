"""The critical path of a workflow: the tasks that its end waited for, one after another. Pure.

From the task that ended last back to the top: before the body of a chord, the task of its header that ended last; before any other task, its parent. While
tasks still run or wait, the path leads to the one of them that came last, and its length is that until now.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from dashboard.flows.tree import Member, Tree, preceding

ENDED = ("SUCCESS", "FAILURE", "REVOKED", "REJECTED")


class CriticalPath(msgspec.Struct, frozen=True):
    """`took`: from the first event of its first task to the end of its last, or to now; `worked`: while one of its tasks ran."""

    tasks: tuple[str, ...]
    took: timedelta
    worked: timedelta
    ended: bool

    @property
    def waited(self) -> timedelta:
        return self.took - self.worked


def critical_path(tree: Tree, now: datetime) -> CriticalPath | None:
    """The path; None where no task has a time."""
    timed = [one for one in tree.tasks() if one.first_at is not None]
    if not timed:
        return None
    open_ones = [one for one in timed if one.state not in ENDED and one.state != "UNKNOWN"]
    last = max(open_ones or timed, key=lambda one: (end_of(one, now), -one.order))
    before = preceding(tree)
    path, key = [last.uuid], last.uuid
    while key in before:
        known = [tree.members[each] for each in before[key] if each in tree.members]
        key = max(known, key=lambda one: (end_of(one, now), -one.order)).uuid if known else before[key][0]
        if known:
            path.append(key)
    tasks = [tree.members[key] for key in reversed(path)]
    start = min((one.first_at for one in tasks if one.first_at is not None), default=now)
    end = end_of(last, now)
    return CriticalPath(tuple(one.uuid for one in tasks), max(end - start, timedelta()), _worked(tasks, end, now), not open_ones)


def end_of(one: Member, now: datetime) -> datetime:
    """When it ended; now, while it has not; of one whose end is unknown the last that is known of it."""
    if one.ended_at is not None:
        return one.ended_at
    if one.state in ENDED or one.state == "UNKNOWN":
        return one.started_at or one.received_at or one.sent_at or now
    return now


def _worked(tasks: Sequence[Member], end: datetime, now: datetime) -> timedelta:
    """How long at least one of them ran."""
    total, until = timedelta(), None
    for start, stop in sorted((one.started_at, min(end, end_of(one, now))) for one in tasks if one.started_at is not None):
        begin = start if until is None or start > until else until
        if stop > begin:
            total += stop - begin
            until = stop
    return total
