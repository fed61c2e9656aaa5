"""Tasks that fulfil conditions, read by statements that are written out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from brokers.database.rows import RowsOf
from brokers.models import Broker, Exchange
from brokers.queries.pages import share_brokers
from brokers.queries.partial_figures import hide_brokers
from brokers.queries.partly_visible import exchanges_in
from brokers.queries.visible import where_in
from brokers.scope import Scope
from brokers.visible_reasons import without_address
from workers.models import Task

LONG = ("result", "traceback", "tries")
ARGUMENTS = ("args", "kwargs", "result", "traceback")
"""What only those see who may see arguments."""
_WHOLE, _LIGHT, _BROKERS = RowsOf(Task), RowsOf(Task, left_out=LONG), RowsOf(Broker)


class TaskRows(msgspec.Struct, frozen=True):
    """The tasks that fulfil all of the conditions; of none, all tasks."""

    conditions: tuple[str, ...] = ()
    parameters: tuple[Any, ...] = ()

    def which(self, condition: str, *parameters: Any) -> TaskRows:
        """Those of them that fulfil another one too."""
        return TaskRows((*self.conditions, condition), (*self.parameters, *parameters))

    def among(self, column: str, values: Iterable[Any]) -> TaskRows:
        """Those with one of the values."""
        values = tuple(values)
        return self.which(f"{column} IN ({', '.join(['%s'] * len(values))})", *values) if values else self.none()

    def none(self) -> TaskRows:
        return self.which("1 = 0")

    def rest(self, order: str = "", most: int | None = None, start: int = 0) -> str:
        """The statement from its conditions on: `most` rows from `start` on, in an order."""
        where = f" WHERE {' AND '.join(self.conditions)}" if self.conditions else ""
        limit = "" if most is None else f" LIMIT {most:d}"
        return f"{where}{f' ORDER BY {order}' if order else ''}{limit}{f' OFFSET {start:d}' if start else ''}"

    def select(self, columns: str, order: str = "", most: int | None = None) -> str:
        return f"SELECT {columns} FROM workers_task{self.rest(order, most)}"  # noqa: S608  (names of our own model)

    def read(self, order: str = "", most: int | None = None, start: int = 0, brokers: Sequence[Broker] = (), whole: bool = False) -> list[Task]:
        """The rows, each with its broker, of which one row is shared: of `brokers`, where it was read already. Without their long texts unless `whole`."""
        found = (_WHOLE if whole else _LIGHT).read(self.rest(order, most, start), self.parameters)
        missing = {task.broker_id for task in found} - {broker.pk for broker in brokers}
        share_brokers(found, [*brokers, *_BROKERS.read(f"WHERE id IN ({', '.join(map(str, missing))})")] if missing else brokers)
        return found


EVERY_ROW = TaskRows()


def in_view(rows: TaskRows, scope: Scope) -> TaskRows:
    """Those of them that may be viewed; where only some queues may be, a task whose queue is not known may not."""
    if scope.is_everything:
        return rows
    where, parameters = where_in(scope, vhost="workers_task.vhost", queue="workers_task.queue", broker_id="workers_task.broker_id")
    return rows.which(where, *parameters)


def without_hidden(scope: Scope, tasks: Iterable[Task]) -> list[Task]:
    """The tasks, which have their broker, without the arguments and results that may not be viewed: `arguments_hidden` is True then; and without addresses
    in why their state is unknown, where only a part of the broker may be viewed; and without hidden names of where they were sent."""
    found = list(tasks)
    hide_brokers(scope, found)
    for task in found if scope.arguments is not None else ():
        if not scope.shows_arguments(task.broker.name, task.vhost, task.queue):
            task.arguments_hidden = True
            for name in ARGUMENTS:
                setattr(task, name, None)
    for task in [] if scope.is_everything else found:
        if task.unknown_reason and not scope.covers(task.broker.name):
            task.unknown_reason = without_address(task.unknown_reason)
    if scope.limits_queues:
        _hide_destinations(scope, [task for task in found if not scope.covers(task.broker.name, task.vhost)])
    return found


def _hide_destinations(scope: Scope, tasks: Sequence[Task]) -> None:
    """Leaves out the queue that the sender named, and the exchange with the key, where they are not visible: a task in a visible queue may have been sent
    to others."""
    for broker, vhost in {(task.broker_id, task.vhost) for task in tasks}:
        there = [task for task in tasks if (task.broker_id, task.vhost) == (broker, vhost)]
        named = {task.exchange for task in there if task.exchange}
        seen = Exchange.objects.filter(exchanges_in(scope, broker, vhost), gone_at=None, name__in=named) if named else Exchange.objects.none()
        visible = {"", *seen.values_list("name", flat=True)}
        for task in there:
            if task.sent_queue is not None and not scope.covers(task.broker.name, vhost, task.sent_queue):
                task.sent_queue = None
            if task.exchange not in visible:
                task.exchange = task.routing_key = None


def with_ids(ids: Iterable[int]) -> TaskRows:
    """The tasks of these ids."""
    listed = ", ".join(map(str, ids))  # whole numbers
    return EVERY_ROW.which(f"workers_task.id IN ({listed})") if listed else EVERY_ROW.none()
