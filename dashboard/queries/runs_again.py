"""The only reader of which tasks were run again."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db.models import Count, Q

from brokers.scope import Scope
from dashboard.models import NOT_RUN_AGAIN, RunAgain, RunAgainBatch

SHOWN = 10


def run_again_batch(scope: Scope, batch_id: int) -> RunAgainBatch | None:
    """The batch, of a virtual host that may be viewed as a whole."""
    found = RunAgainBatch.objects.select_related("user").filter(pk=batch_id).first()
    return found if found is not None and scope.covers(found.broker, found.vhost) else None


def run_again_pause(batch_id: int, now: datetime) -> float:
    """How many seconds the rate of the batch still requires between what was taken last and what comes next."""
    rows = RunAgain.objects.filter(batch_id=batch_id, sent_at__lte=now).order_by("-sent_at")
    last = rows.values_list("sent_at", "batch__per_second").first()
    return 0.0 if last is None or last[0] is None else max(0.0, 1 / last[1] - (now - last[0]).total_seconds())


def run_again_counts(batch: RunAgainBatch) -> dict[str, int]:
    """{state: how many of its tasks are in it}."""
    return dict(RunAgain.objects.filter(batch=batch).order_by("state").values_list("state").annotate(count=Count("pk")))


def run_again_items(batch_id: int, states: Collection[str] = (), most: int = 1000) -> list[RunAgain]:
    """Its tasks in the order in which they are sent; of some states alone, where given."""
    rows = RunAgain.objects.filter(batch_id=batch_id).order_by("pk")
    return list((rows.filter(state__in=states) if states else rows)[:most])


def runs_of_task(broker: str, vhost: str, uuid: str) -> list[RunAgain]:
    """In which batches the task was run again or runs another one, the latest first."""
    rows = RunAgain.objects.select_related("batch").filter(Q(old_uuid=uuid) | Q(new_uuid=uuid), batch__broker=broker, batch__vhost=vhost)
    return list(rows.order_by("-pk")[:SHOWN])


def run_again_already(broker: str, vhost: str, uuids: Collection[str]) -> frozenset[str]:
    """Those of these tasks that were run again, or are about to be."""
    rows = RunAgain.objects.filter(old_uuid__in=list(uuids), batch__broker=broker, batch__vhost=vhost)
    return frozenset(rows.exclude(state__in=NOT_RUN_AGAIN).values_list("old_uuid", flat=True))


def newest_run_again() -> int:
    """The key of the task that was run again last, of all; 0 before the first."""
    return RunAgain.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
