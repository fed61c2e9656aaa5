"""`POST messages/peek`: who may, what is refused by which field, and what is in a real queue before and after."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from brokers.addresses import BrokerAddress
from brokers.models import Queue
from dashboard import store
from dashboard.models import AuditEvent
from tests.api.conftest import World
from tests.conftest import TestNode
from tests.people import person

Post = Callable[..., tuple[int, Any]]
AUDIT_ACTION = "peek at messages"


@pytest.fixture
def post(world: World, settings: LazySettings) -> Post:
    """Posts a question with Anna's token, changed by the arguments; (status, JSON). Nobody listens at the broker's address."""
    settings.BROKERS = (BrokerAddress("prod", ("http://127.0.0.1:1",), "u", "p", amqp_url="amqp://u:p@127.0.0.1:1"),)
    settings.CONTROL = frozenset({"prod"})

    def answered(body: Any = None, token: str = world.token, **changed: Any) -> tuple[int, Any]:
        question = {"broker": "prod", "vhost": "/", "queue": "mail"} | changed
        data = json.dumps(question) if body is None else body
        response = Client().post("/api/v1/messages/peek", data, content_type="application/json", headers={"Authorization": f"Bearer {token}"})
        return response.status_code, response.json()

    return answered


def test_a_session_needs_the_csrf_token(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.user)
    assert client.post("/api/v1/messages/peek", "{}", content_type="application/json").status_code == 403


def test_who_may_only_look_gets_403_and_the_try_is_noted(world: World, post: Post) -> None:
    token = store.make_token(person("eve"), "script", world.now)
    status, answer = post(token=token)
    assert (status, answer["error"]["code"]) == (403, "forbidden")
    event = AuditEvent.objects.get(action=AUDIT_ACTION)
    assert (event.outcome, event.user_name, event.name) == (store.REFUSED, "eve", "mail")


def test_where_control_is_off_the_answer_names_the_setting(post: Post, settings: LazySettings) -> None:
    settings.CONTROL = frozenset()
    status, answer = post()
    assert status == 403
    assert "HARELINE_CONTROL=prod" in answer["error"]["message"]


@pytest.mark.parametrize(
    ("changed", "status", "field"),
    [
        ({"broker": "nope"}, 404, "broker"),
        ({"broker": 5}, 400, "broker"),
        ({"vhost": "nowhere"}, 404, "queue"),
        ({"queue": "nope"}, 404, "queue"),
        ({"queue": "gone"}, 404, "queue"),
        ({"queue": None}, 400, "queue"),
        ({"queue": "q" * 256}, 400, "queue"),
        ({"count": 0}, 400, "count"),
        ({"count": 11}, 400, "count"),
        ({"count": "many"}, 400, "count"),
        ({"colour": "red"}, 400, "colour"),
    ],
)
def test_an_error_names_its_field(post: Post, changed: dict[str, Any], status: int, field: str) -> None:
    found, answer = post(**changed)
    assert (found, answer["error"].get("field")) == (status, field)
    assert not AuditEvent.objects.filter(action=AUDIT_ACTION).exists()


@pytest.mark.parametrize(("changed", "words"), [({"type": "stream"}, "mail is a stream."), ({"exclusive": True}, "mail is exclusive")])
def test_a_stream_and_an_exclusive_queue_are_refused(world: World, post: Post, changed: dict[str, Any], words: str) -> None:
    Queue.objects.filter(name="mail").update(**changed)
    status, answer = post()
    assert (status, answer["error"]["field"]) == (400, "queue")
    assert words in answer["error"]["message"]


@pytest.mark.parametrize("body", ["{", "[]", b"\xff", "[" * 100_000])
def test_a_body_that_is_no_question_is_refused(post: Post, body: Any) -> None:
    assert post(body)[0] == 400


def test_ten_megabytes_are_refused_with_a_reason(post: Post) -> None:
    status, answer = post(queue="x" * 10_000_000)
    assert (status, answer["error"]) == (413, {"code": "too_large", "message": "The body is too large; at most 2.62 MB are read."})


def test_a_broker_that_refuses_the_connection_is_503_and_noted(post: Post) -> None:
    status, answer = post()
    assert (status, answer["error"]["code"]) == (503, "unavailable")
    assert answer["error"]["message"].startswith("Peeking failed: no AMQP connection to 127.0.0.1:1")
    assert AuditEvent.objects.get(action=AUDIT_ACTION).outcome == store.FAILED


def test_messages_of_a_real_queue_are_shown_and_stay(world: World, post: Post, rabbitmq: TestNode, vhost: str, settings: LazySettings) -> None:
    settings.BROKERS = (rabbitmq.address("prod"),)
    type(world.broker).objects.update(listeners=[{"node": "", "protocol": "amqp", "port": rabbitmq.ports["amqp"]}])
    Queue.objects.create(broker=world.broker, vhost=vhost, name="jobs", type="classic", first_seen_at=world.now, changed_at=world.now)
    rabbitmq.api("PUT", f"queues/{vhost}/jobs", {"durable": True})
    headers = {"task": "shop.pay", "id": "u-1", "lang": "py", "level": 1}
    properties = {"headers": headers, "content_type": "application/json", "user_id": rabbitmq.user}
    for payload in ("[[1], {}, {}]", "second", "third"):
        message = {"routing_key": "jobs", "payload": payload, "payload_encoding": "string", "properties": properties}
        rabbitmq.api("POST", f"exchanges/{vhost}/amq.default/publish", message)
    status, answer = post(vhost=vhost, queue="jobs", count=2)
    assert (status, answer["queue"], answer["behind"], answer["stopped"]) == (200, "jobs", 1, None)
    first, second = answer["messages"]
    assert (first["payload"], first["redelivered"], first["task"], first["uuid"], first["deaths"]) == ("[[1], {}, {}]", False, "shop.pay", "u-1", [])
    assert first["question"] == {"exchange": "", "routing_key": "jobs", "headers": headers}
    assert second["payload"] == "second"
    event = AuditEvent.objects.get(action=AUDIT_ACTION)
    assert (event.outcome, event.user_name, event.name, event.detail) == (store.DONE, "anna", "jobs", {"requested": 2, "shown": 2})
    again = post(vhost=vhost, queue="jobs", count=10)[1]["messages"]
    assert [(message["payload"], message["redelivered"]) for message in again] == [("[[1], {}, {}]", True), ("second", True), ("third", False)]
