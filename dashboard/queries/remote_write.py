"""The long-term store that figures are written to."""

from __future__ import annotations

from datetime import datetime, timedelta

from dashboard.models import RemoteWrite

PRESENT_FOR = timedelta(minutes=15)
"""A store that maintenance has not tried for longer is no longer configured, or maintenance does not run, which is shown by itself."""


def remote_write(now: datetime) -> RemoteWrite | None:
    """The store that is written to now."""
    return RemoteWrite.objects.filter(tried_at__gt=now - PRESENT_FOR).order_by("-tried_at").first()
