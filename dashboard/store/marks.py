"""The only writer of marks."""

from __future__ import annotations

from datetime import datetime, timedelta

from dashboard.models import Mark

MOST_MARKS = 10_000
MARKS_KEPT = timedelta(days=400)


def add_mark(mark: Mark) -> Mark:
    mark.save()
    return mark


def remove_mark(mark: Mark) -> bool:
    """False if it was gone already."""
    return Mark.objects.filter(pk=mark.pk).delete()[0] > 0


def trim_marks(now: datetime) -> int:
    """Deletes what is older than charts reach back, and the oldest of too many; returns how many."""
    deleted = Mark.objects.filter(at__lt=now - MARKS_KEPT).delete()[0]
    surplus = list(Mark.objects.order_by("-at", "-pk").values_list("pk", flat=True)[MOST_MARKS : MOST_MARKS + 500])
    return deleted + (Mark.objects.filter(pk__in=surplus).delete()[0] if surplus else 0)
