"""Deletes rows past their retention, in small transactions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
from django.db.models import Model, Q

from brokers.database import engine, partitions
from brokers.models import (
    Binding,
    Broker,
    Change,
    DefinitionActor,
    DetailRequest,
    Exchange,
    Node,
    PollAttempt,
    Queue,
    Rollup,
    RollupBlock,
    Snapshot,
    SnapshotBlock,
    TopologyVersion,
    VirtualHost,
)
from brokers.snapshots import RAW_STEP
from brokers.store.snapshots import KEYFRAME_EVERY

SNAPSHOTS = partitions.by_time("brokers_snapshot", "at")
ATTEMPTS_KEPT = timedelta(days=1)
CHANGES_KEPT = timedelta(days=30)
_AT_ONCE = 500
_MOST = 20_000


class Most(msgspec.Struct, frozen=True):
    """How much is kept of what a broker whose objects come and go would make without end: deleted objects of a kind, changes, versions of a topology."""

    gone: int = 10_000
    changes: int = 50_000
    versions: int = 2_000


def trim_history(now: datetime, raw_hours: float, most: Most = Most(), rollup_days: Mapping[int, float] = {}) -> int:  # noqa: B008  (frozen)
    """How many rows were deleted: at most 20,000 of each kind, the rest at the next call.

    Snapshots older than `raw_hours` are deleted, except those since the last keyframe before that moment, which later ones need; likewise rollups, whose days
    are given by their step. Deleted queues and exchanges are kept as long as their history, and so is the version of the topology in force at the oldest
    moment.
    """
    oldest = now - timedelta(hours=raw_hours)
    deleted = _trim_snapshots(oldest)
    for step, days in rollup_days.items():
        deleted += _trim_rollups(step, now - timedelta(days=days))
    oldest = min([oldest, *(now - timedelta(days=days) for days in rollup_days.values())])
    deleted += _trim_versions(oldest)
    for model in (Queue, Exchange, Binding, Node, VirtualHost):
        deleted += _delete(model, Q(gone_at__lt=oldest))
    deleted += _trim_surplus(most)
    deleted += _delete(PollAttempt, Q(at__lt=now - ATTEMPTS_KEPT))
    deleted += _delete(Change, Q(at__lt=now - CHANGES_KEPT))
    deleted += _delete(DefinitionActor, Q(at__lt=now - timedelta(hours=1)))
    return deleted + _delete(DetailRequest, Q(until__lt=now - timedelta(hours=1)))


def trim_tiers(oldest: Mapping[int, datetime]) -> int:
    """How many rows were deleted: those of each tier (by its step) that no moment from then on needs, at most 20,000 of a series."""
    return sum(_trim_snapshots(at, False) if step == RAW_STEP else _trim_rollups(step, at) for step, at in oldest.items())


def _trim_rollups(step: int, oldest: datetime) -> int:
    deleted = 0
    for broker_id, kind in Rollup.objects.filter(step=step).order_by().values_list("broker_id", "kind").distinct():
        series = Q(broker_id=broker_id, kind=kind, step=step)
        key_at = Rollup.objects.filter(series, is_key=True, at__lte=oldest).order_by("-at").values_list("at", flat=True).first()
        if key_at is not None:
            deleted += _delete(RollupBlock, series & Q(at__lt=key_at)) + _delete(Rollup, series & Q(at__lt=key_at))
    return deleted


def _trim_snapshots(oldest: datetime, by_days: bool = True) -> int:
    """Those before; on PostgreSQL only whole days, unless it is not to go `by_days`."""
    deleted, rows = _delete(SnapshotBlock, Q(at__lt=oldest - 2 * KEYFRAME_EVERY)), Q()
    if engine.is_postgresql() and by_days:  # whole days at once; row by row only those from before there were partitions
        days = partitions.days(SNAPSHOTS)
        end = partitions.day_of(oldest - 2 * KEYFRAME_EVERY)  # a moment is read from its last keyframe on
        deleted += len(partitions.drop_days((SNAPSHOTS,), [day for day in days if day < end]))
        rows = Q(at__lt=partitions.beginning(days[0])) if days else Q()
    for broker_id, kind, step in Snapshot.objects.filter(rows).order_by().values_list("broker_id", "kind", "step").distinct():
        series = Q(broker_id=broker_id, kind=kind, step=step)
        key_at = Snapshot.objects.filter(series, is_key=True, at__lte=oldest).order_by("-at").values_list("at", flat=True).first()
        if key_at is not None:
            deleted += _delete(Snapshot, series & rows & Q(at__lt=key_at))
    return deleted


def make_snapshot_days(now: datetime) -> tuple[int, int]:
    """As `partitions.add_days`; SQLite has none."""
    return partitions.add_days((SNAPSHOTS,), now) if engine.is_postgresql() else (0, 0)


def _trim_versions(oldest: datetime) -> int:
    deleted = 0
    for broker_id, vhost in TopologyVersion.objects.order_by().values_list("broker_id", "vhost").distinct():
        series = Q(broker_id=broker_id, vhost=vhost)
        in_force = TopologyVersion.objects.filter(series, at__lte=oldest).order_by("-at").values_list("at", flat=True).first()
        if in_force is not None:
            deleted += _delete(TopologyVersion, series & Q(at__lt=in_force))
    return deleted


def _trim_surplus(most: Most) -> int:
    """Deletes the oldest of more than `most`, however young they are."""
    deleted = 0
    for broker_id in Broker.objects.order_by().values_list("pk", flat=True):
        own = Q(broker_id=broker_id)
        for model in (Queue, Exchange, Binding):
            deleted += _delete_before(model, own & Q(gone_at__isnull=False), "gone_at", most.gone)
        deleted += _delete_before(Change, own, "at", most.changes)
    for broker_id, vhost in TopologyVersion.objects.order_by().values_list("broker_id", "vhost").distinct():
        deleted += _delete_before(TopologyVersion, Q(broker_id=broker_id, vhost=vhost), "at", most.versions)
    return deleted


def _delete_before(model: type[Model], where: Q, field: str, kept: int) -> int:
    """Deletes all but the last `kept` of these rows, and those of the same moment as the first of them."""
    newest = model._default_manager.filter(where).order_by(f"-{field}").values_list(field, flat=True)
    first = newest[kept - 1 : kept].first()
    return 0 if first is None else _delete(model, where & Q(**{f"{field}__lt": first}))


def _delete(model: type[Model], where: Q) -> int:
    """Deletes rows a few hundred at a time, each batch a transaction of its own, so that no writer waits long."""
    deleted = 0
    while deleted < _MOST:
        keys = list(model._default_manager.filter(where).order_by("pk").values_list("pk", flat=True)[:_AT_ONCE])
        if not keys:
            break
        model._default_manager.filter(pk__in=keys).delete()
        deleted += len(keys)
    return deleted
