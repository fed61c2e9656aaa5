"""The page "Plant a problem": only in the demo, for admins, and truthful about what the demo's process has made of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.utils.html import escape
from pytest_django import Settings

from brokers.models import Broker
from dashboard.models import AuditEvent, Finding
from tests.people import person
from workers.demo.plants.catalog import PLANTS
from workers.demo.plants.protocol import PlantFiles, PlantState

pytestmark = pytest.mark.django_db
PAGE = "/demo/plants/"


@pytest.fixture
def files(tmp_path: Path, settings: Settings) -> PlantFiles:
    settings.PLANTS_DIR = tmp_path / "plants"
    return PlantFiles(tmp_path / "plants")


def _page(client: Client) -> str:
    return client.get(PAGE).content.decode()


def _of(page: str, key: str) -> str:
    return page.partition(f'id="plant-{key}"')[2].partition("</li>")[0]


def test_outside_of_the_demo_there_is_no_such_page(person: Client) -> None:
    assert person.get(PAGE).status_code == 404
    assert person.post(f"{PAGE}growing/start/").status_code == 404
    Broker.objects.create(name="demo", state=Broker.UP)
    assert PAGE not in person.get("/").content.decode()


def test_the_overview_of_the_demo_leads_there(person: Client, files: PlantFiles) -> None:
    Broker.objects.create(name="demo", state=Broker.UP)
    assert f'href="{PAGE}"' in person.get("/").content.decode()


def test_every_plant_is_listed_and_off(person: Client, files: PlantFiles, now: datetime) -> None:
    files.write_state({}, now.timestamp())
    page = _page(person)
    assert all(escape(plant.name) in page for plant in PLANTS.values())
    assert page.count("<span>Start<") == len(PLANTS) and "<span>End<" not in page


def test_a_start_is_stored_for_the_demos_process_and_recorded(person: Client, files: PlantFiles, now: datetime) -> None:
    files.write_state({}, now.timestamp())
    assert person.post(f"{PAGE}growing/start/").headers["Location"] == PAGE
    assert files.wanted()["growing"].by == "ada"
    assert "starting, for ada" in _of(_page(person), "growing")
    files.write_state({"growing": PlantState("on", now.timestamp())}, now.timestamp())
    assert "on since" in _of(_page(person), "growing") and "<span>End<" in _of(_page(person), "growing")
    person.post(f"{PAGE}growing/end/")
    assert files.wanted() == {}
    assert "ending" in _of(_page(person), "growing") and "disabled" in _of(_page(person), "growing")
    done = AuditEvent.objects.exclude(action="log in").order_by("pk").values_list("action", "outcome", "name", "detail")
    assert [tuple(one) for one in done] == [
        ("plant a problem", "done", PLANTS["growing"].name, {"plant": "growing"}),
        ("end a planted problem", "done", PLANTS["growing"].name, {"plant": "growing"}),
    ]


def test_a_failure_is_shown_with_its_reason(person: Client, files: PlantFiles, now: datetime) -> None:
    files.write_state({"worker_killed": PlantState("failed", now.timestamp(), "thumbs@media-1 does not run.")}, now.timestamp())
    found = _of(_page(person), "worker_killed")
    assert "failed at" in found and "thumbs@media-1 does not run." in found and "<span>Start<" in found


def test_without_the_demos_process_the_state_is_unknown(person: Client, files: PlantFiles, now: datetime) -> None:
    assert "has not started yet" in _page(person)
    files.want("growing", "ada", now.timestamp())
    files.write_state({"growing": PlantState("on", now.timestamp())}, (now - timedelta(minutes=5)).timestamp())
    page = _page(person)
    assert "has reported nothing for" in page and "unknown whether it is on" in _of(page, "growing") and "on since" not in page


def test_what_was_found_stands_beside_what_was_planted(person: Client, files: PlantFiles, now: datetime) -> None:
    broker = Broker.objects.create(name="demo", state=Broker.UP)
    shared = {"broker": broker, "rule": "no_consumer", "level": "warning", "worst_level": "warning", "kind": "queue", "opened_at": now, "seen_at": now}
    Finding.objects.create(identity="1", name="newsletter", title="newsletter has no consumer", **shared)
    files.write_state({}, now.timestamp())
    assert "newsletter has no consumer" not in _page(person)
    files.want("no_consumer", "ada", now.timestamp())
    files.write_state({"no_consumer": PlantState("on", now.timestamp())}, now.timestamp())
    assert "newsletter has no consumer" in _of(_page(person), "no_consumer")


def test_who_may_only_view_starts_nothing(client: Client, files: PlantFiles) -> None:
    client.force_login(person("eve"))
    assert "<span>Start<" not in _page(client)
    assert client.post(f"{PAGE}growing/start/").status_code == 403
    assert files.wanted() == {} and AuditEvent.objects.filter(action="plant a problem", outcome="refused").count() == 1


def test_what_is_not_in_the_catalog_and_what_is_no_post_does_nothing(person: Client, files: PlantFiles) -> None:
    assert [person.post(f"{PAGE}{path}/").status_code for path in ("unknown/start", "growing/water", "..%2Fx/start")] == [404, 404, 404]
    assert person.get(f"{PAGE}growing/start/").status_code == 405
    assert Client(enforce_csrf_checks=True).post(f"{PAGE}growing/start/").status_code in (302, 403)
    assert files.wanted() == {}
