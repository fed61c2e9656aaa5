"""Figures of many objects at once, for other systems: without rows of the ORM, which cost most of the time where there are ten thousand."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any

from django.db.models import F, Q, QuerySet, Value

from brokers.models import Exchange, Node, Queue, Snapshot, SnapshotBlock, VirtualHost
from brokers.queries.frames import first_of, frames
from brokers.queries.pages import in_scope
from brokers.queries.partly_visible import exchanges_in
from brokers.queries.visible import rows_in
from brokers.recorded_moments import RecordedMoment, moments_of
from brokers.scope import Scope
from brokers.snapshots import RAW_STEP

AT_ONCE = 500

Rows = tuple[int, list[tuple[Any, ...]]]
"""How many there are, and (broker id, virtual host, name, value of each field) of those that are read."""


def exported_queues(scope: Scope, brokers: Collection[int], fields: Sequence[str], most: int) -> Rows:
    """The queues of these brokers, at most so many, the deepest first."""
    rows = Queue.objects.filter(in_scope(scope, queue="name"), gone_at=None, broker_id__in=brokers)
    return _read(rows.order_by(F("depth").desc(nulls_last=True), "id"), fields, most)


def exported_exchanges(scope: Scope, brokers: Collection[int], fields: Sequence[str], most: int) -> Rows:
    """The exchanges, those that exist longest first. Where only some queues may be viewed, without the default exchange: what goes through it is of all."""
    rows = Exchange.objects.filter(exchanges_in(scope), gone_at=None, broker_id__in=brokers)
    if scope.limits_queues:
        rows = rows.filter(~Q(name="") | rows_in(scope))
    return _read(rows.order_by("id"), fields, most)


_NAMED: dict[str, tuple[type[Any], F | Value]] = {
    "queues": (Queue, F("vhost")),
    "exchanges": (Exchange, F("vhost")),
    "vhosts": (VirtualHost, F("name")),
    "nodes": (Node, Value("")),
}
"""Of each kind its rows, and their virtual host."""


def exported_names(kind: str, ids: Collection[int]) -> dict[int, tuple[str, str]]:
    """{primary key: (name, virtual host, "" for nodes)} of these objects, those that are gone included. No scope: for what is written to the store
    that Hareline's own configuration names."""
    (model, vhost_of), found = _NAMED[kind], {}
    for first in range(0, len(keys := list(ids)), AT_ONCE):
        rows = model._default_manager.filter(pk__in=keys[first : first + AT_ONCE])
        found.update({pk: (name, vhost) for pk, name, vhost in rows.values_list("pk", "name", vhost_of)})
    return found


def recorded_moments(broker_id: int, kind: str, start: datetime, end: datetime) -> Iterator[RecordedMoment]:
    """The moments up to `end`, from the last keyframe at or before `start` on, or from the first one after it, packed ones too. Raises UnreadableSnapshot."""
    first = first_of(broker_id, kind, start, end)
    if first is None:
        return
    packed: dict[datetime, list[bytes]] = {}
    blocks = SnapshotBlock.objects.filter(broker_id=broker_id, kind=kind, at__gte=first, at__lte=end).order_by("at", "first_id")
    for at, data in blocks.values_list("at", "data"):
        packed.setdefault(at, []).append(bytes(data))
    with closing(frames(broker_id, kind, start, end)) as found:  # its cursor ends before the transaction, also where a frame can't be read
        for moment in moments_of(kind, found, packed):
            if moment.at <= end:
                yield moment


def next_recorded(broker_id: int, kind: str, after: datetime, keyframes: bool = False) -> datetime | None:
    """The first moment that is recorded after one; with `keyframes`, as a keyframe, which is all that is found of packed ones."""
    rows = Snapshot.objects.filter(broker_id=broker_id, kind=kind, step=RAW_STEP, at__gt=after, **({"is_key": True} if keyframes else {}))
    return rows.order_by("at").values_list("at", flat=True).first()


def _read(rows: QuerySet[Any], fields: Sequence[str], most: int) -> Rows:
    found = list(rows.values_list("broker_id", "vhost", "name", *fields)[:most])
    return len(found) if len(found) < most else rows.count(), found
