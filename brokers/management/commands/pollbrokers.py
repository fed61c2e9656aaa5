"""`manage.py pollbrokers`: the process that polls every broker of HARELINE_BROKERS until it is stopped."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection

from brokers import database_damage, interpreter, store
from brokers.models import Broker
from brokers.polling import holders
from brokers.polling.poll_loop import PollLoop
from brokers.polling.share import Share
from brokers.process_runner import run_until_stopped, set_on_signals

log = structlog.get_logger(__name__)


def measured(loops: Iterable[PollLoop]) -> dict[str, Any]:
    """Whether polls wait for their broker or for this process: by broker, for how long it was sent no request."""
    return {"idle_seconds": {loop.address.name: round(idle, 1) for loop in loops if (idle := loop.idle_seconds) is not None}}


class Command(BaseCommand):
    help = "Polls the brokers of HARELINE_BROKERS until stopped. SIGTERM ends it within two seconds."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        stop = set_on_signals()
        holder = holders.this_process()
        rows = self._rows(stop)
        several, share = len(settings.BROKERS) > 1, Share("poller", "poll ", holder)
        loops = [
            PollLoop(address, rows[address.name].pk, holder, settings.POLL_SECONDS, settings.CA_FILE, one_of_several=several, share=share)
            for address in settings.BROKERS
            if rows
        ]
        log.info("polling", brokers=len(loops), every_seconds=settings.POLL_SECONDS)
        if not loops:
            log.warning("no_broker", hint="HARELINE_BROKERS names none")
        interpreter.look_for_garbage_rarely()
        interpreter.shorten_turns()
        run_until_stopped([work for loop in loops for work in (loop, loop.inventory)], "poller", holder, stop, share=share, measured=lambda: measured(loops))
        log.info("ended")

    def _rows(self, stop: threading.Event) -> dict[str, Broker]:
        """A row for each broker; waits while the database is locked or missing. {} if stopped meanwhile."""
        while not stop.is_set():
            try:
                now = datetime.now(UTC)
                rows = store.ensure_brokers(settings.BROKERS, now)
                store.note_start(rows.values(), settings.VERSION, settings.SHARED_FINGERPRINTS, now)
                return rows
            except DatabaseError as error:
                database_damage.note(error, "start", database_damage.A_WHILE_SECONDS)
                log.error("database_not_ready", reason=str(error), next_try_seconds=settings.POLL_SECONDS)
                connection.close()
                stop.wait(settings.POLL_SECONDS)
        return {}
