"""Reads which periodic tasks were due and did not run: of the schedules that worker nodes report and of periods that were observed, which are stored.

Maintenance loads no application of others, so entries that only HARELINE_CELERY_APP knows are looked at as far as their runs came regularly.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from brokers.models import Broker
from brokers.scope import EVERYTHING
from dashboard.findings.missed_runs import Expected
from dashboard.periodic.known import Known, periodic_tasks
from dashboard.periodic.text import missed_at_the_end, schedule_text

READ_EVERY = timedelta(seconds=30)
_NEVER = datetime.min.replace(tzinfo=UTC)


class MissedReader:
    """Of one broker, for one thread: reads again after half a minute."""

    def __init__(self) -> None:
        self._read_at, self._found = _NEVER, list[Expected]()

    def expected(self, broker: Broker, now: datetime) -> Sequence[Expected]:
        if not timedelta(0) <= now - self._read_at < READ_EVERY:
            known = periodic_tasks(EVERYTHING, broker.pk, None, now, with_application=False)
            self._read_at, self._found = now, [_expected(one, now) for one in known.items if one.entry.enabled]
        return self._found


def _expected(one: Known, now: datetime) -> Expected:
    entry, closed = one.entry, [slot for slot in one.slots if slot.outcome != "due"]
    missed = missed_at_the_end(closed)
    return Expected(
        one.vhost,
        entry.name,
        entry.task,
        f"about {schedule_text(entry.schedule)}" if entry.observed_runs else schedule_text(entry.schedule),
        bool(entry.observed_runs),
        one.seen_from is not None and bool(closed) and closed[-1].outcome != "unknown",
        len(missed),
        missed[0].at if missed else None,
        one.last.run.at if one.last else None,
        now,
        entry.sources,
    )
