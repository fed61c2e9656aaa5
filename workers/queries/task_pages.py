"""Pages of lists of tasks: from a cursor on, or by their number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from brokers.database.engine import is_postgresql
from brokers.database.partitions import day_of, first_id
from brokers.models import Broker
from brokers.queries.pages import Page, check_page, sort_key
from brokers.scope import Scope
from workers.models import Task
from workers.queries import task_cursors
from workers.queries.task_counts import kept_counts, lately
from workers.queries.task_cursors import TASK_SORTS, Cursor
from workers.queries.task_filtering import ALL_IDS, Search, counted_ids, parts_of, search_tasks
from workers.queries.task_parts import COUNTED, counted, first_ids, sorted_ids
from workers.queries.task_rows import TaskRows, with_ids, without_hidden
from workers.task_filter import EVERY_TASK, TaskFilter
from workers.task_past import as_then

Counts = Callable[[], tuple[dict[str, int], frozenset[str]]]


class TaskPage(Page[Task]):
    """`total` is exact where the store keeps it: of a broker, a virtual host and states. Else it stops at 10,000, and a search counts among the newest
    1,000 with its words, or 5,000 tasks without words: with `total_is_more` there may be more. `looked_at`: that number, 0 for other lists. `previous`
    and `next` are the cursors from which the pages beside it go on, "" at an end.

    The long texts of the tasks are deferred.
    """

    total_is_more: bool = False
    previous: str = ""
    next: str = ""
    looked_at: int = 0


def tasks(
    scope: Scope, *, filter: TaskFilter = EVERY_TASK, sort: str = "-at", page: int = 1, page_size: int = 100, after: str = "", before: str = "",
    at: datetime | None = None, found: Search | None = None, brokers: Sequence[Broker] = (), counts: Counts | None = None,
) -> TaskPage:  # fmt: skip
    """Tasks, the last first seen first: the page after a cursor or before one, else that of a number. By number a list reaches 10,000 tasks.

    Sorted by anything else than `at`: the newest 10,000 of those that match, unknown values last. With `at`: as they were then.
    `found` is what `search_tasks` returned for the filter, where it was searched already; `brokers` are those of the tasks, where they were read;
    `counts` gives what `counts_by_state` returns for the filter, so that they are not counted twice.
    ValueError for a sort, page, cursor or state that can't be, and for states with `at`, by which the past can't be searched.
    """
    check_page(page, page_size)
    filter.check()
    field, descending = sort_key(sort, TASK_SORTS)
    if at is not None and filter.states:
        raise ValueError("tasks of the past can't be searched by state")
    cursor = task_cursors.read(after or before, field, backwards=not after) if after or before else None
    by_age = field == "at"
    searched = search_tasks(scope, filter, newest_first=descending or not by_age, at=at) if found is None or (by_age and not descending) else found
    parts, listed_search = parts_of(scope, filter, at, searched), searched
    listed = parts
    if cursor is not None and by_age:
        beyond = _beyond(cursor, descending)
        listed_search = searched and search_tasks(scope, filter, beyond, descending is not cursor.backwards, at)
        listed = parts_of(scope, filter, at, listed_search, beyond)
    start = 0 if cursor else (page - 1) * page_size
    read = partial(TaskRows.read, brokers=brokers, whole=at is not None)
    items: list[Task] | None = None
    values: dict[int, Any] | None = None
    if by_age and listed_search and listed_search.ids and at is None and scope.is_everything and filter == TaskFilter(text=filter.text):
        in_order = sorted(listed_search.ids, reverse=descending is not (cursor is not None and cursor.backwards))
        items = _found(in_order[start : start + page_size + 1], read)
    if items is None:
        items, values = _rows(listed, field, descending, start, page_size + 1, cursor, read)
    items = without_hidden(scope, items)
    if at is not None:
        items = [as_then(task, at) for task in items]
    if values is not None:
        place = {pk: number for number, pk in enumerate(values)}
        items.sort(key=lambda task: place[task.pk])
    further = _further(listed_search) if by_age else ""  # words were looked for so far only
    more = len(items) > page_size
    items = items[:page_size]
    if cursor and cursor.backwards:
        items.reverse()
    total, is_more = _total(scope, filter, at, parts, searched, start + len(items) if cursor is None and not more and (items or not start) else None, counts)
    found_page = TaskPage(total, items, page, page_size, is_more)
    found_page.looked_at = 0 if searched is None else searched.looked_at
    if items:
        backwards = cursor is not None and cursor.backwards
        first, last = (task_cursors.write(task.pk, (values or {}).get(task.pk)) for task in (items[0], items[-1]))
        found_page.next = last if more or backwards else further
        found_page.previous = first if (more if backwards else cursor is not None or start) else further if backwards else ""
    elif cursor is None or not cursor.backwards:
        found_page.next = further
    return found_page


def tasks_after(scope: Scope, filter: TaskFilter, after: str = "", size: int = 500) -> tuple[list[Task], str]:
    """(the newest tasks after a cursor, the cursor from which they go on; "" at the end), with nothing counted. There may be none and still more."""
    beyond = _beyond(task_cursors.read(after, "at"), descending=True) if after else ALL_IDS
    searched = search_tasks(scope, filter, beyond)
    items, _ = _rows(parts_of(scope, filter, None, searched, beyond), "at", True, 0, size + 1, Cursor(0), TaskRows.read)
    items = sorted(without_hidden(scope, items), key=lambda task: -task.pk)  # several parts are read in no order
    further = task_cursors.write(items[size - 1].pk) if len(items) > size else _further(searched)
    return items[:size], further


def _found(ids: list[int], read: Callable[..., list[Task]]) -> list[Task] | None:
    """The tasks of these ids, in their order; None if one of them is gone."""
    rows = {task.pk: task for task in read(with_ids(ids))}
    return [rows[key] for key in ids] if len(rows) == len(ids) else None


def _further(searched: Search | None) -> str:
    """The cursor from which a search goes on; "" if it has looked at all."""
    return task_cursors.write(searched.further) if searched is not None and searched.further is not None else ""


def _beyond(cursor: Cursor, descending: bool) -> range:
    """The ids of the rows beyond a cursor of a list by age."""
    return range(cursor.pk) if descending is not cursor.backwards else range(cursor.pk + 1, ALL_IDS.stop)


def _rows(
    parts: list[TaskRows], field: str, descending: bool, start: int, size: int, cursor: Cursor | None, read: Callable[..., list[Task]]
) -> tuple[list[Task], dict[int, Any] | None]:  # fmt: skip
    """The rows of a page; where they are not in its order, their ids are, with the values that it is sorted by."""
    if field != "at":
        values = sorted_ids(parts, field, descending, start, size, cursor)
        return read(with_ids(values)), values
    newest_first = descending is not (cursor is not None and cursor.backwards)
    end = start + size if cursor else min(start + size, max(COUNTED, start))
    if len(parts) == 1:
        if newest_first and cursor is None and not start and is_postgresql():  # partitions that are not looked into need not be planned for
            recent = read(parts[0].which(f"id >= {first_id(day_of(datetime.now(UTC)))}"), "id DESC", size)
            if len(recent) == size:
                return recent, None
        return read(parts[0], "id DESC" if newest_first else "id", end - start, start), None
    ids = first_ids(parts, newest_first, end)[start:]
    return read(with_ids(ids)), dict.fromkeys(ids)


def _total(
    scope: Scope, filter: TaskFilter, at: datetime | None, parts: list[TaskRows], searched: Search | None, all_seen: int | None, counts: Counts | None
) -> tuple[int, bool]:  # fmt: skip
    """(how many match, True if there are more). `all_seen`: how many there are, where the page shows the last."""
    some_found = searched is not None and searched.further is not None
    if all_seen is not None:
        return all_seen, some_found
    if at is None and not scope.limits_queues and filter == TaskFilter(broker=filter.broker, vhost=filter.vhost, states=filter.states):
        by_state = kept_counts(scope, filter.broker, filter.vhost) if counts is None else counts()[0]
        kept = sum(by_state.get(state, 0) for state in filter.states or by_state)
        if kept > COUNTED:
            return kept, False
    elif at is None and counts is not None:
        by_state, beyond = counts()
        if not beyond or not filter.states:
            matching = sum(by_state.get(state, 0) for state in filter.states or by_state)
            return min(matching, COUNTED), bool(beyond) or some_found
    ids = counted_ids(filter) if searched is None else ALL_IDS
    total = lately(("total", scope, filter, at), lambda: counted(parts_of(scope, filter, at, searched, ids) if ids.start else parts), int)
    return min(total, COUNTED), total > COUNTED or some_found or ids.start > 0
