"""Which workers a person keeps in the lists, or takes out of them. The receiver writes none of these fields."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F

from workers.models import EventSource, Worker


def pin_worker(worker: Worker, pinned: bool) -> None:
    """Keeps a worker in the lists when it is gone, or no longer does."""
    _change(worker, pinned=pinned, **({"forgotten_at": None} if pinned else {}))


def forget_worker(worker: Worker, now: datetime) -> None:
    """Takes a worker out of the lists until something is received of it again. Its page and its tasks stay."""
    _change(worker, forgotten_at=now, pinned=False)


def _change(worker: Worker, **fields: object) -> None:
    with transaction.atomic():
        Worker.objects.filter(pk=worker.pk).update(**fields)
        EventSource.objects.filter(broker_id=worker.broker_id, vhost=worker.vhost).update(revision=F("revision") + 1)  # so that open pages are updated
