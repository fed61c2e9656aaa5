"""Every request to `routing/explain` and `routing/explain-task` ends in an answer or in a 4xx that names the field."""

from __future__ import annotations

import doctest
import json
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brokers.models import Binding, Exchange, Policy, Queue, VirtualHost
from dashboard.api.errors import Problem
from dashboard.limits import at_once
from dashboard.limits.at_once import AtOnce
from dashboard.why import api as routing
from dashboard.why import turns
from tests.api.conftest import World
from tests.hypothesis_profiles import examples

Post = Callable[..., tuple[int, Any]]
MESSAGE: dict[str, Any] = {"broker": "prod", "vhost": "/", "exchange": "orders", "routing_key": "order.new"}
TASK: dict[str, Any] = {"broker": "prod", "vhost": "/", "task": "shop.pay", "conf": {}}
MEGABYTES_10 = 10_000_000


@pytest.fixture
def post(world: World) -> Post:
    VirtualHost.objects.create(broker=world.broker, name="/", first_seen_at=world.now)
    client = Client()

    def answered(call: str, body: Any) -> tuple[int, Any]:
        data = body if isinstance(body, str | bytes) else json.dumps(body)
        response = client.post(f"/api/v1/routing/{call}", data, content_type="application/json", headers={"Authorization": f"Bearer {world.token}"})
        return response.status_code, response.json()

    return answered


def exchange(world: World, name: str, kind: str = "fanout", **arguments: str) -> None:
    facts: dict[str, Any] = {"durable": True, "auto_delete": False, "internal": False, "first_seen_at": world.now, "changed_at": world.now}
    Exchange.objects.create(broker=world.broker, vhost="/", name=name, type=kind, arguments=arguments, **facts)


def bind(world: World, source: str, destination: str, kind: str = "exchange") -> None:
    Binding.objects.create(
        broker=world.broker, vhost="/", source=source, destination=destination, destination_type=kind, routing_key="", arguments={}, first_seen_at=world.now
    )


@pytest.mark.parametrize(
    ("call", "body", "field"),
    [
        ("explain", MESSAGE | {"headers": {"a": "x" * MEGABYTES_10}}, "headers"),
        ("explain", MESSAGE | {"routing_key": "x" * MEGABYTES_10}, "routing_key"),
        ("explain", MESSAGE | {"vhost": "x" * MEGABYTES_10}, "vhost"),
        ("explain", {"definitions": "x" * MEGABYTES_10, "exchange": "", "routing_key": ""}, "definitions"),
        ("explain-task", TASK | {"task": "x" * MEGABYTES_10}, "task.name"),
        ("explain-task", TASK | {"conf": {"task_default_queue": "x" * MEGABYTES_10}}, "conf.task_default_queue"),
        ("explain-task", TASK | {"options": {"headers": {"a": "x" * MEGABYTES_10}}}, "options.headers.a"),
    ],
    ids=range(7),
)
def test_ten_megabytes_in_a_field_name_the_field(post: Post, call: str, body: dict[str, Any], field: str) -> None:
    status, answer = post(call, body)
    assert (status, answer["error"]["field"]) == (400, field)
    assert len(answer["error"]["message"]) < 500


def test_ten_megabytes_of_what_nobody_reads_are_no_obstacle(post: Post) -> None:
    assert post("explain", MESSAGE | {"note": "x" * MEGABYTES_10})[1]["queues"] == ["mail"]
    assert post("explain-task", TASK | {"note": "x" * MEGABYTES_10})[1]["queue"] == "celery"


def test_a_body_that_is_larger_still_is_refused_before_it_is_read(post: Post) -> None:
    for call in ("explain", "explain-task"):
        status, answer = post(call, b" " * (17 * 1024 * 1024))
        assert (status, answer["error"]["code"], answer["error"]["field"]) == (413, "too_large", "body")


