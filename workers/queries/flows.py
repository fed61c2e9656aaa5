"""All tasks of one workflow: those of a root, and those that messages tie to them. Bounded in what is read, and what was left out is counted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

import msgspec
from django.db import connection

from brokers.database.engine import unindexed
from brokers.database.rows import RowsOf
from brokers.models import Broker
from brokers.queries.pages import share_brokers
from brokers.scope import Scope
from workers.canvas import UNLOCK, Unlock, unlock_of
from workers.models import Task, TaskCanvas
from workers.queries.task_rows import EVERY_ROW, TaskRows, in_view, with_ids, without_hidden

MOST_TASKS = 2_000
"""So many are read, those first seen first; the others are only counted."""
MOST_COUNTED = 20_000
MOST_TIED, MOST_UNLOCKS = 200, 500
_COLUMNS = (
    "id", "broker_id", "vhost", "uuid", "name", "state", "last_seen_state", "unknown_reason", "revoked_by", "worker", "queue", "sent_queue", "exchange",
    "routing_key", "sent_at", "received_at", "started_at", "ended_at", "eta", "runtime_seconds", "retries", "parent_id", "root_id", "tries", "first_seen_at",
)  # fmt: skip
_ROWS, _ARGUMENTS = RowsOf(Task, only=_COLUMNS), RowsOf(Task, only=("id", "uuid", "state", "args", "kwargs"))


class NameCount(msgspec.Struct, frozen=True):
    """The tasks of a name in a state, and how long the slowest of them ran; None where no event reports that."""

    name: str | None
    state: str
    count: int
    slowest_seconds: float | None


class FlowRows(msgspec.Struct):
    """`tasks` in the order in which they were first seen, the root among them where it is kept. `counts` are of all `total` tasks of the root, of which there
    are more if `is_more`.

    `canvas`: what messages that were seen hold, by uuid; `unlocks`: what the arguments of chord_unlock tasks hold; `tied`: the tasks of other roots that these
    two tie to the root's.
    """

    tasks: list[Task] = []
    total: int = 0
    is_more: bool = False
    counts: list[NameCount] = []
    canvas: dict[str, TaskCanvas] = {}
    unlocks: dict[str, Unlock] = {}
    tied: frozenset[str] = frozenset()

    @property
    def left_out(self) -> int:
        """How many are counted and not read."""
        return max(0, self.total - len(self.tasks) + len(self.tied))


def flow(scope: Scope, broker: Broker, vhost: str, root: str) -> FlowRows:
    """The tasks of a root that may be seen; none where no task of it is kept."""
    if not scope.touches(broker.name, vhost):
        return FlowRows()
    below = _below(scope, broker.pk, vhost, root)
    top = _with_uuids(scope, broker.pk, vhost, [root])
    rest = _read(below, "id", MOST_TASKS)
    found = FlowRows(top + rest)
    if len(rest) < MOST_TASKS:
        found.counts = _counted(found.tasks)
    else:
        found.counts = _counts(below) + _counted(top)
    found.total = sum(one.count for one in found.counts)
    found.total, found.is_more = min(found.total, MOST_COUNTED), found.total > MOST_COUNTED
    found.unlocks = _unlocks(found.tasks)
    _tie(scope, broker.pk, vhost, found)
    share_brokers(found.tasks, [broker])
    found.tasks = sorted(without_hidden(scope, found.tasks), key=lambda task: task.pk)
    return found


def flow_size(scope: Scope, task: Task, root_is_kept: bool) -> int:
    """How many tasks with its root `flow` finds; 20,001 if more. `root_is_kept`: whether the root may be seen."""
    if not scope.touches(task.broker.name, task.vhost):
        return 0
    below = _below(scope, task.broker_id, task.vhost, task.root_id or task.uuid)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM ({below.select('id', most=MOST_COUNTED)}) AS below", below.parameters)  # noqa: S608  (names of our own model)
        count: int = cursor.fetchone()[0]
    return count + root_is_kept


def _below(scope: Scope, broker_id: int, vhost: str, root: str) -> TaskRows:
    """All but the root itself; the index of roots leads to them."""
    rows = EVERY_ROW.which("root_id = %s AND parent_id IS NOT NULL AND uuid <> %s", root, root)
    rows = rows.which(f"{unindexed('workers_task.broker_id')} = %s AND {unindexed('workers_task.vhost')} = %s", broker_id, vhost)
    return in_view(rows, scope)


def _with_uuids(scope: Scope, broker_id: int, vhost: str, uuids: Collection[str]) -> list[Task]:
    there = EVERY_ROW.which("broker_id = %s AND vhost = %s", broker_id, vhost).among("uuid", uuids)
    return _read(in_view(there, scope), "id", MOST_TIED) if uuids else []


def _read(rows: TaskRows, order: str, most: int) -> list[Task]:
    return _ROWS.read(rows.rest(order, most), rows.parameters)


def _counts(rows: TaskRows) -> list[NameCount]:
    """Of the first 20,001 of these."""
    some = rows.select("name, state, runtime_seconds", most=MOST_COUNTED + 1)
    with connection.cursor() as cursor:
        query = f"SELECT name, state, count(*), max(runtime_seconds) FROM ({some}) AS below GROUP BY name, state"  # noqa: S608  (names of our own model)
        cursor.execute(query, rows.parameters)
        return [NameCount(*row) for row in cursor.fetchall()]


def _counted(tasks: Iterable[Task]) -> list[NameCount]:
    found: dict[tuple[str | None, str], list[float | None]] = defaultdict(list)
    for task in tasks:
        found[task.name, task.state].append(task.runtime_seconds)
    return [NameCount(name, state, len(ran), max((seconds for seconds in ran if seconds is not None), default=None)) for (name, state), ran in found.items()]


def _unlocks(tasks: Iterable[Task]) -> dict[str, Unlock]:
    """Only ids and a name of the arguments, which not everybody may see."""
    ids = [task.pk for task in tasks if task.name == UNLOCK][:MOST_UNLOCKS]
    rows = with_ids(ids)
    with_arguments = _ARGUMENTS.read(rows.rest(), rows.parameters) if ids else []
    found = {task.uuid: unlock_of(task.args, task.kwargs) for task in with_arguments}
    return {uuid: unlock for uuid, unlock in found.items() if unlock is not None}


def _tie(scope: Scope, broker_id: int, vhost: str, found: FlowRows) -> None:
    """Adds what messages hold of the tasks, and the tasks of other roots in their groups: those of a group that a program starts are roots of their own."""
    uuids = [task.uuid for task in found.tasks]
    there = TaskCanvas.objects.filter(broker_id=broker_id, vhost=vhost)
    found.canvas = {one.uuid: one for one in there.filter(uuid__in=uuids)}
    named = [(one.group, one.body) for one in found.canvas.values()] + [(one.group, one.body) for one in found.unlocks.values()]
    groups, bodies = {group for group, _ in named if group}, {body for _, body in named if body}
    if not groups and not bodies:
        return
    others = there.filter(group__in=list(groups)[:MOST_TIED]).order_by("pk")[:MOST_TIED] if groups else []
    found.canvas |= {one.uuid: one for one in others}
    wanted = ({*found.canvas} | bodies) - set(uuids)
    tied = _with_uuids(scope, broker_id, vhost, wanted)
    above = {task.parent_id for task in tied if task.parent_id} - {task.uuid for task in (*found.tasks, *tied)}
    tied += _with_uuids(scope, broker_id, vhost, above)
    found.tasks += tied
    found.tied = frozenset(task.uuid for task in tied)
    found.unlocks |= _unlocks(tied)
