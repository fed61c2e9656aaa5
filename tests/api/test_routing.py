"""`POST routing/explain` and `POST routing/explain-task`: a live virtual host or definitions in, the whole story out."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from brokers.models import Binding, Broker, Permission, VirtualHost
from tests.api.conftest import World
from workers.models import Task, Worker

Post = Callable[..., tuple[int, Any]]
LIVE = {"broker": "prod", "vhost": "/", "exchange": "orders", "routing_key": "order.new"}
DEFINITIONS = {
    "exchanges": [{"name": "orders", "type": "topic"}],
    "queues": [{"name": "eu"}],
    "bindings": [{"source": "orders", "destination": "eu", "destination_type": "queue", "routing_key": "order.*.eu"}],
}


@pytest.fixture
def post(world: World) -> Post:
    for vhost in ("/", "shop"):
        VirtualHost.objects.create(broker=world.broker, name=vhost, first_seen_at=world.now)

    def answered(call: str, body: Any) -> tuple[int, Any]:
        data = body if isinstance(body, str | bytes) else json.dumps(body)
        response = Client().post(f"/api/v1/routing/{call}", data, content_type="application/json", headers={"Authorization": f"Bearer {world.token}"})
        return response.status_code, response.json()

    return answered


def test_a_stranger_gets_401(world: World) -> None:
    for call in ("explain", "explain-task"):
        assert Client().post(f"/api/v1/routing/{call}", "{}", content_type="application/json").status_code == 401


def test_a_live_virtual_host_shows_its_consumers_and_their_worker_nodes(world: World, post: Post) -> None:
    Worker.objects.filter(pk=world.worker.pk).update(prefetch=16)
    status, answer = post("explain", LIVE)
    assert status == 200
    assert (answer["outcome"], answer["queues"], answer["certain"]) == ("routed", ["mail"], True)
    [after] = answer["after"]
    assert after["consumers"] == 1
    known = {"id": world.worker.pk, "hostname": "a@web-1", "exact": False}
    assert after["workers"] == [known | {"concurrency": 4, "free_slots": 3, "prefetch": 16}]


@pytest.mark.parametrize("fields", [{"state": Worker.UNKNOWN}, {"concurrency": None, "active": None, "prefetch": None}])
def test_slots_of_a_node_that_is_silent_or_was_not_inspected_are_null(world: World, post: Post, fields: dict[str, Any]) -> None:
    Worker.objects.filter(pk=world.worker.pk).update(**{"concurrency": 4, "active": 1, "prefetch": 16} | fields)
    [node] = post("explain", LIVE)[1]["after"][0]["workers"]
    assert (node["hostname"], node["concurrency"], node["free_slots"], node["prefetch"]) == ("a@web-1", None, None, None)


def test_a_queue_without_consumers_is_reported(world: World, post: Post) -> None:
    _, answer = post("explain", {**LIVE, "exchange": "", "routing_key": "a/b ü"})
    assert (answer["after"][0]["consumers"], answer["after"][0]["workers"]) == (0, [])
    assert "Nobody consumes a/b ü: it waits there." in answer["text"]


def test_an_unavailable_broker_makes_the_answer_uncertain_and_consumers_unknown(world: World, post: Post) -> None:
    Broker.objects.update(state=Broker.UNREACHABLE, reason="refused")
    _, answer = post("explain", LIVE)
    assert (answer["queues"], answer["certain"], answer["after"][0]["consumers"]) == (["mail"], False, None)
    assert "prod is unreachable" in answer["text"]


def test_who_may_write_is_checked_where_an_administrator_reads_permissions(world: World, post: Post) -> None:
    question = LIVE | {"user": "bob"}
    _, answer = post("explain", question)
    assert (answer["queues"], answer["certain"]) == (["mail"], False)
    assert "Whether bob may write there is unknown: needs administrator" in answer["text"]
    assert post("explain", LIVE)[1]["certain"]
    Broker.objects.update(permissions_known=True)
    _, answer = post("explain", question)
    assert (answer["refused"], answer["queues"], answer["certain"]) == ("ACCESS_REFUSED", [], True)
    assert "the user has no permissions in this virtual host" in answer["reason"]
    Permission.objects.create(broker=world.broker, vhost="/", user="bob", write="^orders$")
    assert post("explain", question)[1]["queues"] == ["mail"]
    assert post("explain", question | {"exchange": ""})[1]["refused"] == "ACCESS_REFUSED"
    Permission.objects.create(broker=world.broker, vhost="/", user="bob", exchange="orders", write="^stock")
    _, answer = post("explain", question)
    assert answer["refused"] == "ACCESS_REFUSED"
    assert "bob may not write to topic order.new of exchange orders" in answer["reason"]


def test_definitions_need_no_broker(post: Post) -> None:
    status, answer = post("explain", {"definitions": DEFINITIONS, "exchange": "orders", "routing_key": "order.new.us"})
    assert (status, answer["outcome"]) == (200, "unroutable")
    [binding] = answer["steps"][0]["bindings"]
    assert binding["near"]
    assert "third word" in binding["why"]


@pytest.mark.parametrize(
    ("changed", "status", "field"),
    [
        ({"broker": "nope"}, 404, "broker"),
        ({"broker": 5}, 400, "broker"),
        ({"broker": None}, 400, "broker"),
        ({"vhost": "nowhere"}, 404, "vhost"),
        ({"vhost": "a\x00"}, 400, "vhost"),
        ({"at": "soon"}, 400, "at"),
        ({"at": "2001-01-01T00:00:00Z"}, 404, "at"),
        ({"exchange": None}, 400, "exchange"),
        ({"routing_key": "k" * 256}, 400, "routing_key"),
        ({"headers": [1]}, 400, "headers"),
        ({"headers": {"big": 10**30}}, 400, "headers.big"),
        ({"properties": {"priority": "high"}}, 400, "properties.priority"),
        ({"verdicts": "some"}, 400, "verdicts"),
        ({"definitions": {"queues": [{}]}}, 400, "definitions.queues[0].name"),
        ({"definitions": 5}, 400, "definitions"),
        ({"cases": []}, 400, "cases"),
    ],
)
def test_an_error_names_its_field(post: Post, changed: dict[str, Any], status: int, field: str) -> None:
    found, answer = post("explain", LIVE | changed)
    assert (found, answer["error"].get("field")) == (status, field)
    assert answer["error"]["message"]


@pytest.mark.parametrize("body", ["{", "[]", b"\xff", '"\\ud800"', "[" * 100_000])
def test_a_body_that_is_no_json_object_is_refused_with_a_reason(post: Post, body: Any) -> None:
    for call in ("explain", "explain-task"):
        status, answer = post(call, body)
        assert status == 400
        assert answer["error"]["message"].startswith("The body")


def test_a_missing_exchange_is_an_answer_not_an_error(post: Post) -> None:
    status, answer = post("explain", LIVE | {"exchange": "Orders"})
    assert (status, answer["outcome"], answer["refused"]) == (200, "refused", "NOT_FOUND")
    assert 'there is "orders"' in answer["reason"]


def test_a_task_under_given_settings_goes_through_celery_and_the_broker(post: Post) -> None:
    conf = {"task_routes": {"shop.*": {"queue": "mail"}}}
    status, answer = post("explain-task", {"conf": conf, "task": {"name": "shop.pay"}})
    assert status == 200
    assert (answer["queue"], answer["error"], answer["unknown"]) == ("mail", None, [])
    assert answer["broker"]["queues"] == ["mail"]


def test_a_live_task_without_settings_is_not_certain_with_a_reason(world: World, post: Post) -> None:
    status, answer = post("explain-task", {"broker": "prod", "vhost": "/", "task": "shop.pay", "options": {"queue": "mail"}})
    assert status == 200
    assert (answer["queue"], answer["certain"], answer["broker"]["queues"]) == ("mail", False, ["mail"])
    assert any("are unknown, so Celery’s defaults" in sentence for sentence in answer["unknown"])
    assert any("No online worker" in sentence for sentence in answer["unknown"])
    assert answer["broker"]["after"][0]["consumers"] == 1


def test_what_workers_report_of_a_task_counts(world: World, post: Post) -> None:
    Worker.objects.filter(pk=world.worker.pk).update(registered=[{"name": "shop.pay", "attributes": {"queue": "mail"}}])
    _, answer = post("explain-task", {"broker": "prod", "vhost": "/", "task": "shop.pay"})
    assert answer["queue"] == "mail"
    assert len(answer["unknown"]) == 1


def test_the_configuration_of_a_live_worker_counts_and_its_last_task_is_the_proof(world: World, post: Post) -> None:
    fields = {"registered": [{"name": "shop.pay", "attributes": {}}], "configuration": {"task_routes": {"shop.*": "mail"}}, "configuration_at": world.now}
    Worker.objects.filter(pk=world.worker.pk).update(**fields)
    question = {"broker": "prod", "vhost": "/", "task": "shop.pay"}
    _, answer = post("explain-task", question)
    assert (answer["queue"], answer["certain"], answer["sent"], answer["differing"]) == ("mail", False, None, [])
    assert (answer["configuration"]["source"], answer["configuration"]["name"]) == ("worker", "a@web-1")
    seen = {"broker": world.broker, "vhost": "/", "name": "shop.pay", "state": "SUCCESS", "first_seen_at": world.now, "changed_at": world.now}
    Task.objects.create(**seen, uuid="u-1", sent_at=world.now, sent_queue="mail", exchange="", routing_key="mail")
    Task.objects.create(**seen, uuid="u-2")
    _, answer = post("explain-task", question)
    assert (answer["certain"], answer["sent"]["uuid"], answer["sent"]["agrees"]) == (True, "u-1", True)


def test_a_live_exchange_of_another_type_is_celerys_error(post: Post) -> None:
    conf = {"task_queues": [{"$queue": {"name": "mail", "exchange": {"$exchange": {"name": "orders", "type": "direct"}}, "routing_key": "mail"}}]}
    _, answer = post("explain-task", {"broker": "prod", "vhost": "/", "conf": conf, "task": "shop.pay", "options": {"queue": "mail"}})
    assert answer["error"].startswith("PreconditionFailed")
    assert answer["broker"] is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"task": "shop.pay"}, "conf"),
        ({"conf": {}, "task": 5}, "task"),
        ({"conf": {}, "task": "a", "via": "pigeon"}, "via"),
        ({"conf": {}, "task": "a", "colour": 1}, "colour"),
        ({"conf": {}, "task": "a", "options": []}, "options"),
        ({"broker": "nope", "vhost": "/", "task": "a"}, "broker"),
        ({"broker": "prod", "task": "a"}, "vhost"),
    ],
)
def test_a_bad_question_about_a_task_names_its_field(post: Post, body: dict[str, Any], field: str) -> None:
    status, answer = post("explain-task", body)
    assert status in (400, 404)
    assert answer["error"]["field"] == field


def test_the_past_is_explained_with_its_bindings(world: World, post: Post) -> None:
    status, answer = post("explain", LIVE | {"at": (world.now - timedelta(hours=1)).isoformat()})
    assert (status, answer["error"]["field"]) == (404, "at")
    assert Binding.objects.exists()


def test_what_if_compares_a_live_virtual_host_with_one_that_is_only_thought_of(world: World, post: Post) -> None:
    change = {"change": "remove_binding", "source": "orders", "destination": "mail", "routing_key": "order.#"}
    status, answer = post("explain", {**LIVE, "what_if": [change]})
    assert status == 200, answer
    assert (answer["queues"], answer["what_if"]["lost"], answer["what_if"]["answer"]["outcome"]) == (["mail"], ["mail"], "unroutable")
    assert answer["what_if"]["text"] == "It would reach no queue instead of queue mail."
    assert post("explain", LIVE)[1]["what_if"] is None
    assert Binding.objects.filter(source="orders").exists()


def test_what_if_of_a_task_sets_a_route(post: Post) -> None:
    change = {"change": "set_route", "name": "shop.*", "route": {"queue": "mail"}}
    status, answer = post("explain-task", {"broker": "prod", "vhost": "/", "task": "shop.pay", "what_if": [change]})
    assert status == 200, answer
    assert (answer["what_if"]["gained"], answer["what_if"]["answer"]["broker"]["queues"]) == (["mail"], ["mail"])


@pytest.mark.parametrize(
    ("call", "changes", "field"),
    [
        ("explain", "x", "what_if"),
        ("explain", [{"change": "paint"}], "what_if[0].change"),
        ("explain", [{"change": "set_route", "name": "a", "route": "b"}], "what_if[0].change"),
        ("explain", [{"change": "add_binding", "source": "orders", "destination": "nowhere"}], "what_if[0].destination"),
        ("explain-task", 5, "what_if"),
        ("explain-task", [{"change": "set_route", "name": "a", "route": 5}], "what_if[0].route"),
        ("explain-task", [{"change": "remove_policy", "name": "a"}], "what_if[0].name"),
    ],
)
def test_a_change_that_does_not_fit_is_a_400_that_names_it(post: Post, call: str, changes: Any, field: str) -> None:
    status, answer = post(call, {**LIVE, "what_if": changes} if call == "explain" else {"broker": "prod", "vhost": "/", "task": "a", "what_if": changes})
    assert (status, answer["error"]["field"]) == (400, field)
