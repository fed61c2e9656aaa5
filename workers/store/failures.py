"""Counts failures in their groups, by reading what changed since the last look: the receiver's intake is not touched.

Each failure is counted once: what was counted, where the next look begins and the counts themselves are one transaction. A task that fails again after it was
delivered again is counted again. Its failure stays counted when it succeeds later.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db import connection, transaction
from django.db.models import F

from brokers.database.engine import is_postgresql, unindexed
from brokers.database.rows import moment, read_moment
from brokers.store.rows import insert_rows, update_rows
from workers.failure_groups import Kind, kind_of
from workers.models import FailureCursor, FailureEvent, FailureGroup, FailurePart
from workers.store.failure_kinds import LIMITS, Groups, Limits

MOST_TRANSACTIONS = 20
"""Of one look: the lease of the process must not run out meanwhile."""
OVERLAP = timedelta(seconds=30)
"""A receiver's transaction may take so long, and its clock be so far behind."""
FIRST_LOOK = timedelta(days=1)
HOUR = 3600
_CURSOR = 1
_FIELDS = ("count", "first_at", "last_at", "sample_exception", "sample_traceback", "sample_queue", "resolved_at", "resolved_by", "reopened_at", "reopened")


class Failed(msgspec.Struct, frozen=True):
    """A task that failed; `failed_text` is the moment as the database has it, so that it can be compared there."""

    task_id: int
    broker_id: int
    vhost: str
    name: str | None
    worker: str | None
    queue: str | None
    exception: str | None
    traceback: str | None
    failed_text: Any
    changed_text: Any

    @property
    def failed_at(self) -> datetime:
        return read_moment(self.failed_text)


class Look(msgspec.Struct, frozen=True):
    """What a look found, and what the cursor was before and is to be after it."""

    revision: int
    failed: list[Failed]
    looked_to: datetime


def count_failures(now: datetime, limits: Limits = LIMITS) -> int:
    """How many failures were counted; what is left is counted by the next call."""
    counted = 0
    for _ in range(MOST_TRANSACTIONS):
        look = begin_look(now, limits)
        if not finish_look(look, limits):
            break  # another process looked meanwhile
        counted += len(look.failed)
        if len(look.failed) < limits.at_once:
            break
    return counted


def begin_look(now: datetime, limits: Limits = LIMITS) -> Look:
    """Reads what is not counted yet."""
    cursor = FailureCursor.objects.filter(pk=_CURSOR).first()
    if cursor is None:
        cursor = FailureCursor.objects.get_or_create(pk=_CURSOR, defaults={"changed_at": now - FIRST_LOOK})[0]
    failed = _uncounted(cursor.changed_at - OVERLAP, limits.at_once)
    looked_to = read_moment(failed[-1].changed_text) if len(failed) == limits.at_once else now
    return Look(cursor.revision, failed, looked_to)


def finish_look(look: Look, limits: Limits = LIMITS) -> bool:
    """Counts it; False if another look was finished since it began."""
    kinds = [kind_of(one.exception, one.traceback, one.name) for one in look.failed]
    with transaction.atomic():
        mine = FailureCursor.objects.filter(pk=_CURSOR, revision=look.revision)
        if not mine.update(revision=F("revision") + 1, changed_at=look.looked_to):
            return False
        by_place: dict[tuple[int, str], list[tuple[Failed, Kind]]] = defaultdict(list)
        for one, kind in zip(look.failed, kinds, strict=True):
            by_place[one.broker_id, one.vhost].append((one, kind))
        by_group: dict[int, list[Failed]] = defaultdict(list)
        for place, there in by_place.items():
            groups = Groups(*place, [kind for _, kind in there], limits)
            for one, kind in there:
                by_group[groups.key_of(kind, one.failed_at)].append(one)
        _add(by_group, limits)
    return True