def test_a_body_of_unknown_length_is_read_no_further_than_the_limit() -> None:
    stream = BytesIO(b" " * (40 * 1024 * 1024))
    request = ASGIRequest({"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b""}, stream)
    with pytest.raises(Problem) as refused:
        routing.explain(request)
    assert refused.value.status == 413
    assert stream.tell() == routing.LARGEST_BODY_BYTES + 1


def test_very_many_bindings_in_a_body_are_answered(post: Post) -> None:
    bindings = [
        {"source": "x", "destination": "q", "destination_type": "queue", "routing_key": f"order.{number}.eu"} for number in range(examples(20_000, 100_000))
    ]
    definitions = {"exchanges": [{"name": "x", "type": "topic"}], "queues": [{"name": "q"}], "bindings": bindings}
    status, answer = post("explain", {"definitions": definitions, "exchange": "x", "routing_key": "order.5.eu"})
    assert (status, answer["queues"]) == (200, ["q"])


def test_cycles_of_exchanges_and_alternates_of_a_live_broker_end(world: World, post: Post) -> None:
    for name, alternate in (("a", "b"), ("b", "c"), ("c", "a")):
        exchange(world, name, **{"alternate-exchange": alternate})
    bind(world, "a", "b")
    bind(world, "b", "a")
    status, answer = post("explain", MESSAGE | {"exchange": "c"})
    assert (status, answer["outcome"], [step["exchange"] for step in answer["steps"]]) == (200, "unroutable", ["c", "a", "b"])


def test_what_is_bound_to_something_that_is_gone_is_no_obstacle(world: World, post: Post) -> None:
    exchange(world, "half")
    bind(world, "half", "no such queue", "queue")
    bind(world, "half", "no such exchange")
    bind(world, "no such source", "mail", "queue")
    assert post("explain", MESSAGE | {"exchange": "half"})[1]["outcome"] == "unroutable"


def test_evil_patterns_of_a_live_broker_make_the_answer_uncertain_at_most(world: World, post: Post) -> None:
    evil = {"broker": world.broker, "vhost": "/", "apply_to": "all", "priority": 0, "definition": {"message-ttl": 5}, "operator": False}
    Queue.objects.create(broker=world.broker, vhost="/", name="a" * 200, consumers=1, first_seen_at=world.now, changed_at=world.now)
    for number in range(100):
        Policy.objects.create(**evil, name=f"p{number}", pattern=f"(a|aa)+{number}$")
    Policy.objects.create(**evil, name="broken", pattern="(")
    status, answer = post("explain", MESSAGE | {"exchange": "", "routing_key": "a" * 200})
    assert (status, answer["queues"]) == (200, ["a" * 200])
    assert any("takes too long to search" in uncertainty for uncertainty in answer["after"][0]["doubts"])


@pytest.mark.parametrize(
    "definitions",
    [
        {"topics": [{"name": "orders", "partitions": 3}]},
        {"destinations": {"queue": ["mail"]}},
        {"queues": {"mail": {"durable": True}}, "exchanges": []},
        {"queues": ["mail"]},
        {"bindings": [["orders", "queue", "mail", "order.#", []]]},
        {"exchanges": [["orders", "topic"]], "queues": [], "bindings": []},
        [{"vhost": "/", "queues": []}],
        "{}",
    ],
    ids=range(8),
)
def test_another_format_is_refused_by_naming_where_it_goes_wrong(post: Post, definitions: Any) -> None:
    status, answer = post("explain", {"definitions": definitions, "exchange": "", "routing_key": "mail"})
    assert status == 400
    assert answer["error"]["field"].startswith("definitions")


def test_what_does_not_exist_is_an_answer_with_a_reason(post: Post) -> None:
    _, answer = post("explain", MESSAGE | {"exchange": "", "routing_key": "no.such.queue"})
    assert (answer["outcome"], answer["queues"]) == ("unroutable", [])
    assert "no queue has that name" in answer["text"]
    _, answer = post("explain-task", TASK | {"task": "no.such.task"})
    assert answer["queue"] == "celery"
    assert any("No online worker has registered this task" in sentence for sentence in answer["unknown"])


def test_an_unknown_name_is_shown_as_it_was_given_and_no_markup(post: Post) -> None:
    for field, name in (("broker", "<b>x</b>"), ("vhost", "<b>x</b>")):
        status, answer = post("explain", MESSAGE | {field: name})
        assert (status, answer["error"]["field"]) == (404, field)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5) | st.sampled_from(["/", "prod", "all"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.sampled_from(["$queue", "name", "queues"]), inner, max_size=3),
    max_leaves=6,
)
FIELDS = {
    "explain": [*routing.MessageQuestion.model_fields, "note"],
    "explain-task": [*routing.TaskQuestion.model_fields, "note"],
}
WRONG = st.sampled_from(sorted(FIELDS)).flatmap(
    lambda call: st.tuples(st.just(call), st.dictionaries(st.sampled_from(FIELDS[call]), JSON, min_size=1, max_size=2))
)


@settings(suppress_health_check=list(HealthCheck))
@given(WRONG)
def test_nothing_that_stands_in_any_field_is_an_exception(post: Post, case: tuple[str, dict[str, Any]]) -> None:
    call, changed = case
    status, answer = post(call, (MESSAGE if call == "explain" else TASK) | changed)
    assert status in (200, 400, 404)
    if status != 200:
        assert answer["error"]["field"]


NAMES = st.sampled_from(["prod", "/", "mail", "a@web-1", "shop.pay", "nowhere", "", "\x00", "x" * 300, "<b>", "💥"]) | st.text(max_size=6)


@settings(suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.sampled_from(["broker", "vhost", "queue", "worker", "task", "at"]), NAMES))
def test_no_question_from_the_end_is_an_exception(world: World, post: Post, changed: dict[str, str]) -> None:
    query = {"broker": "prod", "vhost": "/"} | changed
    response = Client().get("/api/v1/routing/reach", query, headers={"Authorization": f"Bearer {world.token}"})
    assert response.status_code in (200, 400, 404)
    if response.status_code != 200:
        assert response.json()["error"]["field"]


def test_too_many_explanations_at_once_are_refused_and_go_on_afterwards(world: World, post: Post, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "EXPLANATIONS", AtOnce(1, 0.0))
    client.force_login(world.user)
    with turns.EXPLANATIONS.turn():
        for address in ("/routing/?broker=prod&vhost=%2F&exchange=a&routing_key=b", "/send/?broker=prod&vhost=%2F&task=shop.pay"):
            assert client.get(address).status_code == 503
        assert client.get("/routing/").status_code == client.get("/send/").status_code == 200
        dry = {"broker": "prod", "vhost": "/", "task": "shop.pay", "dry_run": True}
        assert client.post("/api/v1/tasks/send", dry, "application/json").status_code == 503
        for call, body in (("explain", MESSAGE), ("explain-task", TASK)):
            status, answer = post(call, body)
            assert (status, answer["error"]["code"]) == (503, "unavailable")
    assert post("explain", MESSAGE)[0] == 200
    assert doctest.testmod(at_once).failed == 0
