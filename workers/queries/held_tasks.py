"""Which tasks a worker that is gone held, and how the latest executions of a broker's tasks ended. Bounded, however many tasks are kept."""

from __future__ import annotations

from datetime import datetime

import msgspec
from django.db.models.functions import Left

from brokers.database.engine import unindexed
from brokers.models import Broker
from workers.models import Task, Worker

LOOKED_AT = 5000
LISTED = 50
_HELD = ("RECEIVED", "STARTED")
EXCEPTION_LENGTH = 160


class HeldTask(msgspec.Struct, frozen=True):
    """`state` is the last that was seen of it while the worker had it: RECEIVED or STARTED."""

    uuid: str
    name: str
    state: str
    queue: str = ""


class HeldTasks(msgspec.Struct, frozen=True):
    """`total` of them, and those seen last."""

    total: int
    tasks: tuple[HeldTask, ...]


def held_tasks(worker: Worker) -> HeldTasks:
    """The tasks that a worker has according to their rows, or had when it was last seen: of its latest 5,000 ones those that have no end and that no other
    worker has received since."""
    newest = Task.objects.filter(worker=worker.hostname).order_by("-pk").values_list("pk", "state")[:LOOKED_AT]
    keys = [pk for pk, state in newest if state in (*_HELD, "UNKNOWN")]
    if not keys:
        return HeldTasks(0, ())
    rows = Task.objects.filter(pk__in=keys, broker_id=worker.broker_id, vhost=worker.vhost).order_by("-pk")
    if worker.since is not None:
        rows = rows.filter(changed_at__gte=worker.heartbeat_at or worker.since) | rows.filter(state__in=_HELD)
    found = [
        HeldTask(uuid, name or "", seen_state or state, queue or "")
        for uuid, name, state, seen_state, queue in rows.values_list("uuid", "name", "state", "last_seen_state", "queue")
        if (seen_state or state) in _HELD
    ]
    return HeldTasks(len(found), tuple(found[:LISTED]))


EndedRow = tuple[int, str, str, str, str, str, datetime | None, datetime]
"""(key, virtual host, name, state, worker, beginning of the exception, ended at, changed at)."""


def ended_tasks(broker: Broker, changed_after: datetime, most: int) -> list[EndedRow]:
    """The tasks of a broker that ended and whose rows changed since, the latest first, at most so many."""
    place = [f"{unindexed('workers_task.broker_id')} = {broker.pk:d}", f"{unindexed('workers_task.state')} IN ('SUCCESS', 'FAILURE')"]
    rows = Task.objects.filter(changed_at__gt=changed_after, name__isnull=False).extra(where=place).order_by("-changed_at")  # noqa: S610  (a whole number)
    fields = ("pk", "vhost", "name", "state", "worker", "text", "ended_at", "changed_at")
    return [
        (pk, vhost, name, state, worker or "", text or "", ended_at, changed_at)
        for pk, vhost, name, state, worker, text, ended_at, changed_at in rows.annotate(text=Left("exception", EXCEPTION_LENGTH)).values_list(*fields)[:most]
    ]