def _uncounted(changed_after: datetime, most: int) -> list[Failed]:
    """Failures that are not counted yet, of tasks whose rows changed since then, in the order of these changes."""
    text = "{}" if is_postgresql() else "CAST({} AS text)"
    failed_at = "coalesce(t.ended_at, t.first_seen_at)"
    columns = f"t.id, t.broker_id, t.vhost, t.name, t.worker, t.queue, t.exception, t.traceback, {text.format(failed_at)}, {text.format('t.changed_at')}"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {columns} FROM workers_task t LEFT JOIN workers_failedtask f ON f.task_id = t.id "  # noqa: S608  (names of our own)
            f"WHERE t.changed_at > %s AND {unindexed('t.state')} = 'FAILURE' AND (f.task_id IS NULL OR f.failed_at <> {failed_at}) "
            f"ORDER BY t.changed_at LIMIT {most:d}",
            [moment(changed_after)],
        )
        return [Failed(*row) for row in cursor.fetchall()]


def _add(by_group: dict[int, list[Failed]], limits: Limits) -> None:
    if not by_group:
        return
    rows = FailureGroup.objects.select_for_update().in_bulk(list(by_group))
    events: list[tuple[int, datetime]] = []
    changes = []
    for key, failed in by_group.items():
        group, moments = rows[key], sorted(one.failed_at for one in failed)
        last = max(failed, key=lambda one: one.failed_at)
        is_later = group.count == 0 or moments[-1] >= group.last_at
        again = next((at for at in moments if group.resolved_at is not None and at > group.resolved_at), None)
        before = (group.sample_exception, group.sample_traceback, group.sample_queue)
        newest = (last.exception or "", last.traceback or "", last.queue)
        sample = newest if is_later else before
        resolved: tuple[Any, ...] = (
            (None, "", again, group.reopened + 1) if again else (group.resolved_at, group.resolved_by, group.reopened_at, group.reopened)
        )
        spans = (min(group.first_at, moments[0]), max(group.last_at, moments[-1]))
        changes.append((key, (group.count + len(failed), *spans, *sample, *resolved)))
        events += [(key, again)] if again else []
    update_rows(FailureGroup, _FIELDS, changes)
    insert_rows(FailureEvent, ("group_id", "at", "what", "user_name", "text"), [(key, at, FailureEvent.FAILED_AGAIN, "", "") for key, at in events])
    hours = Counter((key, int(one.failed_at.timestamp()) // HOUR) for key, failed in by_group.items() for one in failed)
    _upsert("workers_failurehour", ("group_id", "hour"), [(*cell, count) for cell, count in hours.items()])
    _upsert("workers_failurepart", ("group_id", "kind", "name"), _parts(by_group, limits.names))
    _note(by_group)


def _parts(by_group: dict[int, list[Failed]], most: int) -> list[Sequence[Any]]:
    """(group, kind, name, count) of what is to be added."""
    known: dict[tuple[int, str], set[str]] = defaultdict(set)
    for pk, of, counted in FailurePart.objects.filter(group_id__in=list(by_group)).values_list("group_id", "kind", "name"):
        known[pk, of].add(counted)
    found: Counter[tuple[int, str, str]] = Counter()
    for key, failed in by_group.items():
        for kind, names in ((FailurePart.TASK, [one.name for one in failed]), (FailurePart.WORKER, [one.worker for one in failed])):
            there = known[key, kind]
            for name in names:
                if not name:
                    continue
                if name not in there and len(there) < most:
                    there.add(name)
                found[key, kind, name if name in there else ""] += 1
    return [(*cell, count) for cell, count in found.items()]


def _upsert(table: str, key: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Adds counts, which are last in each row."""
    columns = f"{', '.join(key)}, count"
    places = ", ".join(["%s"] * (len(key) + 1))
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {table} ({columns}) VALUES ({places}) ON CONFLICT ({', '.join(key)}) DO UPDATE SET count = {table}.count + excluded.count",  # noqa: S608
            list(rows),
        )


def _note(by_group: dict[int, list[Failed]]) -> None:
    """That these failures are counted."""
    rows = [(one.task_id, key, one.failed_text, one.name, one.worker, one.queue) for key, failed in by_group.items() for one in failed]
    changed = ("group_id", "failed_at", "name", "worker", "queue")
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO workers_failedtask (task_id, {', '.join(changed)}) VALUES (%s, %s, %s, %s, %s, %s) "  # noqa: S608
            f"ON CONFLICT (task_id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in changed)}",
            rows,
        )
