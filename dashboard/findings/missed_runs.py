"""Periodic tasks that were due and did not run, as `dashboard.findings.rules.periodic_missed` looks at them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec


class Expected(msgspec.Struct, frozen=True):
    """A periodic task, as of now. `missed`: so many moments in a row up to the last one had no run, the first of them `since`. `is_known` False: events were
    not received when it was due last, or it was not due yet."""

    vhost: str
    name: str  # of the schedule's entry
    task: str
    schedule: str
    is_observed: bool
    is_known: bool
    missed: int = 0
    since: datetime | None = None
    last_run_at: datetime | None = None
    read_at: datetime | None = None
    sources: Sequence[str] = ()
