"""The only writer of experiments of the lab."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db import transaction

from brokers import lab_names
from brokers.models import Broker
from dashboard.models import LabExperiment, User

MOST_EXPERIMENTS = 3
"""At once, of all brokers: each is half a dozen processes."""
EXPERIMENT_LASTS = timedelta(minutes=10)
LONGEST_EXPERIMENT = timedelta(hours=1)
"""However often it is prolonged."""
EXPERIMENTS_KEPT = 200


class LabFull(Exception):
    """As many experiments run as may at once. `ends_at`: when the first of them ends by itself."""

    def __init__(self, ends_at: datetime) -> None:
        super().__init__(str(ends_at))
        self.ends_at = ends_at


def begin_experiment(user: User | AnonymousUser, broker: str, installation: str, pattern: str, knobs: Mapping[str, Any], now: datetime) -> LabExperiment:
    """Stores what the lab's process is to start. Raises LabFull."""
    with transaction.atomic():
        list(Broker.objects.select_for_update(no_key=True).order_by("pk"))  # one after the other: SQLite's writers wait for each other anyway
        active = list(LabExperiment.objects.filter(state__in=LabExperiment.ACTIVE).order_by("ends_at"))
        if len(active) >= MOST_EXPERIMENTS:
            raise LabFull(active[0].ends_at)
        found = LabExperiment.objects.create(
            user_id=user.pk,
            user_name=user.get_username(),
            broker=broker,
            pattern=pattern,
            knobs=dict(knobs),
            requested_at=now,
            ends_at=now + EXPERIMENT_LASTS,
        )
        found.vhost = f"{lab_names.prefix(installation)}{found.pk}"
        LabExperiment.objects.filter(pk=found.pk).update(vhost=found.vhost)
    return found


def change_experiment(pk: int, knobs: Mapping[str, Any]) -> bool:
    """Stores other knobs; False where it has ended."""
    with transaction.atomic():
        found = LabExperiment.objects.select_for_update().filter(pk=pk, state__in=LabExperiment.ACTIVE, stopped_by="").first()
        if found is None:
            return False
        LabExperiment.objects.filter(pk=pk).update(knobs=dict(knobs), revision=found.revision + 1)
        return True


def stop_experiment(pk: int, by: str) -> bool:
    """False where it has ended, or was stopped before."""
    return bool(LabExperiment.objects.filter(pk=pk, state__in=LabExperiment.ACTIVE, stopped_by="").update(stopped_by=by))


def prolong_experiment(pk: int) -> datetime | None:
    """When it ends now: EXPERIMENT_LASTS later, at most LONGEST_EXPERIMENT after it was requested. None where it has ended, or lasts that long already."""
    with transaction.atomic():
        found = LabExperiment.objects.select_for_update().filter(pk=pk, state__in=LabExperiment.RUNS, stopped_by="").first()
        ends_at = None if found is None else min(found.ends_at + EXPERIMENT_LASTS, found.requested_at + LONGEST_EXPERIMENT)
        if found is None or ends_at is None or ends_at <= found.ends_at:
            return None
        LabExperiment.objects.filter(pk=pk).update(ends_at=ends_at)
        return ends_at


def note_experiment(pk: int, state: str, **fields: Any) -> None:
    """What the lab's process made of it."""
    LabExperiment.objects.filter(pk=pk).update(state=state, **fields)


def trim_experiments(now: datetime) -> int:
    """How many were deleted: all that ended but the newest EXPERIMENTS_KEPT."""
    ended = LabExperiment.objects.filter(state=LabExperiment.ENDED)
    oldest = list(ended.order_by("-pk").values_list("pk", flat=True)[EXPERIMENTS_KEPT : EXPERIMENTS_KEPT + 1])
    return ended.filter(pk__lte=oldest[0]).delete()[0] if oldest else 0
