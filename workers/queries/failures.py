"""Groups of failures as somebody may see them.

Who may view a whole virtual host sees a group's own figures. Who may view some queues only sees what is counted of the failures in these: of tasks that are
kept, among the newest 20,000 failures; never a count, a name or a moment of others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from django.db.models import Exists, OuterRef, Q, QuerySet

from brokers.queries.pages import BrokerRef, Page, check_page, in_scope, sort_key
from brokers.queries.partial_figures import hide_brokers
from brokers.scope import Scope
from workers.models import FailedTask, FailureCursor, FailureEvent, FailureGroup, FailureHour, FailurePart, Task
from workers.queries.failure_parts import VisibleFailures, visible_failures
from workers.queries.tasks import task_by_id, tasks_by_ids
from workers.task_filter import name_fits

FAILURE_SORTS = ("last", "first", "count", "exception")
_COLUMNS = {"last": "last_at", "first": "first_at", "count": "count", "exception": "exception"}
_SAMPLE = ("sample_exception", "sample_traceback")
HOUR = 3600


class FailureFilter(msgspec.Struct, frozen=True):
    """Empty fields narrow nothing. `exceptions`, `names` (of tasks) and `workers`: exact, or with `*`; each must fit. `words`: all are in the exception, the
    place or the message. `since`: failed at that moment or later; `new_since`: for the first time."""

    broker: BrokerRef | None = None
    vhost: str | None = None
    exceptions: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    workers: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    resolved: bool | None = None
    since: datetime | None = None
    new_since: datetime | None = None

    def from_moment(self, moment: datetime) -> FailureFilter:
        """The same, of what failed at that moment or later."""
        return msgspec.structs.replace(self, since=moment if self.since is None else max(moment, self.since))


class Failures(msgspec.Struct):
    """A group with the figures that somebody may see. `tasks` and `workers`: (name, count), the most first; those without a count of their own under "".
    `hours`: {hour from 1970 on: count}. `is_partial`: counted of visible queues; `is_more`: there may be more than were looked at."""

    group: FailureGroup
    count: int
    first_at: datetime
    last_at: datetime
    tasks: list[tuple[str, int]] = []
    workers: list[tuple[str, int]] = []
    hours: dict[int, int] = {}
    is_partial: bool = False
    is_more: bool = False


class Sample(msgspec.Struct, frozen=True):
    """The latest failure: `traceback` "" where none was reported, or where it is hidden."""

    exception: str
    traceback: str = ""
    is_hidden: bool = False


def failures(scope: Scope, wanted: FailureFilter, sort: str, page: int, page_size: int, hours_since: datetime) -> Page[Failures]:
    """A page of groups. Raises ValueError, with what is allowed, for an unknown sort or a page that there can't be."""
    check_page(page, page_size)
    field, descending = sort_key(sort, FAILURE_SORTS)
    whole = _rows(wanted).filter(in_scope(scope, wanted.broker, wanted.vhost), _of_parts(wanted)).defer(*_SAMPLE).select_related("broker")
    start = (page - 1) * page_size
    if not scope.limits_queues:
        total = whole.count()
        rows = list(whole.order_by(f"{'-' if descending else ''}{_COLUMNS[field]}", "-id")[start : start + page_size])
        found = _whole(rows, hours_since)
    else:
        every = [_unread(group) for group in whole] + _partial(scope, wanted)
        every.sort(key=lambda one: (_value(one, field), one.group.pk), reverse=descending)
        total, found = len(every), every[start : start + page_size]
        read = {one.group.pk: one for one in _whole([one.group for one in found if not one.is_partial], hours_since)}
        found = [read.get(one.group.pk, one) for one in found]
    hide_brokers(scope, [one.group for one in found])
    return Page(total, found, page, page_size)


def failure(scope: Scope, pk: int, hours_since: datetime) -> Failures | None:
    """One group; None if there is none, or nothing of it may be viewed."""
    group = FailureGroup.objects.select_related("broker").filter(pk=pk).first()
    if group is None:
        return None
    if FailureGroup.objects.filter(in_scope(scope, group.broker_id), pk=pk).exists():
        found = _whole([group], hours_since)[0]
    else:
        visible = visible_failures(scope, group_id=pk) if scope.limits_queues else {}
        if pk not in visible:
            return None
        found = _seen(group, visible[pk])
    hide_brokers(scope, [group])
    return found


def failure_sample(scope: Scope, found: Failures) -> Sample:
    """The latest failure as its task's page would show it: without the traceback where arguments are hidden."""
    group = found.group
    if not found.is_partial:
        shown = scope.shows_arguments(group.broker.name, group.vhost, group.sample_queue)
        return Sample(group.sample_exception, group.sample_traceback if shown else "", not shown)
    for key in visible_failures(scope, group_id=group.pk, most=5)[group.pk].task_ids:
        task = task_by_id(scope, key)
        if task is not None and task.exception is not None:
            return Sample(task.exception, task.traceback or "", task.arguments_hidden)
    return Sample("")


