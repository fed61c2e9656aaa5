"""Two web processes that begin to run the same tasks again at once, in two connections: one of them does."""

from __future__ import annotations

from threading import Thread

import pytest
from django.db import connection, transaction
from django.utils import timezone

from brokers.models import Broker
from dashboard import store
from dashboard.again import action as again
from dashboard.models import AuditEvent, RunAgain, User
from tests.pages.failed_tasks import broker as broker
from tests.pages.failed_tasks import seen
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def test_of_two_processes_that_begin_the_same_tasks_at_once_one_is_refused(broker: Broker) -> None:
    ada = User.objects.create_superuser("ada")
    ready, _ = again.sorted_out("prod", "/", [seen(broker, "u1"), seen(broker, "u2")], include_again=False)
    refused: list[str] = []

    def other() -> None:
        try:
            again.begin(ada, "prod", "/", ready, 1.0, "", timezone.now(), after=0)
        except store.RunAgainMeanwhile:
            refused.append("meanwhile")
        finally:
            connection.close()

    thread = Thread(target=other)
    with transaction.atomic():
        store.begin_run_again(ada, "prod", "/", "", 1.0, [(one.task.pk, one.task.uuid, f"new-{one.task.uuid}", "a") for one in ready], timezone.now(), 0)
        thread.start()
        wait_until(lambda: not thread.is_alive() or _waits_for_the_first(), 60)
    thread.join()
    assert refused == ["meanwhile"]
    assert RunAgain.objects.count() == 2
    assert AuditEvent.objects.filter(outcome=store.FAILED).get().detail["reason"] == again.MEANWHILE


def _waits_for_the_first() -> bool:
    """True once another connection waits for a lock; on SQLite, where nothing shows that, at once: whoever writes there waits."""
    if connection.vendor == "sqlite":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # else it is the same throughout a transaction
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
        return bool(cursor.fetchone()[0])
