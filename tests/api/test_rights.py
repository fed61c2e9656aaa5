"""Strangers: 401 from calls, the login page from pages; tokens and sessions; errors that never show a traceback."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from dashboard import store
from dashboard.models import ApiToken, User
from tests.api.conftest import World
from tests.every_case import every_case

POSTED = ("findings/silence", "workers/control", "tasks/send", "messages/peek", "routing/explain", "routing/explain-task", "tasks/revoke", "tasks/run-again")
POSTED += ("marks",)
CALLS = ["about", "brokers", "queues", "queue", "exchanges", "exchange", "bindings", "nodes", "workers", "tasks", "task", "history", "openapi.json", "nothing"]
CALLS += [
    "routing/reach",
    "connections",
    "channels",
    "findings",
    "audit",
    "failures",
    "capacity",
    "map",
    "arrangements",
    "lab",
    "periodic-tasks",
    "lost-events",
    "flow",
]
CALLS += ["task-statistics", "task-statistics/compare", "marks", "changes", "snapshots", "compare", "definitions"]


@every_case("path", CALLS, str)
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer"}])
def test_a_stranger_gets_401_from_every_call(world: World, path: str, headers: dict[str, str]) -> None:
    response = Client().get(f"/api/v1/{path}", headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (401, "unauthorized")
    assert response.headers["WWW-Authenticate"] == "Bearer"


@every_case("path", POSTED, str)
def test_a_stranger_gets_401_from_every_call_that_is_posted(world: World, path: str) -> None:
    response = Client().post(f"/api/v1/{path}", data={}, content_type="application/json")
    assert (response.status_code, response.json()["error"]["code"]) == (401, "unauthorized")


def test_a_stranger_gets_no_metrics(world: World) -> None:
    assert Client().get("/metrics").status_code == 401


PAGES = (
    "/",
    "/findings/",
    "/findings/1/",
    "/findings/silences/",
    "/findings/feeds/",
    "/queues/",
    "/queues/1/?range=1h",
    "/exchanges/",
    "/workers/",
    "/tasks/",
    "/send/",
    "/routing/",
    "/nothing-here",
    "/password/change/",
)


@every_case("path", PAGES, str)
def test_a_stranger_is_sent_to_the_login_from_every_page(world: World, path: str) -> None:
    response = Client().get(path)
    assert response.status_code == 302
    assert response.headers["Location"].startswith("/login/?next=%2F")


def test_a_fragment_of_a_page_redirects_the_script_to_the_login(world: World) -> None:
    response = Client().get("/queues/?part=table", headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/queues/?q=mail"})
    assert (response.status_code, response.headers["HX-Redirect"]) == (401, "/login/?next=%2Fqueues%2F%3Fq%3Dmail")


def test_the_login_page_is_open(world: World) -> None:
    assert Client().get("/login/").status_code == 200


def test_a_token_is_good_until_its_user_is_disabled_or_it_is_deleted(world: World, call: Any) -> None:
    assert call("brokers")[0] == 200
    User.objects.update(is_active=False)
    assert call("brokers")[0] == 401
    User.objects.update(is_active=True)
    ApiToken.objects.all().delete()
    assert call("brokers")[0] == 401


def test_a_token_is_stored_as_its_digest_only(world: World, call: Any) -> None:
    call("brokers")
    token = ApiToken.objects.get()
    assert world.token not in str(vars(token)) and token.last_used_at is not None


def test_a_chosen_token_replaces_the_one_before(world: World) -> None:
    for chosen in ("first", "second", "second"):
        store.make_token(world.user, "HARELINE_API_TOKEN", timezone.now(), chosen)
    statuses = [Client().get("/api/v1/brokers", headers={"Authorization": f"Bearer {token}"}).status_code for token in ("first", "second", world.token)]
    assert statuses == [401, 200, 200]


def test_a_session_may_call_but_not_beside_a_wrong_token(world: World) -> None:
    client = world.client()
    assert client.get("/api/v1/brokers").status_code == 200
    assert client.get("/api/v1/brokers", headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_a_method_that_a_call_does_not_have_is_refused_as_json(world: World) -> None:
    response = world.client().post("/api/v1/brokers")
    assert (response.status_code, response.json()["error"]["code"], response.headers["Allow"]) == (405, "method_not_allowed", "GET")


def test_a_call_that_fails_shows_no_traceback(world: World, call: Any, caplog: pytest.LogCaptureFixture) -> None:
    type(world.broker).objects.update(object_totals=["not", "a", "dict"])
    status, answer = call("brokers")
    assert (status, answer["error"]["code"]) == (500, "internal")
    assert "Traceback" not in str(answer) and "a call of the API failed" in caplog.text


def test_the_description_names_every_call_and_loads_nothing(world: World, call: Any) -> None:
    status, description = call("openapi.json")
    assert status == 200 and description["openapi"].startswith("3.1")
    expected = {*CALLS, *POSTED} - {"openapi.json", "nothing"}
    assert set(description["paths"]) == {f"/api/v1/{path}" for path in expected}
    assert call("docs")[0] == 404
