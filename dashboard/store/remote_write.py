"""The only writer of what was written to a long-term store."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import F

from dashboard.models import RemoteWrite

REMOTE_WRITES_KEPT = timedelta(days=30)


def remote_write_to(key: str, address: str) -> RemoteWrite:
    """The row of a store; a new one was written nothing."""
    return RemoteWrite.objects.get_or_create(key=key, defaults={"address": address})[0]


def begin_remote_write(row: RemoteWrite, position: str, at: datetime) -> None:
    """What is recorded after this moment is written; nothing from before."""
    row.positions = {**row.positions, position: at.isoformat()}
    RemoteWrite.objects.filter(pk=row.pk).update(positions=row.positions)


def note_written(row: RemoteWrite, position: str, until: datetime | None, samples: int, dropped: int, refusal: str, now: datetime) -> None:
    """The samples of one position were written until a moment (None: it has no moments), or refused for good."""
    if until is not None:
        row.positions = {**row.positions, position: until.isoformat()}
    row.error, row.failing_since, row.behind_since = "", None, None
    counted = {"samples": F("samples") + samples, "dropped": F("dropped") + dropped, **({"refusal": refusal} if refusal else {})}
    state = {"positions": row.positions, "error": "", "failing_since": None, "behind_since": None, "tried_at": now, "written_at": now}
    RemoteWrite.objects.filter(pk=row.pk).update(**counted, **state)


def note_not_written(row: RemoteWrite, error: str, behind_since: datetime | None, now: datetime) -> None:
    """Nothing can be written now; since when nothing could stays."""
    row.error, row.failing_since = error, row.failing_since or now
    row.behind_since = behind_since or row.behind_since
    RemoteWrite.objects.filter(pk=row.pk).update(error=error, failing_since=row.failing_since, behind_since=row.behind_since, tried_at=now)


def trim_remote_writes(now: datetime) -> int:
    """How many rows of stores were deleted that nothing was written to for a month."""
    return RemoteWrite.objects.filter(tried_at__lt=now - REMOTE_WRITES_KEPT).delete()[0]
