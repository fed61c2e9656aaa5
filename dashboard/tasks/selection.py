"""Tasks that were selected for an act: rows that were ticked, or all that a filter finds, up to a number."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property

import msgspec
from django.http import QueryDict

from brokers import queries as broker_queries
from brokers.models import Broker
from brokers.scope import Scope
from dashboard.tasks import filter as task_filter
from workers import queries
from workers.models import Task
from workers.task_filter import ALL_STATES, TaskFilter

AT_ONCE, MOST_ROUNDS = 500, 40


class Selection(msgspec.Struct, frozen=True):
    """`more`: others match too, or may: the search stopped before its end. `text`: the filter, "" where the tasks were chosen one by one."""

    tasks: list[Task]
    more: bool = False
    text: str = ""
    problems: tuple[str, ...] = ()


class Named:
    """The place in which a page acts: that of its form, else what the frame's switchers chose."""

    scope: Scope
    given: QueryDict
    _broker: Broker | None
    _vhost: str | None

    @cached_property
    def named_broker(self) -> Broker | None:
        return broker_queries.broker(self.scope, self.given.get("broker", "")) if self.given.get("broker") else self._broker

    @property
    def named_vhost(self) -> str | None:
        return self.given.get("vhost") or self._vhost


def of_ids(scope: Scope, ids: str, most: int) -> Selection:
    """The tasks of these numbers, separated by commas, as a form carries them."""
    wanted = [int(part) for part in ids.split(",")[: most + 1] if part.isascii() and part.isdigit() and len(part) < 19]
    found = sorted(queries.tasks_by_ids(scope, wanted[:most]), key=lambda task: -task.pk)
    return Selection(found, len(wanted) > most)


def of_uuids(scope: Scope, broker: Broker, vhost: str, uuids: Sequence[str]) -> list[Task]:
    """Those of these ids that were seen in the virtual host."""
    return _found(scope, TaskFilter(broker=broker.pk, vhost=vhost, uuids=tuple(uuids)), len(uuids))[0] if uuids else []


def of_list(scope: Scope, given: QueryDict, broker: Broker | None, vhost: str | None, states: Sequence[str], most: int, now: datetime) -> Selection:
    """What the form of the list of tasks posts: `uuid` several times, or `all` with `q`. With `all` only tasks in one of the states."""
    place = broker.pk if broker else None
    if not given.get("all"):
        uuids = tuple(given.getlist("uuid")[: most + 1])
        chosen = TaskFilter(broker=place, vhost=vhost, uuids=uuids[:most])
        return Selection(_found(scope, chosen, most)[0] if uuids else [], len(uuids) > most)
    return of_text(scope, given.get("q", ""), broker, vhost, states, most, now)


def of_text(scope: Scope, text: str, broker: Broker | None, vhost: str | None, states: Sequence[str], most: int, now: datetime) -> Selection:
    """The newest tasks that a filter finds in one of the states. None where a term can't be read."""
    parsed = task_filter.parse(text, scope.arguments is None)
    wanted = task_filter.query_filter(parsed, broker.pk if broker else None, vhost, now)
    if parsed.problems:
        return Selection([], text=parsed.text, problems=tuple(f"{term.text}: {term.problem}" for term in parsed.terms if term.problem))
    left = tuple(state for state in states if state in (wanted.states or ALL_STATES))
    if not left:
        return Selection([], text=parsed.text)
    return Selection(*_found(scope, msgspec.structs.replace(wanted, states=left), most), text=parsed.text)


def _found(scope: Scope, wanted: TaskFilter, most: int) -> tuple[list[Task], bool]:
    """(the newest tasks, whether there may be more)."""
    tasks: list[Task] = []
    after = ""
    for _ in range(MOST_ROUNDS):
        some, after = queries.tasks_after(scope, wanted, after, AT_ONCE)
        tasks += some
        if not after or len(tasks) > most:
            break
    return tasks[:most], bool(after) or len(tasks) > most
