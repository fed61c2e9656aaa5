"""`GET marks` and `POST marks`: what is kept, who may, and what is refused with the field at fault."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from brokers.models import Broker
from brokers.scope import EVERYTHING, NOTHING
from dashboard import queries, store
from dashboard.models import AuditEvent, Mark
from tests.api.conftest import World
from tests.people import person
from tests.scopes import of_brokers


def post(world: World, user: Any = None, **body: Any) -> tuple[int, Any]:
    client = world.client()
    if user is not None:
        client.force_login(user)
    response = client.post("/api/v1/marks", body, content_type="application/json")
    return response.status_code, response.json()


def test_a_mark_is_listed_as_it_was_made_and_is_in_the_audit_log(world: World, call: Any) -> None:
    at = world.now - timedelta(minutes=3)
    status, made = post(world, title=" shop 1.4 ", at=at.isoformat(), url="https://ci.example.org/7", broker="prod")
    assert (status, made["title"], made["url"], made["broker"], made["made_by"]) == (201, "shop 1.4", "https://ci.example.org/7", "prod", "anna")
    assert call("marks") == (200, {"total": 1, "items": [made]})
    assert call("marks", **{"from": "-2min"})[1]["total"] == 0
    entry = AuditEvent.objects.get(action="add mark", outcome="done")
    assert (entry.broker, entry.name, entry.detail["mark"]) == ("prod", "shop 1.4", made["id"])


def test_a_dry_run_stores_nothing(world: World, call: Any) -> None:
    status, made = post(world, title="deployed", dry_run=True)
    assert (status, made["id"], made["broker"]) == (200, None, None)
    assert not Mark.objects.exists() and not AuditEvent.objects.filter(action="add mark").exists()


REFUSED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("title", {"title": " "}),
    ("title", {"title": "x" * 201}),
    ("url", {"title": "x", "url": "javascript:alert(1)"}),
    ("url", {"title": "x", "url": "https://u:p@ci.example.org/"}),
    ("url", {"title": "x", "url": "https://[oops"}),
    ("at", {"title": "x", "at": "2999-01-01T00:00:00Z"}),
    ("at", {"title": "x", "at": "1999-01-01T00:00:00Z"}),
    ("colour", {"title": "x", "colour": "red"}),
)


@pytest.mark.parametrize("dry_run", [False, True])
def test_what_cannot_be_kept_is_refused_with_its_field(world: World, dry_run: bool) -> None:
    wrong = {str(body): answer for field, body in REFUSED if (answer := post(world, dry_run=dry_run, **body))[1].get("error", {}).get("field") != field}
    assert wrong == {}
    assert not Mark.objects.exists()


def test_who_may_operate_a_whole_broker_may_mark_its_moments_and_no_others(world: World) -> None:
    viewer, operator, local = person("vi"), person("op", "operator", broker="prod"), person("lo", "operator", vhost="/")
    assert [post(world, user, title="x", broker="prod")[0] for user in (viewer, operator, local)] == [403, 201, 403]
    assert post(world, operator, title="x")[0] == 403  # of all brokers
    assert post(world, operator, title="x", broker="elsewhere")[0] == 404
    assert AuditEvent.objects.filter(action="add mark", outcome="refused").count() == 3


def test_marks_of_a_broker_are_for_who_may_view_something_there(world: World) -> None:
    other = Broker.objects.create(name="staging")
    for title, broker in (("everywhere", None), ("prod", world.broker), ("staging", other)):
        Mark.objects.create(at=world.now, title=title, broker=broker, made_by="anna", made_at=world.now)

    def titles(scope: Any, broker: Any = None) -> set[str]:
        return {one.title for one in queries.marks(scope, broker, world.now, world.now)}

    assert titles(EVERYTHING) == {"everywhere", "prod", "staging"}
    assert titles(EVERYTHING, other.pk) == titles(EVERYTHING, "staging") == {"everywhere", "staging"}
    assert (titles(of_brokers("prod")), titles(NOTHING)) == ({"everywhere", "prod"}, set())


def test_old_marks_are_deleted(world: World) -> None:
    for age in (timedelta(), store.MARKS_KEPT + timedelta(days=1)):
        Mark.objects.create(at=world.now - age, title="x", made_by="anna", made_at=world.now)
    assert (store.trim_marks(world.now), Mark.objects.count()) == (1, 1)


def test_a_token_of_a_viewer_makes_none(world: World) -> None:
    token = store.make_token(person("vi"), "ci", world.now)
    response = Client().post("/api/v1/marks", {"title": "x"}, content_type="application/json", headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == 403
