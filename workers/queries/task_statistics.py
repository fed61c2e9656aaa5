"""What was counted of tasks by name and queue in a range of time: what is summed by periods, and what still waits to be."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec
from django.db import connection
from django.db.models import F, Q, QuerySet, Sum

from brokers.database.engine import unindexed
from brokers.models import Broker
from brokers.queries.one_moment import one_moment
from brokers.queries.pages import BrokerRef, in_scope, visible_brokers
from brokers.scope import Scope
from workers.duration_sketch import DurationSketch
from workers.models import CountedBatch, TaskStatistic
from workers.receiving.task_order import EVENTS
from workers.task_statistics import TIERS, Counted, Key, decoded_batch, decoded_sketches, period, spans

_COLUMNS = tuple(event.removeprefix("task-") for event in EVENTS)


class StatisticsQuestion(msgspec.Struct, frozen=True):
    """Of which tasks, and in periods of how many `seconds`: those that begin from `since` on and before `until`. None: all. "" stands for what is unknown."""

    since: datetime
    until: datetime
    seconds: int
    broker: BrokerRef | None = None
    vhost: str | None = None
    name: str | None = None
    queue: str | None = None
    names: frozenset[str] | None = None
    queues: frozenset[str] | None = None


class Part(msgspec.Struct, frozen=True, gc=False):
    """What was counted in one period of one name and queue; several parts may be of the same."""

    broker_id: int
    vhost: str
    start: int
    name: str
    queue: str
    counted: Counted


def task_statistics(scope: Scope, question: StatisticsQuestion) -> list[Part]:
    """Of rows whose queue may be viewed; where only some queues may, nothing of tasks whose queue is unknown."""
    with one_moment():
        return [*_summed(scope, question), *_waiting(scope, question)]


def _summed(scope: Scope, question: StatisticsQuestion) -> Iterator[Part]:
    rows = _rows(scope, question, _in_periods(question))
    for broker_id, vhost, start, name, queue, sketches, *events in rows.values_list("broker_id", "vhost", "start", "name", "queue", "sketches", *_COLUMNS):
        yield Part(broker_id, vhost, start, name, queue, Counted(events, *decoded_sketches(bytes(sketches))))


def _rows(scope: Scope, question: StatisticsQuestion, when: Q) -> QuerySet[TaskStatistic]:
    wanted = {"name": question.name, "queue": question.queue, "name__in": question.names, "queue__in": question.queues}
    narrowed = {column: value for column, value in wanted.items() if value is not None}
    rows = TaskStatistic.objects.alias(begins=F("start") + 0)
    return rows.filter(in_scope(scope, question.broker, question.vhost, "queue"), when, **narrowed)


def _begins(question: StatisticsQuestion) -> str:
    """The column of when a period began, so that the index of names is taken for one name of a virtual host, and else that of periods: of a thousand names
    each reads a thousandth of the other's rows."""
    return "start" if question.name is None or question.vhost is None else "begins"


def _in_periods(question: StatisticsQuestion) -> Q:
    begins = _begins(question)
    return Q(seconds=question.seconds, **{f"{begins}__gte": question.since.timestamp(), f"{begins}__lt": question.until.timestamp()})


def _in_spans(question: StatisticsQuestion) -> list[Q]:
    """The same range in as few rows as possible. Each is a part of a query of its own: an index can't answer all of them at once."""
    begins, found = _begins(question), []
    for span in spans(question.since.timestamp(), question.until.timestamp(), question.seconds, time.time()):
        end = {} if span.end is None else {f"{begins}__lt": span.end}
        found.append(Q(seconds=span.seconds, **{f"{begins}__gte": span.first}, **end))
    return found


def _united(parts: Sequence[QuerySet[Any, Any]]) -> QuerySet[Any, Any]:
    return parts[0].union(*parts[1:], all=True) if len(parts) > 1 else parts[0]


def statistics_totals(scope: Scope, question: StatisticsQuestion) -> list[Part]:
    """As `task_statistics`, of the whole range: a part for each name and queue, and some of what is not summed yet."""
    found: dict[tuple[int, str, str, str], Part] = {}
    with one_moment():
        columns = ("broker_id", "vhost", "name", "queue", "sketches", *_COLUMNS)
        rows = _united([_rows(scope, question, span).values_list(*columns) for span in _in_spans(question)])
        for broker_id, vhost, name, queue, sketches, *events in rows:
            counted, known = Counted(events, *decoded_sketches(bytes(sketches))), found.get((broker_id, vhost, name, queue))
            if known is None:
                found[broker_id, vhost, name, queue] = Part(broker_id, vhost, 0, name, queue, counted)
            else:
                known.counted.merge(counted)
        return [*found.values(), *_waiting(scope, question)]


def statistics_counts(scope: Scope, question: StatisticsQuestion) -> list[Part]:
    """The same without durations, which the database sums in a tenth of the time."""
    with one_moment():
        places = ("broker_id", "vhost", "name", "queue")
        sums = {f"all_{column}": Sum(column) for column in _COLUMNS}
        rows = _united([_rows(scope, question, span).order_by().values_list(*places).annotate(**sums) for span in _in_spans(question)])
        return [*map(_counts, rows), *(msgspec.structs.replace(part, counted=_of_events(part.counted.events)) for part in _waiting(scope, question))]


