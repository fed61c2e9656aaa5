"""The only writer of which tasks were run again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import Q

from brokers.models import Broker
from dashboard.models import NOT_RUN_AGAIN, RunAgain, RunAgainBatch, User

RUN_AGAIN_STALLED = timedelta(seconds=60)
"""After which a batch that does nothing is taken for one whose program has ended: a sending lasts 15 s at most."""
MOST_RUN_AGAIN_BATCHES = 10_000
_EARLY = 0.8  # of the pause between two: clocks and threads are not exact


class RunAgainMeanwhile(Exception):
    """Somebody else, or the same confirmation once more, has begun to run one of the tasks again."""


def begin_run_again(
    user: User | AnonymousUser,
    broker: str,
    vhost: str,
    about: str,
    per_second: float,
    items: Sequence[tuple[int | None, str, str, str]],
    now: datetime,
    after: int | None = None,
) -> RunAgainBatch:
    """`items`: (key of the old task, its uuid, the new uuid, the task's name). `after`: the newest run that was known when these were chosen; RunAgainMeanwhile
    if one of the tasks has a later one, whichever process began it. None: not looked for."""
    with transaction.atomic():
        list(Broker.objects.select_for_update(no_key=True).filter(name=broker))  # one after the other: SQLite's writers wait for each other anyway
        if after is not None:
            later = RunAgain.objects.filter(pk__gt=after, old_uuid__in=[old for _, old, _, _ in items], batch__broker=broker, batch__vhost=vhost)
            if later.exclude(state__in=NOT_RUN_AGAIN).exists():
                raise RunAgainMeanwhile
        batch = RunAgainBatch.objects.create(
            user_id=user.pk,
            user_name=user.get_username(),
            broker=broker,
            vhost=vhost,
            about=about[:2000],
            per_second=per_second,
            begun_at=now,
            beat_at=now,
        )
        RunAgain.objects.bulk_create([RunAgain(batch=batch, old_task=key, old_uuid=old, new_uuid=new, name=name[:500]) for key, old, new, name in items])
    return batch


def note_run_again(
    user: User | AnonymousUser, broker: str, vhost: str, old_uuid: str, new_uuid: str, name: str, outcome: str, reason: str, now: datetime
) -> RunAgainBatch:
    """A batch of one that was sent already, as by the form."""
    with transaction.atomic():
        batch = begin_run_again(user, broker, vhost, "", 1.0, [(None, old_uuid, new_uuid, name)], now)
        RunAgain.objects.filter(batch=batch).update(state=outcome, reason=reason[:2000], sent_at=now)
        end_run_again(batch.pk, RunAgainBatch.DONE)
    return batch


def take_run_again(item_id: int, batch_id: int, now: datetime) -> bool:
    """Takes an item that waits, to send it; False where another program has, its batch was stopped, or another one was taken sooner than its rate allows:
    then somebody else sends the batch."""
    with transaction.atomic():
        batch = RunAgainBatch.objects.filter(pk=batch_id, state=RunAgainBatch.RUNNING)
        if not batch.update(beat_at=now):
            return False
        pause = timedelta(seconds=_EARLY / batch.get().per_second)
        if RunAgain.objects.filter(batch_id=batch_id, sent_at__gt=now - pause, sent_at__lte=now).exists():
            return False
        return bool(RunAgain.objects.filter(pk=item_id, state=RunAgain.WAITING).update(state=RunAgain.SENDING, sent_at=now))


def end_run_again_item(item_id: int, state: str, reason: str = "") -> None:
    RunAgain.objects.filter(pk=item_id).update(state=state, reason=reason[:2000])


def end_run_again(batch_id: int, state: str, reason: str = "") -> None:
    """The batch is over, unless it is already."""
    RunAgainBatch.objects.filter(pk=batch_id, state=RunAgainBatch.RUNNING).update(state=state, reason=reason[:2000])


def resume_run_again(batch_id: int, now: datetime) -> bool:
    """Goes on with a batch that was stopped, or whose program has ended; False where it runs, or is done. One of two who try it gets it."""
    idle = Q(state=RunAgainBatch.STOPPED) | Q(state=RunAgainBatch.RUNNING, beat_at__lt=now - RUN_AGAIN_STALLED)
    return bool(RunAgainBatch.objects.filter(idle, pk=batch_id).update(state=RunAgainBatch.RUNNING, reason="", beat_at=now))


def trim_runs_again(now: datetime, days: float) -> int:
    """How many batches were deleted: those begun more than `days` ago, and beyond the newest 10,000. At most 20 a call."""
    newest = list(RunAgainBatch.objects.order_by("-pk").values_list("pk", flat=True)[MOST_RUN_AGAIN_BATCHES : MOST_RUN_AGAIN_BATCHES + 1])
    old = Q(begun_at__lt=now - timedelta(days=days)) | Q(pk__lte=newest[0] if newest else 0)
    keys = list(RunAgainBatch.objects.filter(old).order_by("pk").values_list("pk", flat=True)[:20])
    RunAgainBatch.objects.filter(pk__in=keys).delete()
    return len(keys)
