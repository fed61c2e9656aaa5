"""`POST tasks/send`: who may, what is refused by which field, and how a real broker answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from brokers.addresses import BrokerAddress
from brokers.models import Binding, Exchange, Queue, VirtualHost
from dashboard import store
from dashboard.models import AuditEvent
from tests.api.conftest import World
from tests.conftest import TestNode
from tests.people import person
from workers.models import Worker

Post = Callable[..., tuple[int, Any]]


@pytest.fixture
def post(world: World, settings: LazySettings) -> Post:
    """Posts a task with Anna's token, changed by the arguments; (status, JSON). Nobody listens at the broker's address."""
    settings.BROKERS = (BrokerAddress("prod", ("http://127.0.0.1:1",), "u", "p", amqp_url="amqp://u:p@127.0.0.1:1"),)
    settings.CONTROL = frozenset({"prod"})
    for vhost in ("/", "shop"):
        VirtualHost.objects.create(broker=world.broker, name=vhost, first_seen_at=world.now)

    def answered(body: Any = None, token: str = world.token, **changed: Any) -> tuple[int, Any]:
        question = {"broker": "prod", "vhost": "/", "task": "reports.render", "args": [1], "kwargs": {}, "options": {"queue": "mail"}} | changed
        data = json.dumps(question) if body is None else body
        response = Client().post("/api/v1/tasks/send", data, content_type="application/json", headers={"Authorization": f"Bearer {token}"})
        return response.status_code, response.json()

    return answered


def test_a_stranger_gets_401(world: World) -> None:
    assert Client().post("/api/v1/tasks/send", "{}", content_type="application/json").status_code == 401


def test_a_session_needs_the_csrf_token(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.user)
    assert client.post("/api/v1/tasks/send", "{}", content_type="application/json").status_code == 403


def test_who_may_only_look_gets_403_and_the_try_is_noted(world: World, post: Post) -> None:
    token = store.make_token(person("eve"), "script", world.now)
    status, answer = post(token=token)
    assert (status, answer["error"]["code"]) == (403, "forbidden")
    assert AuditEvent.objects.get(action="send task").outcome == store.REFUSED


def test_a_broker_that_blocks_publishers_answers_503_with_the_reason(world: World, post: Post) -> None:
    type(world.broker).objects.update(alarms=[{"node": "rabbit@a", "resource": "disk", "since": world.now.isoformat()}], polled_at=world.now)
    status, answer = post()
    assert status == 503
    assert "blocks publishers since" in answer["error"]["message"] and "disk alarm on rabbit@a" in answer["error"]["message"]
    assert post(dry_run=True)[0] == 200


def test_where_control_is_off_the_answer_names_the_setting(post: Post, settings: LazySettings) -> None:
    settings.CONTROL = frozenset()
    status, answer = post()
    assert status == 403
    assert "HARELINE_CONTROL" in answer["error"]["message"]


@pytest.mark.parametrize(
    ("changed", "status", "field"),
    [
        ({"broker": "nope"}, 404, "broker"),
        ({"broker": 5}, 400, "broker"),
        ({"vhost": "nowhere"}, 404, "vhost"),
        ({"vhost": "a\x00"}, 400, "vhost"),
        ({"task": ""}, 400, "task"),
        ({"task": None}, 400, "task"),
        ({"args": {}}, 400, "args"),
        ({"kwargs": [1]}, 400, "kwargs"),
        ({"options": "x"}, 400, "options"),
        ({"options": {"countdown": "soon"}}, 400, "countdown"),
        ({"options": {"queue": "a\x00"}}, 400, "queue"),
        ({"options": {"priority": 256}}, 400, "priority"),
        ({"options": {"expires": -1}}, 400, "expires"),
        ({"options": {"colour": "red"}}, 400, "colour"),
        ({"colour": "red"}, 400, "colour"),
        ({"dry_run": True, "broker": "nope"}, 404, "broker"),
        ({"dry_run": True, "vhost": "nowhere"}, 404, "vhost"),
        ({"dry_run": "yes"}, 400, "dry_run"),
    ],
)
def test_an_error_names_its_field(post: Post, changed: dict[str, Any], status: int, field: str) -> None:
    found, answer = post(**changed)
    assert (found, answer["error"].get("field")) == (status, field)
    assert not AuditEvent.objects.filter(action="send task", outcome=store.DONE).exists()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{", "Line 1, column 2"),
        ("[]", "This is a list; wanted is an object"),
        ('{"args": ["\\ud800"]}', "half of a surrogate pair"),
        ('{"args": ' + "[" * 10_000 + "]" * 10_000 + "}", "nested more than 100 levels deep"),
        ('{"task": "a", "task": "b"}', "stands twice"),
        ('{"args": [NaN]}', "NaN is not JSON"),
        (b"\xff\xfe", "not UTF-8"),
    ],
)
def test_a_body_that_is_no_json_has_an_error_with_its_position(post: Post, body: Any, words: str) -> None:
    status, answer = post(body)
    assert status == 400
    assert words in answer["error"]["message"]


def test_ten_megabytes_are_refused_with_a_reason(post: Post) -> None:
    status, answer = post(args=["x" * 10_000_000])
    assert (status, answer["error"]["field"], answer["error"]["code"]) == (413, "args", "too_large")
    assert "at most 2.00 MB are read. Nothing was sent." in answer["error"]["message"]


def test_a_broker_that_refuses_the_connection_is_503_and_nothing_was_sent(post: Post) -> None:
    status, answer = post()
    assert (status, answer["error"]["code"]) == (503, "unavailable")
    assert answer["error"]["message"].startswith("Nothing was sent: no AMQP connection to 127.0.0.1:1")


def test_a_dry_run_predicts_and_sends_nothing_even_where_sending_is_off(world: World, post: Post, settings: LazySettings) -> None:
    settings.CONTROL = frozenset()
    status, answer = post(dry_run=True)
    assert status == 200
    assert (answer["exchange"], answer["routing_key"], answer["queues"]) == ("", "mail", ["mail"])
    prediction = answer["prediction"]
    assert (prediction["queue"], prediction["error"], prediction["certain"], prediction["unknown"]) == ("mail", None, True, [])
    assert prediction["broker"]["after"][0]["workers"][0]["hostname"] == "a@web-1"
    assert not AuditEvent.objects.filter(action="send task").exists()


def test_a_dry_run_shows_what_would_be_unroutable_since_nothing_is_declared(post: Post) -> None:
    _, answer = post(dry_run=True, options={"queue": "nope"})
    assert (answer["queues"], answer["prediction"]["broker"]["outcome"]) == ([], "unroutable")
    _, answer = post(dry_run=True, options={"exchange": "nox", "routing_key": "k"})
    assert answer["prediction"]["broker"]["refused"] == "NOT_FOUND"
    _, answer = post(dry_run=True, options={"exchange": "orders", "routing_key": "order.new"})
    assert (answer["exchange"], answer["routing_key"], answer["queues"]) == ("orders", "order.new", ["mail"])


def test_without_a_queue_it_goes_where_the_configuration_of_the_worker_nodes_sends_it(world: World, post: Post) -> None:
    conf = {"task_routes": {"reports.*": {"queue": "a/b ü"}}}
    registered = [{"name": "reports.render", "attributes": {}}]
    Worker.objects.filter(pk=world.worker.pk).update(configuration=conf, configuration_at=world.now, registered=registered)
    _, answer = post(dry_run=True, options={})
    assert (answer["routing_key"], answer["queues"]) == ("a/b ü", ["a/b ü"])
    assert answer["prediction"]["configuration"]["source"] == "worker"
    assert [step["layer"] for step in answer["prediction"]["steps"] if step["key"] == "queue" and not step["lost_to"]] == ["router"]
    _, answer = post(dry_run=True, options={"queue": "mail"})
    assert answer["queues"] == ["mail"]


def test_a_countdown_to_a_quorum_queue_goes_by_native_delayed_delivery(world: World, post: Post) -> None:
    queue = {"name": "jobs", "exchange": {"name": "orders", "type": "topic"}, "routing_key": "order.new", "queue_arguments": {"x-queue-type": "quorum"}}
    conf = {"task_default_queue": "jobs", "task_queues": [queue]}
    registered = [{"name": "reports.render", "attributes": {}}]
    Worker.objects.filter(pk=world.worker.pk).update(configuration=conf, configuration_at=world.now, registered=registered)
    for options in ({"countdown": 5}, {"countdown": 5, "queue": "jobs"}):
        _, answer = post(dry_run=True, options=options)
        assert (answer["exchange"], answer["routing_key"]) == ("celery_delayed_27", ".".join(f"{5:028b}") + ".order.new")
        assert answer["prediction"]["broker"]["refused"] == "NOT_FOUND"  # no worker has declared the levels
    facts = {"durable": True, "auto_delete": False, "first_seen_at": world.now, "changed_at": world.now}
    Queue.objects.create(broker=world.broker, vhost="/", name="jobs", type="quorum", arguments={"x-queue-type": "quorum"}, **facts)
    for name in ("celery_delayed_27", "celery_delayed_delivery"):
        Exchange.objects.create(broker=world.broker, vhost="/", name=name, type="topic", internal=False, **facts)
    bound = {"destination": "jobs", "destination_type": "queue", "routing_key": "#.order.new", "first_seen_at": world.now}
    Binding.objects.create(broker=world.broker, vhost="/", source="celery_delayed_delivery", **bound)
    _, answer = post(dry_run=True, options={"countdown": 5})
    assert (answer["exchange"], answer["queues"]) == ("celery_delayed_27", ["jobs"])  # where it arrives after the countdown
    _, answer = post(dry_run=True, options={})
    assert answer["exchange"] == "orders"


def test_a_real_broker_confirms_or_gives_back(world: World, post: Post, rabbitmq: TestNode, vhost: str, settings: LazySettings) -> None:
    settings.BROKERS = (rabbitmq.address("prod"),)
    type(world.broker).objects.update(listeners=[{"node": "", "protocol": "amqp", "port": rabbitmq.ports["amqp"]}])
    VirtualHost.objects.create(broker=world.broker, name=vhost, first_seen_at=world.now)
    rabbitmq.api("PUT", f"queues/{vhost}/mail", {"durable": True})
    status, answer = post(vhost=vhost, args=["<b>", "\x00", "😀"])
    assert status == 202, answer
    assert (answer["confirmed"], answer["reason"], answer["routing_key"], answer["id"]) == (True, None, "mail", None)
    event = AuditEvent.objects.get(action="send task")
    assert (event.outcome, event.user_name, event.detail["uuid"]) == (store.DONE, "anna", answer["uuid"])
    assert event.detail["predicted"] == {"exchange": "", "routing_key": "mail", "queues": [], "workers": [], "certain": False}  # not polled yet
    status, answer = post(vhost=vhost, options={"queue": "nope"})
    assert (status, answer["confirmed"]) == (202, False)
    assert "It reached no queue and is gone" in answer["reason"]


def test_missing_write_permission_is_403_with_the_command_that_grants_it(
    world: World, post: Post, rabbitmq: TestNode, vhost: str, settings: LazySettings
) -> None:
    user, password = rabbitmq.new_user(permissions={vhost: {"configure": "", "write": "", "read": ".*"}})
    settings.BROKERS = (rabbitmq.address("prod", user, password),)
    type(world.broker).objects.update(listeners=[{"node": "", "protocol": "amqp", "port": rabbitmq.ports["amqp"]}])
    VirtualHost.objects.create(broker=world.broker, name=vhost, first_seen_at=world.now)
    rabbitmq.api("PUT", f"queues/{vhost}/mail", {"durable": True})
    status, answer = post(vhost=vhost)
    assert (status, answer["error"]["code"]) == (403, "forbidden"), answer
    assert f"the user {user} may not write to the default exchange (amq.default)" in answer["error"]["message"]
    assert f"rabbitmqctl set_permissions -p {vhost} {user} " in answer["error"]["message"]


def test_a_password_goes_to_no_guessed_port_and_to_none_in_clear_text_beside_https(world: World, post: Post, settings: LazySettings) -> None:
    settings.BROKERS = (BrokerAddress("prod", ("https://127.0.0.1:1",), "u", "s3cret"),)
    status, answer = post()
    assert status == 403
    assert answer["error"]["message"].startswith("The AMQP port of prod is unknown: the broker reports no listeners")
    type(world.broker).objects.update(listeners=[{"node": "a", "protocol": "amqp", "port": 5672}])
    status, answer = post()
    assert status == 403
    assert answer["error"]["message"].startswith("AMQP at prod is in clear text only (port 5672)")
    assert "HARELINE_BROKER_AMQP_PROD=amqp://127.0.0.1:5672 permits it" in answer["error"]["message"]