def tasks_of_failure(scope: Scope, found: Failures, most: int) -> list[Task]:
    """Tasks that failed so and are kept, the latest first."""
    if found.is_partial:
        keys = visible_failures(scope, group_id=found.group.pk, most=most)[found.group.pk].task_ids
    else:
        keys = list(FailedTask.objects.filter(group=found.group).order_by("-task_id").values_list("pk", flat=True)[:most])
    return sorted(tasks_by_ids(scope, keys[:most]), key=lambda task: -task.pk)


def failure_of_task(scope: Scope, task: Task) -> int | None:
    """The key of the group of a task that failed; None where it is not counted yet, or not visible."""
    key = FailedTask.objects.filter(pk=task.pk).values_list("group_id", flat=True).first()
    if key is None or not scope.limits_queues:
        return key
    return key if failure(scope, key, task.first_seen_at) is not None else None


def failure_events(found: Failures) -> list[FailureEvent]:
    """The latest first; none where only a part is visible, since they may be about the rest."""
    if found.is_partial:
        return []
    return list(FailureEvent.objects.filter(group=found.group).order_by("-at", "-pk")[:50])


def failures_counted_until() -> datetime | None:
    """Up to when failures are counted; None before the first look."""
    return FailureCursor.objects.values_list("changed_at", flat=True).first()


def _rows(wanted: FailureFilter) -> QuerySet[FailureGroup]:
    rows = FailureGroup.objects.all()
    for pattern in wanted.exceptions:
        rows = rows.filter(exception__fits=pattern)
    for word in wanted.words:
        rows = rows.filter(Q(exception__icontains=word) | Q(place__icontains=word) | Q(message__icontains=word))
    return rows if wanted.resolved is None else rows.filter(resolved_at__isnull=not wanted.resolved)


def _of_parts(wanted: FailureFilter) -> Q:
    """What of the filter is about a group's own figures."""
    found = Q()
    for kind, patterns in ((FailurePart.TASK, wanted.names), (FailurePart.WORKER, wanted.workers)):
        for pattern in patterns:
            found &= Q(Exists(FailurePart.objects.filter(group=OuterRef("pk"), kind=kind, name__fits=pattern)))
    if wanted.since is not None:
        found &= Q(last_at__gte=wanted.since)
    return found if wanted.new_since is None else found & Q(first_at__gte=wanted.new_since)


def _partial(scope: Scope, wanted: FailureFilter) -> list[Failures]:
    visible = visible_failures(scope)
    keys = list(visible)
    found = []
    for start in range(0, len(keys), 500):
        there = _rows(wanted).filter(_in_place(wanted), pk__in=keys[start : start + 500]).exclude(in_scope(scope)).defer(*_SAMPLE).select_related("broker")
        found += [_seen(group, visible[group.pk]) for group in there]
    return [one for one in found if _fits(one, wanted)]


def _in_place(wanted: FailureFilter) -> Q:
    found = Q() if wanted.vhost is None else Q(vhost=wanted.vhost)
    if wanted.broker is None:
        return found & Q(broker__same_as="")
    return found & (Q(broker__name=wanted.broker) if isinstance(wanted.broker, str) else Q(broker_id=wanted.broker))


def _fits(one: Failures, wanted: FailureFilter) -> bool:
    return (
        all(any(name_fits(pattern, name) for name, _ in one.tasks) for pattern in wanted.names)
        and all(any(name_fits(pattern, name) for name, _ in one.workers) for pattern in wanted.workers)
        and (wanted.since is None or one.last_at >= wanted.since)
        and (wanted.new_since is None or one.first_at >= wanted.new_since)
    )


def _unread(group: FailureGroup) -> Failures:
    return Failures(group, group.count, group.first_at, group.last_at)


def _whole(groups: Sequence[FailureGroup], hours_since: datetime) -> list[Failures]:
    """With the figures of the groups themselves."""
    found = {group.pk: _unread(group) for group in groups}
    for one in found.values():
        one.tasks, one.workers, one.hours = [], [], {}
    parts = FailurePart.objects.filter(group_id__in=list(found)).order_by("-count", "name") if found else ()
    for part in parts:
        one = found[part.group_id]
        (one.tasks if part.kind == FailurePart.TASK else one.workers).append((part.name, part.count))
    first = int(hours_since.timestamp()) // HOUR
    hours = FailureHour.objects.filter(group_id__in=list(found), hour__gte=first).values_list("group_id", "hour", "count") if found else ()
    for key, hour, count in hours:
        found[key].hours[hour] = count
    for one in found.values():
        one.tasks.sort(key=_others_last)
        one.workers.sort(key=_others_last)
    return list(found.values())


def _seen(group: FailureGroup, visible: VisibleFailures) -> Failures:
    tasks, workers = _most_first(visible.names), _most_first(visible.workers)
    return Failures(group, visible.count, visible.first_at, visible.last_at, tasks, workers, dict(visible.hours), True, visible.is_more)


def _most_first(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def _others_last(pair: tuple[str, int]) -> bool:
    return pair[0] == ""


def _value(one: Failures, field: str) -> datetime | int | str:
    values: dict[str, datetime | int | str] = {"last": one.last_at, "first": one.first_at, "count": one.count, "exception": one.group.exception}
    return values[field]


def names_in(found: Iterable[tuple[str, int]]) -> list[str]:
    """The names without that of the others.

    >>> names_in([("shop.pay", 3), ("", 9)])
    ['shop.pay']
    """
    return [name for name, _ in found if name]
