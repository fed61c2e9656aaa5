"""Every address of the page Routing ends in a page: an answer as text, or what is wrong beside its field."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brokers.models import Binding, Broker, Exchange, Policy, Queue, VirtualHost
from dashboard.why.forms import what_if_fields
from dashboard.why.forms.question_form import MOMENT
from dashboard.why.page import FORMS
from workers.models import Task, Worker

pytestmark = pytest.mark.django_db
FIELDS = {form.of: sorted({*form.FIELDS, MOMENT, "verdicts", "what_if", "change", *what_if_fields.NAMES}) for form in FORMS}


@pytest.fixture
def shop() -> Broker:
    """One of everything, with a cycle of exchanges, a cycle of alternates, and a policy whose pattern runs away."""
    now = timezone.now()
    broker = Broker.objects.create(name="prod", state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=60, version="3.10.8")
    VirtualHost.objects.create(broker=broker, name="/", first_seen_at=now)
    seen: dict[str, Any] = {"broker": broker, "vhost": "/", "first_seen_at": now, "changed_at": now}
    usual: dict[str, Any] = {"durable": True, "auto_delete": False}
    for name in ("celery", "mail", "a" * 200):
        Queue.objects.create(**seen, **usual, name=name, consumers=1, depth=0, ready=0, exclusive=False)
    for name, kind, alternate in (("", "direct", ""), ("shop", "topic", "b"), ("heads", "headers", ""), ("a", "fanout", "b"), ("b", "fanout", "a")):
        Exchange.objects.create(**seen, **usual, internal=False, name=name, type=kind, arguments={"alternate-exchange": alternate} if alternate else {})
    found = {"broker": broker, "vhost": "/", "first_seen_at": now}
    for source, destination, kind, key, arguments in (
        ("shop", "mail", "queue", "order.*.eu", {}),
        ("heads", "mail", "queue", "", {"level": 1, "x-match": "any"}),
        ("a", "b", "exchange", "", {}),
        ("b", "a", "exchange", "", {}),
        ("shop", "no such queue", "queue", "#", {}),
    ):
        Binding.objects.create(**found, source=source, destination=destination, destination_type=kind, routing_key=key, arguments=arguments)
    Policy.objects.create(broker=broker, vhost="/", name="evil", pattern="(a|aa)+!$", apply_to="all", priority=0, definition={"max-length": 1}, operator=False)
    Worker.objects.create(**seen, hostname="w@1", state=Worker.ONLINE, queues=[{"name": "celery"}], registered=[{"name": "pay", "attributes": {}}])
    Task.objects.create(**seen, uuid="u1", name="pay", state="SUCCESS", sent_queue="mail", exchange="", routing_key="mail", sent_at=now)
    return broker


def answered(person: Client, of: str, **fields: str) -> tuple[int, str]:
    answer = person.get("/routing/", {"broker": "prod", "vhost": "/", "of": of, **fields})
    return answer.status_code, answer.content.decode()


def words(source: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", source.split('id="content"')[1])).split())


@pytest.mark.parametrize(
    ("of", "fields", "expected"),
    [
        ("message", {"exchange": "", "routing_key": "no.such.queue"}, "no queue has that name"),
        ("message", {"exchange": "no.such", "routing_key": ""}, 'There is no exchange "no.such"'),
        ("message", {"exchange": "shop", "routing_key": "a", "expected": "no.such.queue"}, "there is no queue of that name"),
        ("message", {"exchange": "shop", "routing_key": "a", "expected": "Mail"}, "there is no queue of that name; there is mail"),
        ("message", {"exchange": "a", "routing_key": "", "verdicts": "all"}, "Delivered to no queue"),
        ("message", {"exchange": "", "routing_key": "a" * 200}, "a" * 200),
        ("task", {"task": "no.such.task", "conf": "{}"}, "No online worker has registered this task"),
        ("task", {"task": "pay", "conf": '{"task_routes": "os.getcwd"}'}, "os.getcwd is code of the application, which is not run here"),
        ("existing", {"uuid": "no-such-id"}, "No event of task no-such-id is known"),
        ("reach", {"worker": "no@such"}, "No worker node no@such is online there"),
        ("reach", {"queue": "no.such.queue"}, "no.such.queue"),
        ("reach", {"task": "no.such.task"}, "no.such.task"),
    ],
)
def test_what_does_not_exist_is_reported(person: Client, shop: Broker, of: str, fields: dict[str, str], expected: str) -> None:
    status, source = answered(person, of, **fields)
    assert status in (200, 422)
    assert expected in words(source)


@pytest.mark.parametrize(
    ("of", "field", "value"),
    [
        ("message", "headers", "{"),
        ("message", "headers", "[]"),
        ("message", "headers", '{"a": 1, "a": 2}'),
        ("message", "headers", json.dumps({"a": "x" * 99_000})[:-3]),
        ("message", "headers", "[" * 50_000),
        ("message", "routing_key", "x" * 256),
        ("task", "conf", '{"task_routes": {"a": {"queue": 5}}}'),
        ("task", "conf", '{"task_queues": "os.getcwd"}'),
        ("task", "conf", '{"task_routes": [[[{"$regex": "[a-z]{100000000}"}, "q"]]]}'),
        ("task", "options", '{"producer": 1}'),
        ("task", "args", "{}"),
        ("task", "kwargs", "[]"),
    ],
)
def test_what_can_not_be_read_is_reported_beside_its_field(person: Client, shop: Broker, of: str, field: str, value: str) -> None:
    fields = {"exchange": "shop", "routing_key": "a"} if of == "message" else {"task": "pay", "conf": "{}"}
    status, source = answered(person, of, **{**fields, field: value})
    assert status == 422
    beside = source.split(f'id="{field}-says"')[1].split("</div>")[0]
    assert re.sub(r"<[^>]+>|\s", "", beside.partition(">")[2])


def test_a_moment_that_is_not_recorded_is_reported_beside_whatever_else_is_wrong(person: Client, shop: Broker) -> None:
    status, source = answered(person, "message", exchange="shop", routing_key="a", headers="{", at="-2h")
    assert status == 422
    assert "Nothing is recorded of queues at" in words(source)


NASTY = [
    "\x00",
    "💥",
    "<i>evil",
    "' OR 1=1 --",
    "%00",
    "`",
    "``",
    "a.b" * 80,
    "\ud7ff",
    "-2h",
    "14:20",
    "9" * 400,
    "all",
    "2026-02-30",
    "{}",
    "[]",
    "null",
    "1e400",
]
NASTY += [
    '{"a": {"$queue": {}}}',
    '[{"kind": "binding"}]',
    '{"$regex": "("}',
    '{"headers": {"task": 5}}',
    '{"exchange": 5}',
    '["x"]',
    "pay",
    "mail",
    "shop",
    "u1",
    "w@1",
]
TEXTS = st.sampled_from(NASTY) | st.text(max_size=12)
ADDRESSES = st.sampled_from(sorted(FIELDS)).flatmap(
    lambda of: st.tuples(st.just(of), st.dictionaries(st.sampled_from(FIELDS[of]), TEXTS, min_size=1, max_size=4))
)


@settings(suppress_health_check=list(HealthCheck))
@given(ADDRESSES)
def test_no_address_is_an_exception(person: Client, shop: Broker, address: tuple[str, dict[str, str]]) -> None:
    of, fields = address
    usual = {"message": {"exchange": "shop", "routing_key": "order.new.us"}, "task": {"task": "pay"}}.get(of, {})
    status, source = answered(person, of, **{**usual, **fields})
    assert status in (200, 422)
    assert "<i>evil" not in source


@settings(suppress_health_check=list(HealthCheck))
@given(
    st.dictionaries(
        st.sampled_from(["headers", "properties", "exchange", "routing_key", "body", "payload", "task", "id"]),
        st.recursive(TEXTS | st.integers() | st.none(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=5),
        max_size=4,
    )
)
def test_nothing_that_is_pasted_is_an_exception(person: Client, shop: Broker, message: dict[str, Any]) -> None:
    answer = person.post("/routing/?broker=prod&vhost=/&of=existing", {"pasted": json.dumps(message)})
    assert answer.status_code in (200, 422)
