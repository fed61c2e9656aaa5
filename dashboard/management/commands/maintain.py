"""`manage.py maintain`: the maintenance process. Looks for what is wrong, notifies people, writes to a long-term store, deletes what is past its retention
and keeps the database in shape, until SIGTERM.

One process holds the lease and works; a second one stands by.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import BaseCommand
from django.db import DatabaseError, connection
from django.utils import timezone

from brokers import database_damage, interpreter
from brokers.database import engine
from brokers.database_file import OpenedFile
from brokers.history_bound import measure_and_trim
from brokers.packing import pack_history
from brokers.polling import holders, leases
from brokers.polling.presence import Presence, of_this_process
from brokers.process_runner import set_on_signals
from brokers.queries.database_sizes import table_sizes
from brokers.rolling_up import HistoryRollups
from brokers.rollups import STEPS
from brokers.store import make_snapshot_days, trim_history
from brokers.usual_learning import learn_usuals
from dashboard import encryption
from dashboard.exporting.loop import RemoteWriteLoop
from dashboard.findings.loop import FindingsLoop
from dashboard.notifications.loop import NotificationsLoop
from dashboard.notifications.targets import rotate_secrets, unusable
from dashboard.store import (
    delete_old_findings,
    trim_audit,
    trim_cache,
    trim_deliveries,
    trim_experiments,
    trim_invitations,
    trim_login_delays,
    trim_marks,
    trim_remote_writes,
    trim_runs_again,
    trim_sessions,
)
from dashboard.store.second_factors import encrypt_anew
from workers.store import (
    count_failures,
    make_task_days,
    mark_workers_unknown,
    repair_counts,
    sum_statistics,
    trim_canvas,
    trim_custom_events,
    trim_failures,
    trim_reports,
    trim_statistics,
    trim_tasks,
)  # fmt: skip

KIND = "maintenance"  # of its lease and heartbeat
ROUND_SECONDS = 5.0
RETRY = timedelta(minutes=1)
LEASE_SECONDS = 20.0
log = structlog.get_logger(__name__)


@dataclass
class Job:
    """A piece of work and how often it is due; `done_at` is None until this process has run it once."""

    name: str
    every: timedelta
    work: Callable[[datetime], object]
    done_at: datetime | None = None
    succeeded_at: datetime | None = None
    took_seconds: float = 0.0

    def is_due(self, now: datetime) -> bool:
        return self.done_at is None or not timedelta(0) <= now - self.done_at < self.every  # or the clock was set back


def jobs() -> list[Job]:
    """All jobs. What grows fastest is trimmed most often, so that each run is short."""
    return [
        Job("mark workers unknown while no receiver runs", timedelta(seconds=5), mark_workers_unknown),
        Job("roll up history", timedelta(seconds=20), HistoryRollups().update),
        Job("pack history", timedelta(minutes=1), lambda _: pack_history()),
        Job("trim history", timedelta(minutes=1), lambda now: trim_history(now, settings.RETENTION_RAW_HOURS, rollup_days=rollup_days())),
        Job("measure history and keep it within its bytes", timedelta(minutes=5), measure_history),
        Job("trim canvas", timedelta(minutes=10), lambda now: trim_canvas(now, settings.RETENTION_TASK_DAYS)),
        Job("trim reports of workers", timedelta(minutes=10), lambda now: trim_reports(now, settings.RETENTION_RAW_HOURS)),
        Job("trim custom events", timedelta(minutes=5), lambda now: trim_custom_events(now, settings.RETENTION_TASK_DAYS)),
        Job("trim tasks", timedelta(seconds=15), lambda now: trim_tasks(now, settings.RETENTION_TASK_DAYS, settings.RETENTION_TASKS)),
        Job("count failures", timedelta(seconds=10), count_failures),
        Job("sum statistics of tasks", timedelta(seconds=10), lambda _: sum_statistics()),
        Job("trim statistics of tasks", timedelta(minutes=5), trim_statistics),
        Job("trim failures", timedelta(minutes=10), lambda now: trim_failures(now, settings.RETENTION_FINDING_DAYS)),
        Job("compare the counts of tasks", timedelta(hours=1), lambda _: repair_counts()),
        Job("measure tables", timedelta(minutes=5), measure_tables),
        Job("learn what is usual of queues", timedelta(minutes=5), learn_usuals),
        Job("trim runs again", timedelta(minutes=10), lambda now: trim_runs_again(now, settings.RETENTION_TASK_DAYS)),
        Job("trim experiments", timedelta(hours=1), trim_experiments),
        Job("trim marks", timedelta(hours=1), trim_marks),
        Job("trim audit", timedelta(hours=6), lambda now: trim_audit(now, settings.RETENTION_AUDIT_DAYS)),
        Job("trim findings", timedelta(hours=1), lambda now: delete_old_findings(now, settings.RETENTION_FINDING_DAYS)),
        Job("trim messages", timedelta(hours=1), lambda now: trim_deliveries(now, settings.RETENTION_DELIVERY_DAYS)),
        Job("encrypt by the newest key", timedelta(hours=6), lambda _: rotate_secrets() + encrypt_anew(encryption.rotated)),
        Job("forget stores that are no longer written to", timedelta(hours=6), trim_remote_writes),
        Job("trim cache", timedelta(hours=1), trim_cache),
        Job("forget wrong passwords", timedelta(hours=1), trim_login_delays),
        Job("forget links that have expired", timedelta(hours=1), trim_invitations),
        Job("clear sessions", timedelta(hours=6), lambda _: (SessionStore.clear_expired(), trim_sessions())),
        *(_jobs_of_postgresql() if engine.is_postgresql() else _jobs_of_sqlite()),
    ]


def _jobs_of_postgresql() -> list[Job]:
    return [
        Job("make the days of tasks", timedelta(hours=1), make_task_days),
        Job("make the days of snapshots", timedelta(hours=1), make_snapshot_days),
    ]


def _jobs_of_sqlite() -> list[Job]:
    """What PostgreSQL does by itself."""
    return [
        # passive: the other modes block writers for as long as a reader is open
        Job("write back the log", timedelta(minutes=5), lambda _: _pragma("wal_checkpoint(PASSIVE)")),
        Job("optimize", timedelta(hours=1), lambda _: _pragma("optimize")),
    ]


TABLES: dict[str, object] = {}
"""As measured last: {"at", "seconds" that it took, "sizes": [[table, partition, bytes], …]}; {} before that, and on PostgreSQL, which measures at once."""


HISTORY: dict[str, object] = {}
"""The tiers of history as measured last: {"at", "seconds" that it took, "tiers": [[step, first, last, bytes], …]}; {} before that."""
_CHEAP_SECONDS = 0.2


def rollup_days() -> dict[int, float]:
    """How many days the tiers beside the polls are kept, by their steps."""
    return dict(zip(STEPS, (settings.RETENTION_MINUTE_DAYS, settings.RETENTION_TEN_MINUTE_DAYS), strict=True))


def measure_history(now: datetime) -> None:
    """Keeps it within its bytes if these have a bound; without one it is measured once an hour where that takes long."""
    if not settings.RETENTION_HISTORY_BYTES and _is_recent_and_dear(HISTORY, now):
        return
    began = time.monotonic()
    tiers = [list(one) for one in measure_and_trim(settings.RETENTION_HISTORY_BYTES)]
    HISTORY.update(at=now.isoformat(), tiers=tiers, seconds=time.monotonic() - began)


def _is_recent_and_dear(found: dict[str, object], now: datetime) -> bool:
    took, at = found.get("seconds"), found.get("at")
    is_dear = isinstance(took, float) and took > _CHEAP_SECONDS
    return is_dear and isinstance(at, str) and now - datetime.fromisoformat(at) < timedelta(hours=1)


def measure_tables(now: datetime) -> None:
    """Reads the whole file, so once an hour where that takes long."""
    if engine.is_postgresql() or _is_recent_and_dear(TABLES, now):
        return
    began = time.monotonic()
    sizes = [[size.table, size.partition, size.size_bytes] for size in table_sizes()]
    TABLES.update(at=now.isoformat(), sizes=sizes, seconds=time.monotonic() - began)


def run_due(work: list[Job], now: datetime) -> list[str]:
    """The names of the jobs that were due and succeeded. One that fails is logged and runs again when it is next due, or a minute later if that is rare."""
    done = []
    for job in work:
        if not job.is_due(now):
            continue
        job.done_at, began = now, time.monotonic()
        try:
            job.work(now)
        except DatabaseError as error:
            job.done_at = now - max(job.every - RETRY, timedelta(0))
            _log_failure("maintenance_job_failed", error, job.name, job=job.name)
        else:
            database_damage.passed(job.name)
            job.succeeded_at, job.took_seconds = now, time.monotonic() - began
            done.append(job.name)
    return done


def _log_failure(event: str, error: DatabaseError, where: str, **facts: str) -> None:
    """One line where another process held the database or it is away, which passes; else with the traceback."""
    database_damage.note(error, where)
    if engine.is_of_others(error):
        log.warning(event, reason=str(error).strip(), **facts)
    else:
        database_damage.log_failure(log, event, error, **facts)


def _pragma(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA {statement}")
        cursor.fetchall()


def measured(work: list[Job]) -> dict[str, dict[str, object]]:
    """{job: {"at": when it last succeeded, "seconds": how long it took, "every_seconds": how often it is due}} of those that this process has run."""
    return {
        job.name: {"at": job.succeeded_at.isoformat(), "seconds": round(job.took_seconds, 3), "every_seconds": job.every.total_seconds()}
        for job in work
        if job.succeeded_at is not None
    }


class Command(BaseCommand):
    reported = leases.NOTHING_REPORTED
    working = False
    taken_at = 0.0  # by a clock that nobody sets
    help = "Looks for what is wrong, notifies people, trims history, tasks and the audit log and keeps the database in shape, until SIGTERM."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        ended = set_on_signals()
        holder = holders.this_process()
        work, opened = jobs(), OpenedFile()
        presence = Presence(KIND, holder)
        self.reported = presence.reported
        loops = FindingsLoop(self.may_work, unusable), NotificationsLoop(self.may_work), RemoteWriteLoop(self.may_work)
        interpreter.look_for_garbage_rarely()
        for loop in loops:
            loop.start()
        while not opened.is_gone():
            self.round(holder, work)
            if ended.wait(ROUND_SECONDS):
                break
        self._note(False)
        for loop in loops:
            loop.stop()
        if not opened.is_gone():
            leases.release(KIND, holder)
        presence.leave()

    def round(self, holder: str, work: list[Job]) -> None:
        """Records a heartbeat, and runs the due jobs if this process holds the lease. A database error is logged; the next round tries again."""
        now = timezone.now()
        try:
            tried_at = time.monotonic()
            working = leases.take(KIND, holder, now, LEASE_SECONDS)
            self.taken_at = tried_at if working else self.taken_at
            self._note(working)
            database_damage.passed(KIND)
            found = {**of_this_process(), "jobs": measured(work), "tables": TABLES, "history": HISTORY}
            leases.beat(KIND, holder, now, not working, database_damage.sentence(), self.reported, found)
            if working:
                run_due(work, now)
        except DatabaseError as error:
            _log_failure("maintenance_round_failed", error, KIND)

    def may_work(self) -> bool:
        """True while this process certainly holds the lease: a job that takes longer than the lease lets another process begin."""
        return self.working and time.monotonic() - self.taken_at < LEASE_SECONDS

    def _note(self, working: bool) -> None:
        if working != self.working:
            self.working = working
            log.info("lease_taken" if working else "lease_not_ours", lease=KIND)
