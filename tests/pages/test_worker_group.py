"""The page of the worker nodes whose names have one pattern, and the board by group."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from brokers.models import Broker, Change
from dashboard.workers.group_page import together
from tests.people import person as a_person
from workers import store
from workers.models import Worker

pytestmark = pytest.mark.django_db
OLD, NEW, OTHER = "web@web-6db584f5fc-wf495", "web@web-7f9c6d5b88-x2x4q", "mail@db"
GROUP = "/workers/group/?broker=prod&vhost=/&name=web@web-*"


@pytest.fixture
def deployed(now: datetime) -> list[Worker]:
    broker = Broker.objects.create(name="prod", state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=600, revision=1)
    seen = {"broker": broker, "vhost": "/", "first_seen_at": now, "changed_at": now, "since": now, "software": {"version": "5.7.0"}, "queues": [{"name": "q"}]}
    old = Worker.objects.create(hostname=OLD, state=Worker.ONLINE, concurrency=4, active=3, **seen)
    new = Worker.objects.create(hostname=NEW, state=Worker.GONE, **seen)
    other = Worker.objects.create(hostname=OTHER, state=Worker.ONLINE, concurrency=9, active=9, **seen)
    sampler = store.Sampler(broker.pk, 5)
    started = timezone.now() - timedelta(minutes=10)
    for minute in range(10):
        if minute == 5:  # the deploy
            Worker.objects.filter(pk=old.pk).update(state=Worker.GONE)
            Worker.objects.filter(pk=new.pk).update(state=Worker.ONLINE, concurrency=4, active=1)
        for second in range(0, 60, 5):
            sampler.save(Worker.objects.all(), started + timedelta(minutes=minute, seconds=second))
    Change.objects.create(broker=broker, vhost="/", at=now, kind="worker", what="added", name=NEW, text=f"Worker {NEW} is online")
    return [old, new, other]


def test_nodes_of_one_deployment_stand_together_and_gone_ones_are_counted(person: Client, deployed: list[Worker]) -> None:
    board = person.get("/workers/?group=name").content.decode()
    assert "web@web-*" in board and "1 gone" in board
    assert OLD not in board
    assert "Slots in use, last hour: " in board


def test_the_history_of_a_group_goes_on_across_a_deploy(person: Client, deployed: list[Worker]) -> None:
    page = person.get(f"{GROUP}&range=15m")
    chart = page.context["group"].charts[0]
    known = [value for value in chart.values["concurrency"] if value is not None]
    assert len(known) > 100 and set(known) == {4}
    assert {value for value in chart.values["active"] if value is not None} == {3, 1}
    assert "1 online, 1 gone" in page.content.decode()
    assert [mark.text for mark in chart.marks] == [f"{NEW} is online"]


def test_who_may_view_another_queue_sees_no_node_of_the_group(client: Client, deployed: list[Worker]) -> None:
    client.force_login(a_person("eve", vhost="/", queue="other"))
    page = client.get(GROUP).content.decode()
    assert NEW not in page and OLD not in page and "0 online" in page


def test_a_group_of_no_broker_is_not_there(person: Client, deployed: list[Worker]) -> None:
    assert "There is no such group" in person.get("/workers/group/").content.decode()


def test_nodes_without_numbers_add_nothing_and_nothing_known_is_unknown() -> None:
    assert together([], 2) == [None, None]
    assert together([[None, 1], [None, None]], 2) == [None, 1]
