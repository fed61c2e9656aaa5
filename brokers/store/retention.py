"""Deletes rows past their retention, in small transactions."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Model, Q

from brokers.models import Binding, Change, DetailRequest, Exchange, Node, PollAttempt, Queue, Snapshot, TopologyVersion, VirtualHost

ATTEMPTS_KEPT = timedelta(days=1)
CHANGES_KEPT = timedelta(days=30)
_AT_ONCE = 500
_MOST = 20_000


def trim_history(now: datetime, raw_hours: float) -> int:
    """How many rows were deleted: at most 20,000 of each kind, the rest at the next call.

    Snapshots older than `raw_hours` are deleted, except those since the last keyframe before that moment, which later ones need. Deleted queues
    and exchanges are kept as long as their history, and so is the version of the topology in force at the oldest moment.
    """
    oldest = now - timedelta(hours=raw_hours)
    deleted = _trim_snapshots(oldest) + _trim_versions(oldest)
    for model in (Queue, Exchange, Binding, Node, VirtualHost):
        deleted += _delete(model, Q(gone_at__lt=oldest))
    deleted += _delete(PollAttempt, Q(at__lt=now - ATTEMPTS_KEPT))
    deleted += _delete(Change, Q(at__lt=now - CHANGES_KEPT))
    return deleted + _delete(DetailRequest, Q(until__lt=now - timedelta(hours=1)))


def _trim_snapshots(oldest: datetime) -> int:
    deleted = 0
    for broker_id, kind, step in Snapshot.objects.order_by().values_list("broker_id", "kind", "step").distinct():
        series = Q(broker_id=broker_id, kind=kind, step=step)
        key_at = Snapshot.objects.filter(series, is_key=True, at__lte=oldest).order_by("-at").values_list("at", flat=True).first()
        if key_at is not None:
            deleted += _delete(Snapshot, series & Q(at__lt=key_at))
    return deleted


def _trim_versions(oldest: datetime) -> int:
    deleted = 0
    for broker_id, vhost in TopologyVersion.objects.order_by().values_list("broker_id", "vhost").distinct():
        series = Q(broker_id=broker_id, vhost=vhost)
        in_force = TopologyVersion.objects.filter(series, at__lte=oldest).order_by("-at").values_list("at", flat=True).first()
        if in_force is not None:
            deleted += _delete(TopologyVersion, series & Q(at__lt=in_force))
    return deleted


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
