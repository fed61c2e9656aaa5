"""The page of one worker node."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from brokers.models import Broker, Queue
from workers.models import EventSource, Worker

pytestmark = pytest.mark.django_db


@pytest.fixture
def broker(now: datetime) -> Broker:
    return Broker.objects.create(name="prod", state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=60)


def seen(broker: Broker, **known: Any) -> Worker:
    now = timezone.now()
    facts: dict[str, Any] = {"state": Worker.ONLINE, "since": now, "hostname": "worker-a@web-1"}
    return Worker.objects.create(broker=broker, vhost="/", first_seen_at=now, changed_at=now, **{**facts, **known})


def text_of(person: Client, worker: Worker, **query: str) -> str:
    answer = person.get(f"/workers/{worker.pk}/", query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_node_that_does_not_exist_is_not_found(person: Client) -> None:
    assert person.get("/workers/4711/").status_code == 404


def test_a_stranger_is_sent_to_the_login(client: Client, broker: Broker) -> None:
    assert client.get(f"/workers/{seen(broker).pk}/").headers["Location"].startswith("/login/")


def test_a_node_of_which_only_heartbeats_are_known_names_what_is_unknown(person: Client, broker: Broker, now: datetime) -> None:
    source = EventSource(broker=broker, vhost="/", state=EventSource.RECEIVING, inspect_state="refused")
    source.inspect_reason, source.inspect_grant = "needs write on the pidbox", "rabbitmqctl …"
    source.save()
    page = text_of(person, seen(broker, heartbeat_at=now, heartbeat_seconds=2.0, inspect_reason="needs write on the pidbox"))
    assert "pool unknown" in page
    assert "slots unknown" in page
    assert "Unknown, because needs write on the pidbox." in page
    assert "<code>rabbitmqctl …</code>" in page
    assert "one every 2 s" in page


def test_all_that_is_known_is_shown(person: Client, broker: Broker, now: datetime) -> None:
    queue = Queue.objects.create(broker=broker, vhost="/", name="mail", depth=1234, ready=1234, unacknowledged=0, first_seen_at=now, changed_at=now)
    worker = seen(
        broker, pool="prefork", concurrency=2, active=1, reserved=4, scheduled=1, prefetch=9, processes=[4711, 4712], pid=4700, uptime_seconds=187200,
        queues=[{"name": "mail", "exchange": "tasks", "exchange_type": "topic", "routing_key": "task.#"}, {"name": "nowhere"}],
        registered=[{"name": "shop.mail", "attributes": {"rate_limit": "10/m"}}, {"name": "shop.add", "attributes": {}}],
        active_tasks=[{"uuid": "abcdefgh-1", "name": "shop.mail", "args": "(1,)", "started_at": (now - timedelta(seconds=5)).isoformat()}],
        load=[2.1, 2.0, 1.9], software={"ident": "py-celery", "version": "5.7.0", "system": "Linux"}, processed=12, processed_at_first_sight=2,
        event_counts={"task-started": 10}, clock_skew_seconds=0.4, heartbeat_at=now, inspected_at=now,
    )  # fmt: skip
    page = text_of(person, worker)
    for words in (
        "prefork 2", "4711 4712", "Up to 9 unacknowledged messages (2 processes × worker_prefetch_multiplier 4), including 1", "up <span",
        "tasks (topic), key task.#", "the broker shows no such queue", "1,234", "shop.mail", "rate_limit=10/m", "Celery 5.7.0, Linux", "2.10 · 2.00 · 1.90",
        "0.4 s ahead", "no events missing", "task-started", "abcdefgh", "Slots", f'href="/queues/{queue.pk}/"',
    ):  # fmt: skip
        assert words in page, words


def test_charts_of_a_solo_node_say_that_it_reports_only_between_tasks(person: Client, broker: Broker) -> None:
    assert "reports only between its tasks" in text_of(person, seen(broker, pool="solo", concurrency=1, active=0), part="charts")
    assert "only between" not in text_of(person, seen(broker, hostname="b@web-1", pool="prefork", concurrency=1, active=0), part="charts")


def test_registered_tasks_can_be_searched(person: Client, broker: Broker) -> None:
    worker = seen(broker, registered=[{"name": "shop.mail", "attributes": {}}, {"name": "shop.add", "attributes": {}}])
    part = text_of(person, worker, part="registered", task="MAIL")
    assert "shop.mail" in part
    assert "shop.add" not in part
    assert "No registered task matches “nothing”." in text_of(person, worker, task="nothing")


def test_a_node_that_is_gone_keeps_what_it_did_last_named_as_such(person: Client, broker: Broker, now: datetime) -> None:
    worker = seen(broker, state=Worker.GONE, reason="it shut down cleanly", concurrency=2, active=1, active_tasks=[{"uuid": "1", "name": "a.b", "args": "()"}])
    page = text_of(person, worker)
    assert "Running at last contact" in page
    assert "a.b" in page
    assert "is gone with 1 task" in page


@pytest.mark.parametrize("part", ["running", "queues", "pool", "registered", "story"])
def test_a_fragment_comes_without_the_frame(person: Client, broker: Broker, part: str) -> None:
    assert "<html" not in text_of(person, seen(broker), part=part)


def test_lost_events_are_shown_as_a_number(person: Client, broker: Broker) -> None:
    assert "3 task events lost" in text_of(person, seen(broker, lost_events=3), part="story")


def test_what_reaches_a_node_is_found_from_its_queues(person: Client, broker: Broker) -> None:
    address = 'href="/routing/?broker=prod&amp;vhost=%2F&amp;of=reach&amp;worker=worker-a%40web-1"'
    worker = seen(broker, queues=[{"name": "mail"}])
    assert address in text_of(person, worker)
    Worker.objects.update(state=Worker.GONE)
    assert address not in text_of(person, worker)