def ended_courses(scope: Scope, question: StatisticsQuestion) -> list[tuple[int, str, str, str, int, int]]:
    """(broker, virtual host, name, queue, start, how many succeeded or failed) for each period in which any did."""
    with one_moment():
        rows = _rows(scope, question, _in_periods(question)).order_by().values_list("broker_id", "vhost", "name", "queue", "start", "succeeded", "failed")
        found = [(broker_id, vhost, name, queue, start, succeeded + failed) for broker_id, vhost, name, queue, start, succeeded, failed in rows]
        return found + [(part.broker_id, part.vhost, part.name, part.queue, part.start, part.counted.ended) for part in _waiting(scope, question)]


def _counts(row: Sequence[Any]) -> Part:
    broker_id, vhost, name, queue, *events = row
    return Part(broker_id, vhost, 0, name, queue, _of_events(events))


def _of_events(events: list[int]) -> Counted:
    return Counted(events, DurationSketch(), DurationSketch())


def _waiting(scope: Scope, question: StatisticsQuestion) -> Iterator[Part]:
    since, until = question.since.timestamp(), question.until.timestamp()
    for broker_id, broker, vhost, counts in _batches(scope, question):
        for key, counted in _decoded(bytes(counts)):
            fits = question.name in (None, key.name) and question.queue in (None, key.queue)
            fits = fits and (question.names is None or key.name in question.names) and (question.queues is None or key.queue in question.queues)
            if fits and since <= (start := period(key.start, question.seconds)) < until and scope.covers(broker, vhost, key.queue):
                yield Part(broker_id, vhost, start, key.name, key.queue, counted)


@lru_cache(maxsize=128)
def _decoded(data: bytes) -> list[tuple[Key, Counted]]:
    """A page reads the same batches four times, and the next viewer again. Nobody changes what is here: it is only merged into others."""
    return decoded_batch(data)


def _batches(scope: Scope, question: StatisticsQuestion) -> QuerySet[Any, Any]:
    """Of the brokers and virtual hosts in question; what of them may be viewed is decided by queue."""
    rows = CountedBatch.objects.filter(Q() if question.vhost is None else Q(vhost=question.vhost))
    brokers = Broker.objects.filter(visible_brokers(scope, question.broker), Q(same_as="") if question.broker is None else Q())
    return rows.filter(broker__in=brokers).values_list("broker_id", "broker__name", "vhost", "counts")


def counted_periods(scope: Scope, question: StatisticsQuestion, places: Collection[tuple[int, str]]) -> dict[tuple[int, str], set[int]]:
    """By broker and virtual host, when the periods began in which events of any visible task came, whatever its name and queue. `places`: those in
    question, which the person may view."""
    question = msgspec.structs.replace(question, name=None, queue=None, names=None, queues=None)
    found: dict[tuple[int, str], set[int]] = {}
    if scope.limits_queues:
        rows = _rows(scope, question, _in_periods(question))
        for broker_id, vhost, start in rows.order_by().values_list("broker_id", "vhost", "start").distinct():
            found.setdefault((broker_id, vhost), set()).add(start)
    else:
        found = {place: _starts(place, question) for place in places}
    for part in _waiting(scope, question):
        found.setdefault((part.broker_id, part.vhost), set()).add(part.start)
    return found


def _starts(place: tuple[int, str], question: StatisticsQuestion) -> set[int]:
    """Of all rows of a virtual host: the index leads from one period to the next, however many names there are in each."""
    there = f"{unindexed('broker_id')} = %s AND {unindexed('vhost')} = %s"
    following = f"(SELECT start FROM workers_taskstatistic WHERE seconds = %s AND start {{}} AND start < %s AND {there} ORDER BY start LIMIT 1)"  # noqa: S608
    query = (
        f"WITH RECURSIVE found(value) AS (SELECT {following.format('>= %s')} UNION ALL "  # noqa: S608  (names of our own model)
        f"SELECT {following.format('> found.value')} FROM found WHERE found.value IS NOT NULL) SELECT value FROM found WHERE value IS NOT NULL"
    )
    since, until, seconds = math.ceil(question.since.timestamp()), math.ceil(question.until.timestamp()), question.seconds
    with connection.cursor() as cursor:
        rows = cursor.execute(query, [seconds, since, until, *place, seconds, until, *place]).fetchall()
    return {start for (start,) in rows}


def counted_since(scope: Scope, broker: BrokerRef | None = None, vhost: str | None = None) -> datetime | None:
    """The beginning of the first period in which a visible task was counted, as exactly as it is still kept; None where none was."""
    found: int | None = None
    for seconds in TIERS:
        rows = TaskStatistic.objects.filter(in_scope(scope, broker, vhost, "queue"), seconds=seconds)
        first = rows.order_by("start").values_list("start", flat=True).first()
        if first is not None and (found is None or first < period(found, seconds)):
            found = first
    return None if found is None else datetime.fromtimestamp(found, UTC)
