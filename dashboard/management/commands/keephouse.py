"""`manage.py keephouse`: the chores process. Trims what is kept for a time only, and keeps the database in shape, until SIGTERM.

One process holds the lease and works; a second one stands by.
"""

from __future__ import annotations

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

from brokers import holders
from brokers.database_file import OpenedFile
from brokers.polling import leases
from brokers.process_runner import set_on_signals
from brokers.store import trim_history
from dashboard.store import trim_audit
from workers.store import doubt_unheard, trim_tasks

ROUND_SECONDS = 5.0
LEASE_SECONDS = 20.0
log = structlog.get_logger(__name__)


@dataclass
class Chore:
    """A piece of work and how often it is due; `done_at` None: not yet since this process started."""

    name: str
    every: timedelta
    work: Callable[[datetime], object]
    done_at: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        return self.done_at is None or now - self.done_at >= self.every


def chores() -> list[Chore]:
    """All chores; what grows fastest is trimmed most often, so that each time is short."""
    return [
        Chore("doubt workers that nobody hears", timedelta(seconds=5), doubt_unheard),
        Chore("trim history", timedelta(minutes=1), lambda now: trim_history(now, settings.RETENTION_RAW_HOURS)),
        Chore("trim tasks", timedelta(seconds=15), lambda now: trim_tasks(now, settings.RETENTION_TASK_DAYS, settings.RETENTION_TASKS)),
        Chore("trim audit", timedelta(hours=6), lambda now: trim_audit(now, settings.RETENTION_AUDIT_DAYS)),
        Chore("clear sessions", timedelta(hours=6), lambda _: SessionStore.clear_expired()),
        # passive: the other modes keep writers out for as long as somebody reads
        Chore("write back the log", timedelta(minutes=5), lambda _: _pragma("wal_checkpoint(PASSIVE)")),
        Chore("optimize", timedelta(hours=1), lambda _: _pragma("optimize")),
    ]


def do_due(work: list[Chore], now: datetime) -> list[str]:
    """The names of the chores that were due and are done. One that fails is logged and tried again when it is next due."""
    done = []
    for chore in work:
        if not chore.is_due(now):
            continue
        chore.done_at = now
        try:
            chore.work(now)
        except DatabaseError:
            log.exception("a chore failed", chore=chore.name)
        else:
            done.append(chore.name)
    return done


def _pragma(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA {statement}")
        cursor.fetchall()


class Command(BaseCommand):
    help = "Trims history and the audit log and keeps the database in shape, until SIGTERM."

    def handle(self, *args: Any, **options: Any) -> None:
        ended = set_on_signals()
        holder = holders.this_process()
        work, opened = chores(), OpenedFile()
        while not opened.is_gone():
            self.round(holder, work)
            if ended.wait(ROUND_SECONDS):
                leases.release("chores", holder)
                break

    def round(self, holder: str, work: list[Chore]) -> None:
        """One heartbeat, and the due chores if we hold the lease. A database that can't be used now is logged and tried again."""
        now = timezone.now()
        try:
            working = leases.take("chores", holder, now, LEASE_SECONDS)
            leases.beat("chores", holder, now, standby=not working)
            if working:
                do_due(work, now)
        except DatabaseError:
            log.exception("the chores could not be done; trying again")
