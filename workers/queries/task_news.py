"""What live pages of tasks watch, and the counts beside their filters: all bounded, however many tasks are kept."""

from __future__ import annotations

from datetime import datetime
from functools import partial

import msgspec
from django.db import connection

from brokers.database.rows import RowsOf
from brokers.queries.kept import Kept
from brokers.scope import Scope
from workers.models import Task
from workers.queries.task_counts import kept_counts, lately
from workers.queries.task_filtering import ALL_IDS, SEARCHED, Search, counted_ids, matching, search_tasks
from workers.queries.task_parts import COUNTED
from workers.queries.task_rows import EVERY_ROW
from workers.queries.tasks import FAMILY_KEPT
from workers.task_filter import ALL_STATES, TaskFilter

LOOKED_AT = 500


def newest_task() -> int:
    """The primary key of the task first seen last, anywhere; 0 if there is none. The tail then need not query each virtual host."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM workers_task ORDER BY id DESC LIMIT 1")
        found = cursor.fetchone()
    return found[0] if found else 0


def family_fingerprint(task: Task) -> tuple[tuple[str, str], ...]:
    """Another value after one of the task's relatives came or changed its state. For the tail."""
    there = EVERY_ROW.which("broker_id = %s AND vhost = %s", task.broker_id, task.vhost)
    above = there.among("uuid", {uuid for uuid in (task.root_id, task.parent_id) if uuid and uuid != task.uuid})
    near = there.among("parent_id", [uuid for uuid in (task.uuid, task.parent_id) if uuid])
    found: list[tuple[str, str]] = []
    with connection.cursor() as cursor:
        for rows, most in ((above, None), (near, 2 * FAMILY_KEPT)):
            cursor.execute(rows.select("uuid, state", "id", most), rows.parameters)
            found += cursor.fetchall()
    return tuple(found)


def counts_by_state(scope: Scope, filter: TaskFilter, found: Search | None = None) -> tuple[dict[str, int], frozenset[str]]:
    """({state: tasks that fit, whatever states the filter names}, the states of which there are more than counted). Of more tasks than a search looks at the
    newest only; how many of those with the words are not counted is under "". `found`: as in `tasks`."""
    anything = msgspec.structs.replace(filter, states=())
    if anything == TaskFilter(broker=filter.broker, vhost=filter.vhost) and not scope.limits_queues:
        return kept_counts(scope, filter.broker, filter.vhost), frozenset()
    searched = found if found is not None and (found.of_any_state or not filter.states) else search_tasks(scope, anything)
    more = searched is not None and searched.further is not None
    if searched is not None and more and searched.ids is not None and scope.is_everything and anything == TaskFilter(text=filter.text):
        looked_at = msgspec.structs.replace(searched, ids=tuple(sorted(searched.ids, reverse=True)[: min(LOOKED_AT, SEARCHED)]))
        return _counted(scope, anything, looked_at) | {"": SEARCHED - len(looked_at.ids or ())}, frozenset(ALL_STATES)
    ids = counted_ids(anything) if searched is None else ALL_IDS
    counted = lately(("states", scope, anything), partial(_counted, scope, anything, searched, ids), lambda counts: sum(counts.values()))
    return counted, frozenset(ALL_STATES) if sum(counted.values()) > COUNTED or ids.start or more else frozenset()


def _counted(scope: Scope, filter: TaskFilter, searched: Search | None, ids: range = ALL_IDS) -> dict[str, int]:
    rows = matching(scope, filter, searched, ids)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT state, COUNT(*) FROM ({rows.select('state', 'id DESC', COUNTED + 1)}) AS newest GROUP BY state", rows.parameters)  # noqa: S608
        return dict(cursor.fetchall())


def kept_since() -> datetime | None:
    """When the oldest task that is kept was first seen, as of the last ten seconds: retention is slower."""
    return _kept_since.get("oldest", "kept", _oldest)


def _oldest() -> datetime | None:
    found = _SEEN.read("ORDER BY first_seen_at LIMIT 1")
    return found[0].first_seen_at if found else None


_SEEN = RowsOf(Task, only=("id", "first_seen_at"))
_kept_since: Kept[datetime | None] = Kept()
