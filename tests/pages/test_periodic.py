"""The page of periodic tasks: what workers report, what was seen of it, and who may see it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from brokers.models import Broker, Queue, VirtualHost
from tests.people import person
from workers.models import EventSource, Task, TaskStatistic, Worker

pytestmark = pytest.mark.django_db
NIGHTLY = {"name": "nightly <b>", "task": "reports.nightly", "schedule": "<crontab: 0 * * * * (m/h/dM/MY/d)>", "args": "()", "kwargs": "{}", "queue": "slow"}
TICK = {"name": "tick", "task": "shop.tick", "schedule": 60.0, "args": "(1,)", "kwargs": "{}", "queue": None}
OTHER_TICK = {**TICK, "name": "other tick", "args": "(2,)"}


class Shop:
    def __init__(self) -> None:
        self.now = timezone.now()
        self.broker = Broker.objects.create(name="prod", state=Broker.UP, since=self.now, polled_at=self.now, poll_seconds=5, revision=1)
        VirtualHost.objects.create(broker=self.broker, name="/", first_seen_at=self.now)
        Queue.objects.create(broker=self.broker, vhost="/", name="slow", type="classic", first_seen_at=self.now, changed_at=self.now)
        long_ago = self.now - timedelta(days=3)
        self.source = EventSource.objects.create(broker=self.broker, vhost="/", state=EventSource.RECEIVING, since=long_ago, received_at=self.now)

    def reports(self, *entries: dict[str, Any], hostname: str = "a@web", timezone: str = "UTC") -> None:
        queues = [{"name": "slow"}]
        facts = {"state": "online", "queues": queues, "first_seen_at": self.now, "changed_at": self.now, "since": self.now}
        Worker.objects.create(broker=self.broker, vhost="/", hostname=hostname, periodic={"timezone": timezone, "entries": list(entries)}, **facts)

    def ran(self, name: str, ago: timedelta, uuid: str, args: str = "(1,)", **fields: Any) -> None:
        at = self.now - ago
        given = {"state": "SUCCESS", "queue": "slow", "kwargs": "{}", "sent_at": at, "first_seen_at": at, "changed_at": at} | fields
        Task.objects.create(broker=self.broker, vhost="/", uuid=uuid, name=name, args=args, **given)


@pytest.fixture
def shop() -> Shop:
    return Shop()


def page(client: Client, user: Any) -> str:
    client.force_login(user)
    response = client.get("/tasks/periodic/")
    assert response.status_code == 200
    return response.content.decode()


def items(client: Client, user: Any) -> dict[str, Any]:
    client.force_login(user)
    return {item["name"]: item for item in client.get("/api/v1/periodic-tasks").json()["items"]}


def test_nothing_is_known_until_a_worker_reports_a_schedule(client: Client, shop: Shop) -> None:
    assert "No periodic tasks are known" in page(client, person("ann", "viewer"))


def test_each_has_its_schedule_in_words_and_what_was_seen(client: Client, shop: Shop) -> None:
    shop.reports(NIGHTLY, TICK)
    shop.reports(TICK, hostname="b@web")
    for number in range(60):
        shop.ran("shop.tick", timedelta(seconds=60 * number + 5), f"tick-{number}")
    ann = person("ann", "viewer")
    shown, found = page(client, ann), items(client, ann)
    assert "nightly &lt;b&gt;" in shown and "<b>" not in shown
    assert "every 1 min" in shown and "(UTC)" in shown and "a@web and b@web" in shown
    assert (found["tick"]["state"], found["tick"]["day"]["ran"], found["tick"]["last_uuid"]) == ("on time", 60, "tick-0")
    nightly = found["nightly <b>"]
    assert (nightly["state"], nightly["crontab"], nightly["queue"]) == ("missed", "0 * * * *", "slow")
    assert nightly["day"]["missed"] >= 23 and datetime.fromisoformat(nightly["next_at"]) > shop.now


def test_two_tasks_for_one_moment_are_doubled_and_one_delivered_twice_is_not(client: Client, shop: Shop) -> None:
    shop.reports(TICK)
    shop.ran("shop.tick", timedelta(seconds=65), "first")
    shop.ran("shop.tick", timedelta(seconds=5), "second")
    shop.ran("shop.tick", timedelta(seconds=4), "third")
    ann = person("ann", "viewer")
    assert items(client, ann)["tick"]["state"] == "doubled"
    Task.objects.filter(uuid="third").delete()
    taken = (shop.now - timedelta(seconds=4)).timestamp()
    Task.objects.filter(uuid="second").update(tries=[[taken, 1, "a@web", None], [taken + 1, 1, "b@web", None]])
    found = items(client, ann)["tick"]
    assert (found["state"], found["day"]) == ("delivered twice", {"ran": 2})


def test_entries_of_one_task_are_known_apart_by_their_arguments(client: Client, shop: Shop) -> None:
    shop.reports(TICK, OTHER_TICK)
    shop.ran("shop.tick", timedelta(seconds=5), "first", args="(1,)")
    found = items(client, person("ann", "viewer"))
    assert (found["tick"]["state"], found["other tick"]["state"]) == ("on time", "missed")


def test_a_task_that_another_task_called_is_no_run(client: Client, shop: Shop) -> None:
    shop.reports(TICK)
    shop.ran("shop.tick", timedelta(seconds=5), "called", parent_id="its parent")
    assert items(client, person("ann", "viewer"))["tick"]["last_uuid"] is None


def test_while_events_are_not_received_nothing_is_missed(client: Client, shop: Shop) -> None:
    shop.reports(NIGHTLY, TICK)
    EventSource.objects.update(state=EventSource.REFUSED)
    ann = person("ann", "viewer")
    assert {item["state"] for item in items(client, ann).values()} == {"unknown"}
    EventSource.objects.update(state=EventSource.RECEIVING, since=shop.now - timedelta(seconds=20))
    assert items(client, ann)["tick"]["state"] == "unknown"


def test_what_was_not_due_is_not_said_to_have_gone_unseen(client: Client, shop: Shop) -> None:
    shop.reports({**TICK, "schedule": 7 * 86400.0})
    found = items(client, person("ann", "viewer"))["tick"]
    assert found["state"] == "unknown" and "not known to have been due" in found["reason"]


def test_who_may_view_only_some_queues_learns_of_none(client: Client, shop: Shop) -> None:
    shop.reports(NIGHTLY)
    shop.ran("reports.nightly", timedelta(minutes=1), "seen")
    limited = person("bob", "viewer", queue="slow")
    shown = page(client, limited)
    assert "Your role shows only some queues" in shown and "reports.nightly" not in shown and items(client, limited) == {}


def test_without_task_sent_events_the_page_says_that_a_run_is_seen_late(client: Client, shop: Shop) -> None:
    shop.reports(TICK)
    shop.ran("shop.tick", timedelta(seconds=5), "first", sent_at=None, received_at=shop.now - timedelta(seconds=5))
    ann = person("ann", "viewer")
    assert "No task-sent events arrive" in page(client, ann)
    Task.objects.update(sent_at=shop.now)
    assert "No task-sent events arrive" not in page(client, ann)


def test_a_task_that_comes_regularly_by_no_known_schedule_is_listed_until_it_is_over(client: Client, shop: Shop) -> None:
    shop.reports(TICK)
    counted = dict.fromkeys(("sent", "started", "retried", "rejected", "revoked", "failed", "succeeded"), 0)
    for name, apart, ago in (("cron.sweep", 90, 95), ("by.hand", 700, 0), ("shop.tick", 60, 5), ("cron.over", 60, 7200)):
        for number in range(20):
            wait = timedelta(seconds=apart * number + (number % 4 * 170 if name == "by.hand" else 0) + ago)
            shop.ran(name, wait, f"{name}-{number}")
        start = int(shop.now.timestamp()) // 3600 * 3600 - 3600
        TaskStatistic.objects.create(broker=shop.broker, vhost="/", seconds=3600, start=start, name=name, queue="slow", received=20, sketches=b"", **counted)
    ann = person("ann", "viewer")
    shown, found = page(client, ann), items(client, ann)
    assert set(found) == {"tick", "cron.sweep"}
    sweep = found["cron.sweep"]
    assert (sweep["seconds"], sweep["observed_runs"], sweep["sources"], sweep["state"]) == (90, 20, [], "on time")
    assert "about every 1 min 30 s" in shown and "its last 20 runs came regularly" in shown
    assert found["tick"]["observed_runs"] is None
