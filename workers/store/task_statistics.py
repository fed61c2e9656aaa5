"""Keeps the statistics of tasks: the receiver adds a row a batch, in the batch's transaction; maintenance adds these to the minute, the hour and the day.

Each addition is one transaction with the deletion of what was added, so that a crash loses nothing and counts nothing twice. Totals are counted beside
the periods, since a sum of periods shrinks when old ones are deleted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
import structlog
from django.db import transaction
from django.db.models import BigIntegerField, Case, F, QuerySet, Value, When

from workers.models import CountedBatch, TaskStatistic, TaskTotal
from workers.receiving.task_order import EVENTS
from workers.task_statistics import (
    DAY,
    KEPT_SECONDS,
    MOST_PAIRS,
    TIERS,
    Counted,
    Key,
    decoded_batch,
    decoded_sketches,
    encoded_batch,
    encoded_sketches,
    limited,
    period,
    summed,
)  # fmt: skip

EVENT_COLUMNS = tuple(event.removeprefix("task-") for event in EVENTS)
log = structlog.get_logger(__name__)
AT_ONCE = 500
MOST_BATCHES = 500  # in one transaction
MOST_TRANSACTIONS = 20
MOST_DELETED = 100_000
TOTALS_KEPT_SECONDS = 30 * DAY
"""A counter that has not grown for so long ends; it begins at 0 if it is counted again, which readers of counters know as a restart."""
_NAME, _QUEUE = 500, 255  # the longest that a column takes
_VALUES = (*EVENT_COLUMNS, "sketches")


def save_counted(broker_id: int, vhost: str, counts: Mapping[Key, Counted]) -> None:
    """Within the transaction that stores the tasks of the same events."""
    if counts:
        named = [(Key(key.start, _storable(key.name, _NAME), _storable(key.queue, _QUEUE)), counted) for key, counted in counts.items()]
        CountedBatch.objects.create(broker_id=broker_id, vhost=vhost, counts=encoded_batch(named))


def _storable(text: str, longest: int) -> str:
    """The text as every database can keep it."""
    return text.encode(errors="replace").decode().replace("\x00", "\ufffd")[:longest]


def sum_statistics(most_pairs: int = MOST_PAIRS, most_batches: int = MOST_BATCHES) -> int:
    """How many batches were added to their periods: all there were, but for those of a backlog, which wait for the next call."""
    added = 0
    for _ in range(MOST_TRANSACTIONS):
        with transaction.atomic():
            found = _add_batches(most_pairs, most_batches)
        added += found
        if found < most_batches:
            break
    return added


def _add_batches(most_pairs: int, most: int) -> int:
    places: dict[tuple[int, str], list[tuple[Key, Counted]]] = defaultdict(list)
    batches = list(CountedBatch.objects.select_for_update().order_by("pk")[:most])
    for batch in batches:
        try:
            places[batch.broker_id, batch.vhost] += decoded_batch(bytes(batch.counts))
        except msgspec.DecodeError as error:  # left out, since it would stop all others for ever
            log.error("statistics_left_out", vhost=batch.vhost, exc_info=error)
    for (broker_id, vhost), counts in sorted(places.items()):
        _add(broker_id, vhost, counts, most_pairs)
    CountedBatch.objects.filter(pk__in=[batch.pk for batch in batches]).delete()
    return len(batches)


def _add(broker_id: int, vhost: str, counts: Iterable[tuple[Key, Counted]], most_pairs: int) -> None:
    pairs: dict[int, set[tuple[str, str]]] = {}
    named = []
    for key, counted in counts:
        day = period(key.start, DAY)
        if day not in pairs:
            known = TaskStatistic.objects.filter(broker_id=broker_id, vhost=vhost, seconds=DAY, start=day)
            pairs[day] = set(known.values_list("name", "queue"))
        named.append((limited(key, pairs[day], most_pairs), counted))
    for seconds in TIERS:
        named = list(summed(named, seconds).items())
        _add_to_periods(broker_id, vhost, seconds, named)
    _add_to_totals(broker_id, vhost, named)


def _add_to_periods(broker_id: int, vhost: str, seconds: int, counts: list[tuple[Key, Counted]]) -> None:
    rows = TaskStatistic.objects.filter(broker_id=broker_id, vhost=vhost, seconds=seconds)
    for first in range(0, len(counts), AT_ONCE):
        some = counts[first : first + AT_ONCE]
        starts, names = {key.start for key, _ in some}, {key.name for key, _ in some}
        known = {Key(row.start, row.name, row.queue): row for row in rows.filter(start__in=starts, name__in=names)}
        added, changed = [], []
        for key, counted in some:
            row = known.get(key)
            if row is None:
                values = dict(zip(EVENT_COLUMNS, counted.events, strict=True))
                place = {"broker_id": broker_id, "vhost": vhost, "seconds": seconds, **key._asdict()}
                added.append(TaskStatistic(**place, **values, sketches=encoded_sketches(counted)))
            else:
                _add_to_row(row, counted)
                changed.append(row)
        TaskStatistic.objects.bulk_create(added)
        for row in changed:
            row.save(update_fields=_VALUES)


def _add_to_row(row: TaskStatistic, counted: Counted) -> None:
    known = Counted([getattr(row, name) for name in EVENT_COLUMNS], *decoded_sketches(bytes(row.sketches)))
    known.merge(counted)
    for name, value in zip(EVENT_COLUMNS, known.events, strict=True):
        setattr(row, name, value)
    row.sketches = encoded_sketches(known)


def _add_to_totals(broker_id: int, vhost: str, counts: Iterable[tuple[Key, Counted]]) -> None:
    """Of days, which are few: an UPDATE for each name and queue, or a new row."""
    for key, counted in counts:
        if not any(counted.events):
            continue
        rows = TaskTotal.objects.filter(broker_id=broker_id, vhost=vhost, name=key.name, queue=key.queue)
        grown = {name: F(name) + count for name, count in zip(EVENT_COLUMNS, counted.events, strict=True)}
        until = Case(When(counted_until__lt=key.start, then=Value(key.start)), default=F("counted_until"), output_field=BigIntegerField())
        if not rows.update(**grown, counted_until=until):
            values = dict(zip(EVENT_COLUMNS, counted.events, strict=True))
            TaskTotal.objects.create(broker_id=broker_id, vhost=vhost, name=key.name, queue=key.queue, **values, counted_until=key.start)


def trim_statistics(now: datetime, most: int = MOST_DELETED) -> int:
    """How many rows were deleted because their periods are no longer kept, at most so many a call."""
    deleted = 0
    for seconds, kept in KEPT_SECONDS.items():
        old = TaskStatistic.objects.filter(seconds=seconds, start__lt=period(now.timestamp() - kept, seconds)).order_by("start")
        deleted += _delete(old, most - deleted)
    rested = TaskTotal.objects.filter(counted_until__lt=period(now.timestamp() - TOTALS_KEPT_SECONDS, DAY)).order_by("counted_until")
    return deleted + _delete(rested, most - deleted)


def _delete(rows: QuerySet[Any], most: int) -> int:
    deleted = 0
    while deleted < most:
        keys = list(rows.values_list("pk", flat=True)[: min(AT_ONCE, most - deleted)])
        if not keys:
            break
        rows.model._default_manager.filter(pk__in=keys).delete()
        deleted += len(keys)
    return deleted
