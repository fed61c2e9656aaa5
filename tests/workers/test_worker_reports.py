"""What workers report of their application is kept over time: a version whenever it changes, and none of it longer than it is wanted."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from brokers.models import Broker
from brokers.scope import EVERYTHING
from dashboard.why import loaded_vhost
from tests.brokers.facts import NOON, a_broker, after
from workers import queries, store
from workers.models import Worker, WorkerReport
from workers.receiving.worker_state import WorkerState
from workers.store.reports import trim_reports

pytestmark = pytest.mark.django_db


class Receiver:
    """One that has received a worker's answers, and stores them."""

    def __init__(self) -> None:
        self.broker: Broker = a_broker()
        self.writer, _ = store.take_over(self.broker.pk, "/", NOON)
        self.worker = WorkerState(hostname="a@web-1", first_seen_at=NOON, state="online")

    def reports(self, at: datetime, default_queue: str, *registered: str) -> None:
        self.worker.configuration = {"task_default_queue": default_queue}
        self.worker.registered = [{"name": name, "attributes": {}} for name in registered]
        store.save_batch(self.writer, self.broker.pk, "/", store.Batch(workers=[self.worker]), at)

    def then(self, at: datetime) -> list[Any]:
        return [(one.hostname, one.configuration, one.configuration_at) for one in queries.applications_at(EVERYTHING, self.broker.pk, "/", at)]


def test_a_version_is_kept_whenever_the_report_changes_and_answers_for_its_time() -> None:
    receiver = Receiver()
    receiver.reports(after(0), "celery", "shop.pay")
    receiver.reports(after(5), "celery", "shop.pay")
    receiver.reports(after(10), "orders", "shop.pay")
    assert WorkerReport.objects.count() == 2
    assert receiver.then(after(-1)) == []
    assert receiver.then(after(9)) == [("a@web-1", {"task_default_queue": "celery"}, after(0))]
    assert receiver.then(after(10)) == [("a@web-1", {"task_default_queue": "orders"}, after(10))]


def test_an_explanation_of_a_past_moment_uses_the_settings_of_then() -> None:
    receiver = Receiver()
    receiver.reports(after(0), "celery", "shop.pay")
    receiver.reports(after(10), "orders", "shop.pay")
    known = [loaded_vhost.known_task(EVERYTHING, receiver.broker, "/", "shop.pay", after(seconds)) for seconds in (-1, 5, 15)]
    assert [[one.live.conf.get("task_default_queue") for one in each.configurations] for each in known] == [[], ["celery"], ["orders"]]
    assert [each.troubles for each in known] == [[loaded_vhost.NO_SETTINGS_THEN], [], []]


def test_a_worker_that_was_deleted_meanwhile_stores_none() -> None:
    receiver = Receiver()
    receiver.reports(after(0), "celery")
    Worker.objects.all().delete()
    receiver.reports(after(5), "orders")
    assert WorkerReport.objects.count() == 0


def test_old_versions_are_deleted_but_for_the_one_in_force_at_the_oldest_moment() -> None:
    receiver = Receiver()
    for seconds, queue in ((0, "a"), (10, "b"), (20, "c"), (30, "d")):
        receiver.reports(after(seconds), queue)
    assert trim_reports(after(25) + timedelta(hours=24), 24) == 2
    assert [configuration["task_default_queue"] for seconds in (25, 35) for _, configuration, _ in receiver.then(after(seconds))] == ["c", "d"]
    assert receiver.then(after(15)) == []
