"""The workers of a broker as the rules of findings look at them in every round: hundreds of them, so their rows are read by hand.

What rules hardly ever need is left out, and is another query where it is used; what they need of few, such as lists of running tasks, is read of these alone.
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection
from django.db.models import BooleanField, DateTimeField, JSONField

from brokers.database.engine import is_postgresql
from brokers.models import Broker
from workers.models import EventSource, Worker
from workers.presence import is_late, worker_as_of

_LEFT_OUT = frozenset(
    (
        "processes", "active_tasks", "registered", "configuration", "periodic", "load", "uptime_seconds", "event_counts",
        "succeeded_per_second", "failed_per_second", "processed_at_first_sight", "reconciliation", "first_seen_at", "changed_at",
        "reserved_routes", "scheduled_routes", "peak_memory_bytes", "pool", "processed", "pid", "active_tasks_at",
    )
)  # fmt: skip
_OF_HEARTBEATS = ("active", "reserved", "scheduled", "clock_skew_seconds", "heartbeat_at")
_SEEN = [field for field in Worker._meta.concrete_fields if field.name not in _LEFT_OUT]
_FIELDS: list[Any] = [field for field in _SEEN if field.name not in _OF_HEARTBEATS] + [Worker._meta.get_field(name) for name in _OF_HEARTBEATS]
"""What changes with every heartbeat is read last, so that of most workers nothing else is looked at."""
_NAMES = [field.attname for field in _FIELDS]
_IN_A_MODEL = [field.attname for field in _SEEN]
_STILL = len(_FIELDS) - len(_OF_HEARTBEATS)
_KINDS = [
    "boolean" if isinstance(field, BooleanField) else "moment" if isinstance(field, DateTimeField) else "json" if isinstance(field, JSONField) else ""
    for field in _FIELDS
]
MOST_OF_FEW = 500
_KNOWN = len(_NAMES) + 2  # with the state that Django keeps, and `beat_at`
MOST_TEXTS = 5000


@functools.cache
def _statement(is_postgresql: bool) -> str:
    """SQLite's module would make each moment by a function of Python: as texts they are read in a tenth of the time."""
    as_text = (JSONField,) if is_postgresql else (JSONField, DateTimeField)
    columns = ", ".join(f"CAST({field.column} AS text)" if isinstance(field, as_text) else str(field.column) for field in _FIELDS)
    return f"SELECT {columns} FROM workers_worker WHERE broker_id = %s"  # noqa: S608  (names of our own model)


@functools.cache
def _statement_of_few(is_postgresql: bool) -> str:
    """What is read only of worker nodes that rules report: those that are not online, or send no events. Their keys follow."""
    at = "active_tasks_at" if is_postgresql else "CAST(active_tasks_at AS text)"
    return f"SELECT id, CAST(active_tasks AS text), {at}, pid, processed FROM workers_worker WHERE id IN"  # noqa: S608


class WorkerReader:
    """Of one broker, for one thread. Between rounds it keeps the workers, of which few columns change, and what texts of JSON mean."""

    def __init__(self) -> None:
        self._read: dict[str, Any] = {}
        self._kept: dict[int, tuple[tuple[Any, ...], Worker]] = {}
        self._found: list[Worker] = []

    def workers(self, broker: Broker, beats: Mapping[str, datetime | None], now: datetime) -> list[Worker]:
        """Every worker of the broker by host name, as of now. `beats`: of each virtual host, when its event source last stored something. The same list as
        the last time while nothing but what heartbeats bring has changed of any."""
        with connection.cursor() as cursor:
            cursor.execute(_statement(is_postgresql()), [broker.pk])
            rows = cursor.fetchall()
        kept, before, changed = {}, self._kept, False
        for row in rows:
            known = before.get(row[0])
            if known is None:
                worker, changed = self._worker(row), True
            elif row == known[0]:
                worker = known[1]
            else:
                worker = known[1]
                changed |= self._change(row, known[0], worker.__dict__)
            kept[row[0]] = row, worker
        self._kept = kept
        if changed or len(kept) != len(before):
            self._found = sorted((worker for _, worker in kept.values()), key=lambda one: (one.hostname, one.vhost, one.id))
        found = self._found
        self._add_rest(found)
        late = {vhost for vhost, beat_at in beats.items() if is_late(beat_at, now)}
        for worker in found:
            worker.__dict__["beat_at"] = beats.get(worker.vhost)  # as `workers.queries.workers` annotates it
            worker._state.fields_cache["broker"] = broker
        return [worker_as_of(worker, now) if worker.vhost in late else worker for worker in found] if late else found

    def _worker(self, row: tuple[Any, ...]) -> Worker:
        values = {_NAMES[place]: self._value(place, value) for place, value in enumerate(row)}
        return Worker.from_db("default", _IN_A_MODEL, [values[name] for name in _IN_A_MODEL])

    def _change(self, row: tuple[Any, ...], before: tuple[Any, ...], values: dict[str, Any]) -> bool:
        """Takes over what differs from a worker's row before: of most only what every heartbeat brings. Whether it was more."""
        beats = row[_STILL:]
        values["active"], values["reserved"], values["scheduled"], values["clock_skew_seconds"], heartbeat_at = beats
        values["heartbeat_at"] = heartbeat_at and _moment(heartbeat_at)
        if len(values) > _KNOWN:
            for name in _LEFT_OUT:
                values.pop(name, None)  # read again where it is used
        if row[:_STILL] == before[:_STILL]:
            return False
        for place in itertools.compress(range(_STILL), map(operator.ne, row, before)):
            values[_NAMES[place]] = self._value(place, row[place])
        return True

    def _value(self, place: int, value: Any) -> Any:
        kind = _KINDS[place]
        if value is None or kind == "":
            return value
        return bool(value) if kind == "boolean" else _moment(value) if kind == "moment" else self._json(value)

    def _json(self, text: str) -> Any:
        if text not in self._read:
            if len(self._read) >= MOST_TEXTS:
                self._read.clear()
            self._read[text] = msgspec.json.decode(text)
        return self._read[text]

    def _add_rest(self, workers: list[Worker]) -> None:
        few = {worker.id: worker for worker in workers if worker.state != Worker.ONLINE or worker.events_off}
        if few:
            with connection.cursor() as cursor:
                cursor.execute(f"{_statement_of_few(is_postgresql())} ({', '.join(map(str, list(few)[:MOST_OF_FEW]))})")
                rows = cursor.fetchall()
            for pk, active_tasks, active_tasks_at, pid, processed in rows:
                tasks, at = active_tasks and self._json(active_tasks), active_tasks_at and _moment(active_tasks_at)
                few[pk].__dict__.update(active_tasks=tasks, active_tasks_at=at, pid=pid, processed=processed)


def beats_of(sources: list[EventSource]) -> dict[str, datetime | None]:
    """{virtual host: when its event source last stored something}."""
    return {source.vhost: source.beat_at for source in sources}


def _moment(value: Any) -> datetime | None:
    """SQLite keeps moments as text in UTC."""
    return datetime.fromisoformat(f"{value}+00:00") if isinstance(value, str) else value
