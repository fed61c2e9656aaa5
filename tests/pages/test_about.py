"""The page "About this installation" and its call: what it shows of processes that work, stand by, ended, died, and of an empty database."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from brokers.models import Broker
from brokers.polling import leases
from brokers.polling.presence import Presence
from brokers.queries.database_sizes import table_sizes
from dashboard.management.commands import maintain
from dashboard.models import User
from workers.models import EventSource

pytestmark = pytest.mark.django_db


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def person() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("ada", password="a long enough one"))
    return client


def beat(kind: str, holder: str, now: datetime, ago: float = 0, version: str = settings.VERSION, **more: object) -> None:
    at = now - timedelta(seconds=ago)
    facts = {"software": {"Python": "3.11.7"}, "secret": "s", "configuration": {}}
    leases.beat(kind, holder, at, reported=leases.Facts(now - timedelta(hours=1), version, ["prod"], facts), **more)  # type: ignore[arg-type]


def text_of(client: Client, address: str = "/about/") -> str:
    response = client.get(address)
    assert response.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def test_a_stranger_is_sent_to_the_login() -> None:
    assert Client().get("/about/")["Location"].startswith("/login/")
    assert Client().get("/api/v1/about").status_code == 401


def test_an_installation_in_which_nothing_has_run_says_so(person: Client) -> None:
    text = text_of(person)
    for sentence in ("No process has stored a heartbeat yet.", "Nothing is watched yet.", "No process holds any work."):
        assert sentence in text


def test_each_process_is_shown_with_its_machine_its_age_and_what_it_holds(person: Client, now: datetime) -> None:
    Broker.objects.create(name="prod", state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=5, poll_ms=12, version="3.10.8")
    beat("poller", "web-1:11:1-a", now, 2, measured={"memory_bytes": 90_000_000, "data_free_bytes": 5_000_000_000})
    beat("poller", "web-2:12:1-a", now, 3, standby=True)
    beat("web", "web-1:13:1-a", now, measured={"sockets": 3, "topics": 2, "tail_seconds": 0.04})
    leases.take("poll prod", "web-1:11:1-a", now - timedelta(minutes=2), 300)
    text = text_of(person)
    assert f"poller 11 works web-1 {settings.VERSION}" in text and "poll prod" in text and "90.0 MB" in text and "5.00 GB" in text
    assert "poller 12 stands by web-2" in text
    assert "3 sockets" in text and "tail of web 13 on web-1" in text
    assert "poller 11 on web-1 2 min" in text  # holds it for
    assert "RabbitMQ 3.10.8" in text and "depths of prod" in text
    assert "Needs attention" not in text


def test_one_that_died_is_gone_until_another_one_is_started(person: Client, now: datetime) -> None:
    beat("receiver", "web-1:11:1-a", now)
    beat("receiver", "web-2:12:1-a", now, 90)
    text = text_of(person)
    assert "receiver 12 gone web-2" in text
    assert "receiver process 12 on web-2 last stored a heartbeat 1 min 30 s ago, did not end in good order, and none was started in its place" in text
    leases.beat("receiver", "web-2:13:1-a", now, reported=leases.Facts(now - timedelta(seconds=80), settings.VERSION, ["prod"], None))
    text = text_of(person)
    assert "receiver 12 replaced web-2" in text and "Needs attention" not in text
    leases.note_end("receiver", "web-2:13:1-a", now)
    assert "receiver 13 ended web-2" in text_of(person)


def test_an_upgrade_that_is_not_through_is_named(person: Client, now: datetime) -> None:
    beat("poller", "web-1:11:1-a", now, version="0.1")
    beat("maintenance", "web-1:12:1-a", now, version="0.2")
    text = text_of(person)
    assert "poller process 11 0.1" in text and "Start those with this version too." in text
    assert "Hareline 0.1 poller 11 on web-1" in text
    assert "Python 3.11.7 all processes" in text


def test_what_a_process_reports_of_itself_is_there(person: Client, now: datetime) -> None:
    Presence("web", "web-1:11:1-a", ["prod"]).beat(measured={"sockets": 0, "topics": 0, "tail_seconds": None})
    (found,) = leases.heartbeats()
    assert found.facts is not None and found.measured is not None
    assert {"Python", "Django", "celery"} <= found.facts["software"].keys()
    assert found.measured["memory_bytes"] > 10_000_000
    assert found.measured["data_free_bytes"] > 0
    assert "web 11 works web-1" in text_of(person)


def test_jobs_of_maintenance_and_the_sizes_of_tables_have_their_age(person: Client, now: datetime) -> None:
    maintain.measure_tables(now)
    job = maintain.Job("trim tasks", timedelta(seconds=15), lambda _: None)
    maintain.run_due([job], now)
    beat("maintenance", "web-1:12:1-a", now, measured={"jobs": maintain.measured([job]), "tables": maintain.TABLES})
    text = text_of(person)
    assert re.search(r"trim tasks [0-9.]+ m?s 15 s", text)
    sizes = {size.table: size.size_bytes for size in table_sizes()}
    assert sizes["brokers_heartbeat"] > 0 and sizes["workers_task"] > 0
    assert "Largest tables" in text and "Measured" in text


def test_the_call_answers_the_same_as_the_page(person: Client, now: datetime) -> None:
    broker = Broker.objects.create(name="prod", state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=5)
    EventSource.objects.create(broker=broker, vhost="/", state=EventSource.RECEIVING, events=7, beat_at=now - timedelta(seconds=4))
    beat("poller", "web-1:11:1-a", now)
    leases.take("poll prod", "web-1:11:1-a", now, 30)
    found = person.get("/api/v1/about").json()
    assert [(one["kind"], one["host"], one["number"], one["state"], one["holds"]) for one in found["processes"]] == [
        ("poller", "web-1", "11", "working", ["poll prod"])
    ]
    assert found["leases"][0]["holder"] == "poller 11 on web-1"
    assert {lag["what"]: round(lag["seconds"]) for lag in found["lags"] if lag["seconds"] is not None} == {
        "depths of prod": 0,
        "receiver’s round in / at prod": 4,
    }
    assert found["database"]["size_bytes"] > 0
    assert {item["variable"] for item in found["retention"]} >= {"HARELINE_RETENTION_TASKS"}
    assert found["at"].endswith("Z")


def test_only_the_part_is_fetched_again(person: Client) -> None:
    html = person.get("/about/").content.decode()
    assert 'hx-get="/about/?part=all"' in html and "every 5s" in html
    assert "<html" not in person.get("/about/?part=all").content.decode()
