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
_FIELDS = sorted((field for field in Worker._meta.concrete_fields if field.name not in _LEFT_OUT), key=lambda field: field.name in _OF_HEARTBEATS)
"""What changes with every heartbeat is read last, so that of most workers nothing else is looked at."""
_NAMES = [field.attname for field in _FIELDS]
_IN_A_MODEL = [field.attname for field in Worker._meta.concrete_fields if field.name not in _LEFT_OUT]
_STILL = len(_FIELDS) - len(_OF_HEARTBEATS)
_KINDS = [
    "boolean" if isinstance(field, BooleanField) else "moment" if isinstance(field, DateTimeField) else "json" if isinstance(field, JSONField) else ""
    for field in _FIELDS
]
_PLACES = range(len(_NAMES))
_OF_FEW = ("active_tasks", "active_tasks_at", "pid", "processed")
"""Read only of worker nodes that rules report: those that are not online, or send no events."""
_KNOWN = len(_NAMES) + 2  # with the state that Django keeps, and `beat_at`
MOST_TEXTS = 5000


@functools.cache
def _statement(is_postgresql: bool) -> str:
    """SQLite's module would make each moment by a function of Python: as texts they are read in a tenth of the time."""
    as_text = (JSONField,) if is_postgresql else (JSONField, DateTimeField)
    columns = ", ".join(f"CAST({field.column} AS text)" if isinstance(field, as_text) else str(field.column) for field in _FIELDS)
    return f"SELECT {columns} FROM workers_worker WHERE broker_id = %s"  # noqa: S608  (names of our own model)


class WorkerReader:
    """Of one broker, for one thread. Between rounds it keeps the workers, of which few columns change, and what texts of JSON mean."""

    def __init__(self) -> None:
        self._read: dict[str, Any] = {}
        self._kept: dict[int, tuple[tuple[Any, ...], Worker]] = {}
        self._order: list[int] = []

    def workers(self, broker: Broker, beats: Mapping[str, datetime | None], now: datetime) -> list[Worker]:
        """Every worker of the broker by host name, as of now. `beats`: of each virtual host, when its event source last stored something."""
        with connection.cursor() as cursor:
            cursor.execute(_statement(is_postgresql()), [broker.pk])
            rows = cursor.fetchall()
        kept = {}
        for row in rows:
            known = self._kept.get(row[0])
            if known is None:
                kept[row[0]] = (row, self._worker(row))
            else:
                if row != known[0]:
                    self._change(row, *known)
                kept[row[0]] = (row, known[1])
        if kept.keys() != self._kept.keys():
            self._order = sorted(kept, key=lambda pk: (kept[pk][1].hostname, kept[pk][1].vhost, pk))
        self._kept = kept
        found = [kept[pk][1] for pk in self._order]
        self._add_rest(found)
        late = {vhost for vhost, beat_at in beats.items() if is_late(beat_at, now)}
        for worker in found:
            worker.__dict__["beat_at"] = beats.get(worker.vhost)  # as `workers.queries.workers` annotates it
            worker._state.fields_cache["broker"] = broker
        return [worker_as_of(worker, now) if worker.vhost in late else worker for worker in found] if late else found

    def _worker(self, row: tuple[Any, ...]) -> Worker:
        values = {_NAMES[place]: self._value(place, value) for place, value in enumerate(row)}
        return Worker.from_db("default", _IN_A_MODEL, [values[name] for name in _IN_A_MODEL])

    def _change(self, row: tuple[Any, ...], before: tuple[Any, ...], worker: Worker) -> None:
        """Takes over what differs from its row before: of most workers only what every heartbeat has."""
        known = worker.__dict__
        first = _STILL if row[:_STILL] == before[:_STILL] else 0
        for place in itertools.compress(_PLACES[first:], map(operator.ne, row[first:], before[first:])):
            known[_NAMES[place]] = self._value(place, row[place])
        if len(known) > _KNOWN:
            for name in _LEFT_OUT:
                known.pop(name, None)  # read again where it is used

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

    @staticmethod
    def _add_rest(workers: list[Worker]) -> None:
        few = {worker.pk: worker for worker in workers if worker.state != Worker.ONLINE or worker.events_off}
        if few:
            for pk, *values in Worker.objects.filter(pk__in=list(few)[:500]).values_list("pk", *_OF_FEW):
                few[pk].__dict__.update(zip(_OF_FEW, values, strict=True))


def beats_of(sources: list[EventSource]) -> dict[str, datetime | None]:
    """{virtual host: when its event source last stored something}."""
    return {source.vhost: source.beat_at for source in sources}


def _moment(value: Any) -> datetime | None:
    """SQLite keeps moments as text in UTC."""
    return datetime.fromisoformat(f"{value}+00:00") if isinstance(value, str) else value
