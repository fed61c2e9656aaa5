"""`manage.py receiveevents`: the process that receives the events of Celery's workers and inspects them, at every broker of HARELINE_BROKERS."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection

from brokers import database_damage, interpreter, store
from brokers.polling import holders
from brokers.polling.share import Share
from brokers.process_runner import run_until_stopped, set_on_signals
from workers.receiving.broker_watch import SHARED, Allowed, BrokerWatch

log = structlog.get_logger(__name__)

DATABASE_RETRY_SECONDS = 2.0


class Command(BaseCommand):
    help = "Receives Celery's events and inspects its workers at the brokers of HARELINE_BROKERS until stopped. SIGTERM ends it within two seconds."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        stop = set_on_signals()
        holder = holders.this_process()
        share = Share("receiver", SHARED, holder)
        watches = self._watches(holder, share, stop)
        interpreter.look_for_garbage_rarely()
        log.info("receiving", brokers=len(watches))
        if not watches:
            log.warning("no_broker", hint="HARELINE_BROKERS names none")
        run_until_stopped(watches, "receiver", holder, stop, share=share)
        log.info("ended")

    def _watches(self, holder: str, share: Share, stop: threading.Event) -> list[BrokerWatch]:
        """One a broker; waits for a database that is locked or not there yet. [] if stopped before."""
        while not stop.is_set():
            try:
                now = datetime.now(UTC)
                rows, installation = store.ensure_brokers(settings.BROKERS, now), store.installation_id(now)
                break
            except DatabaseError as error:
                database_damage.note(error, "start", database_damage.A_WHILE_SECONDS)
                log.error("database_not_ready", reason=str(error), next_try_seconds=DATABASE_RETRY_SECONDS)
                connection.close()
                stop.wait(DATABASE_RETRY_SECONDS)
        else:
            return []
        return [
            BrokerWatch(
                address,
                rows[address.name].pk,
                installation,
                Allowed(address.name in settings.EVENTS, address.name in settings.INSPECT),
                holder,
                settings.CA_FILE,
                settings.CELERY_NAMES.get(address.name),
                share,
                settings.RESULTS.get(address.name),
            )
            for address in settings.BROKERS
        ]
