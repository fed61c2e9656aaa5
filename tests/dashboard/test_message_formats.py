"""What people paste: each form that RabbitMQ, kombu and Celery write, and texts that are none of them."""

from __future__ import annotations

import base64
import doctest
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.why import message_formats
from dashboard.why.message_formats import ParsedMessage, UnknownFormat, content, dead_letters, payload, reading
from dashboard.why.message_formats.dead_letters import dead_letter_history

CASES = Path(__file__).parent.parent / "cases" / "celery"
HEADERS = {"lang": "py", "task": "shop.pay", "id": "u-1", "root_id": "u-1", "argsrepr": "(1,)"}
BODY = [[1], {}, {"callbacks": None}]
PROPERTIES = {"content_type": "application/json", "headers": HEADERS, "priority": 3, "reply_to": "r", "user_id": "shop"}
SHOWN = {"exchange": "shop.orders", "routing_key": "order.new.eu", "properties": PROPERTIES, "redelivered": True, "payload_bytes": 9, "message_count": 0}
PLACE = ("shop.orders", "order.new.eu")
DELIVERY = {"exchange": PLACE[0], "routing_key": PLACE[1], "priority": 0, "redelivered": False}
EVENT = {"type": "task-sent", "uuid": "u-1", "name": "shop.pay", "queue": "pay", "exchange": PLACE[0], "routing_key": PLACE[1], "timestamp": 1.0}
REQUEST = {"id": "u-1", "name": "shop.pay", "args": [1], "kwargs": {}, "type": "shop.pay", "delivery_info": DELIVERY}
KOMBU = {
    "body": base64.b64encode(json.dumps(BODY).encode()).decode(),
    "content-encoding": "utf-8",
    "content-type": "application/json",
    "headers": HEADERS,
    "properties": {"correlation_id": "u-1", "delivery_info": DELIVERY, "body_encoding": "base64", "delivery_tag": "t"},
}
TRACE = {
    "exchange": PLACE[0],
    "routing_keys": [PLACE[1]],
    "routed_queues": ["b", "a"],
    "properties": {"headers": HEADERS},
    "payload": "",
    "user": "u",
    "vhost": "/",
}
FIREHOSE = {"exchange": "amq.rabbitmq.trace", "routing_key": "publish.x", "headers": {"exchange_name": PLACE[0], "routing_keys": [PLACE[1]], "properties": {}}}


def read(value: Any) -> ParsedMessage:
    return message_formats.read(json.dumps(value))


def place(found: ParsedMessage) -> tuple[str, str] | None:
    return (found.question["exchange"], found.question["routing_key"]) if found.question else None


@pytest.mark.parametrize(
    ("value", "format_name", "where", "task"),
    [
        (SHOWN | {"payload": json.dumps(BODY), "payload_encoding": "string"}, "A message in a queue.", PLACE, ("shop.pay", "u-1")),
        ([SHOWN | {"payload": json.dumps(BODY), "payload_encoding": "string"}], "A message in a queue.", PLACE, ("shop.pay", "u-1")),
        (SHOWN | {"properties": [], "payload": "x", "payload_encoding": "string"}, "A message in a queue.", PLACE, ("", "")),
        (SHOWN | {"body": BODY}, "A message in a queue.", PLACE, ("shop.pay", "u-1")),
        (KOMBU, "A kombu message.", PLACE, ("shop.pay", "u-1")),
        (KOMBU | {"properties": {}}, "A kombu message.", None, ("shop.pay", "u-1")),
        (HEADERS, "The headers of a Celery message.", None, ("shop.pay", "u-1")),
        ({"headers": HEADERS}, "The headers of a Celery message.", None, ("shop.pay", "u-1")),
        ({"properties": PROPERTIES}, "The headers of a Celery message.", None, ("shop.pay", "u-1")),
        ({"task": "shop.pay", "id": "u-1", "args": [1], "kwargs": {}}, "The body of a Celery message, protocol 1.", None, ("shop.pay", "u-1")),
        (EVENT, "A Celery task-sent event.", PLACE, ("shop.pay", "u-1")),
        ({"type": "task-received", "uuid": "u-1", "name": "shop.pay"}, "A Celery task-received event.", None, ("shop.pay", "u-1")),
        (REQUEST, "A worker’s task, as shown by Celery’s inspect.", PLACE, ("shop.pay", "u-1")),
        ({"eta": "x", "request": REQUEST}, "A worker’s task, as shown by Celery’s inspect.", PLACE, ("shop.pay", "u-1")),
        (TRACE, "A message traced by the firehose, published by u in /.", PLACE, ("shop.pay", "u-1")),
        (FIREHOSE, "A message traced by the firehose.", PLACE, ("", "")),
        ({"exchange": PLACE[0], "routing_key": PLACE[1], "headers": {"a": 1}}, "A question for Hareline’s API about a message.", PLACE, ("", "")),
        ({"task": "shop.pay", "options": {"queue": "a"}}, "A question for Hareline’s API about a task.", None, ("shop.pay", "")),
        ({"task": {"name": "shop.pay"}, "conf": {}}, "A question for Hareline’s API about a task.", None, ("shop.pay", "")),
    ],
)
def test_each_form_is_recognised(value: Any, format_name: str, where: tuple[str, str] | None, task: tuple[str, str]) -> None:
    found = read(value)
    assert (found.format_name, place(found), (found.task, found.uuid)) == (format_name, where, task)


def test_what_was_checked_at_publishing_is_not_checked_again() -> None:
    """A reply_to or user_id that the broker took must not be refused now."""
    found = read(SHOWN | {"payload": "x"})
    assert found.question == {"exchange": PLACE[0], "routing_key": PLACE[1], "headers": HEADERS, "properties": {"priority": 3}}
    assert found.redelivered is True


def test_a_trace_shows_where_it_really_went() -> None:
    assert read(TRACE).routed == ["a", "b"]
    assert read({name: value for name, value in TRACE.items() if name != "routed_queues"}).routed is None


def test_the_queue_of_an_event_is_the_one_that_was_meant_and_none_is_no_queue() -> None:
    assert (read(EVENT).queue, read(EVENT).sent_for) == ("", "pay")
    assert read(TRACE | {"type": "published", "queue": "none"}).queue == ""
    assert read(TRACE | {"type": "received", "queue": "a"}).queue == "a"
    assert read(FIREHOSE | {"queue": "traces"}).queue == ""


def test_exact_headers_stay_exact_and_are_read_as_well() -> None:
    entry = {"queue": ["longstr", "mail"], "reason": ["longstr", "expired"], "count": ["long", 1], "routing-keys": ["array", [["longstr", "k"]]]}
    found = read(SHOWN | {"properties": {}, "payload": "", "headers_amqp": {"level": ["short", 1], "x-death": ["array", [["table", entry]]]}})
    assert found.question is not None and found.question["headers_amqp"]["level"] == ["short", 1]
    assert (found.dead_letters.entries[0].queue, found.dead_letters.key) == ("mail", "k")


def test_of_several_the_first_is_used_and_named() -> None:
    found = read([SHOWN | {"payload": "x"}, SHOWN, SHOWN])
    assert found.notes[0] == "The list holds 3; the first of them is explained."


def test_a_question_about_another_virtual_host_is_noted() -> None:
    found = read({"exchange": "", "routing_key": "a", "definitions": {}, "broker": "x"})
    assert found.question == {"exchange": "", "routing_key": "a"}
    assert "Ignored: definitions, broker. This page" in found.notes[0]


@pytest.mark.parametrize("name", ["v2_json", "v1_json", "v2_eta", "v2_yaml"])
def test_real_messages_of_celery_show_their_task(name: str) -> None:
    message = json.loads((CASES / "messages.json").read_text())[name][0]
    found = read(message)
    assert (place(found), found.task) == (("", "celery"), "tasks.add")
    assert found.message is not None and found.message.args is not None


def test_real_events_of_senders_show_exchange_and_key() -> None:
    for event in json.loads((CASES / "task_sent_events.json").read_text()):
        found = read(event["body"])
        assert place(found) == (event["body"]["exchange"], event["body"]["routing_key"])


def test_a_pickled_body_is_never_loaded() -> None:
    ran = base64.b64encode(b"cposix\nsystem\n(S'touch /tmp/never'\ntR.").decode()
    properties = {"content_type": "application/x-python-serialize", "headers": HEADERS}
    found = read(SHOWN | {"properties": properties, "payload": ran, "payload_encoding": "base64"})
    assert found.message is not None and "is not loaded" in found.message.problem


def test_a_body_that_is_not_its_encoding_is_a_note() -> None:
    assert read(SHOWN | {"payload": "%%", "payload_encoding": "base64"}).notes == ["The body is declared as base64 but is not valid, so it is not decoded."]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"exchange": "a",\n "routing_key": b}', "Line 2, column 17: b is not a JSON value."),
        ("{'exchange': 1}", "Line 1, column 2: single quotes are Python's"),
        ("", "nothing stands here"),
        ("[]", "This list is empty: it holds no message."),
        ("[1]", "This list holds no message. Supported formats: a message as the management API"),
        ("5", "This is a single value, not a message."),
        ('{"colour": "red"}', "The format of this JSON is not known. Supported formats: "),
        ('{"exchange": 5, "routing_key": "a"}', "The format of this JSON is not known"),
        ('{"exchange": "amq.rabbitmq.trace", "routing_key": "publish.x"}', "exchange_name and routing_keys are missing"),
        (json.dumps(BODY), "This is the body of a Celery task without its headers"),
        ('"' + "x" * 10_000_000 + '"', "This has 10,000,002 characters; at most 1,000,000 are read."),
        ("[" * 10_000, "nested more than 100 levels deep"),
    ],
)
def test_what_is_not_understood_is_reported_in_a_sentence(text: str, words: str) -> None:
    with pytest.raises(UnknownFormat) as error:
        message_formats.read(text)
    assert words in str(error.value)


ODD = [None, True, 5, -1, 1.5, "", "x", "task-sent", "\x00", [], [[]], [1], ["a"], {}, {"a": 1}, {"task": "t"}, {"request": {}}, {"x-death": [{"queue": "q"}]}]
NAMES = ["exchange", "routing_key", "properties", "payload", "payload_encoding", "headers", "headers_amqp", "task", "id", "type", "uuid", "body", "args"]
NAMES += ["delivery_info", "request", "routing_keys", "routed_queues", "options", "redelivered", "lang", "name", "x-death"]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(ODD), max_size=8), st.sets(st.sampled_from(NAMES)))
def test_no_json_ends_in_an_exception(changed: dict[str, Any], left_out: set[str]) -> None:
    for known in (SHOWN, KOMBU, TRACE, EVENT, REQUEST, HEADERS, FIREHOSE):
        value = {name: item for name, item in known.items() if name not in left_out} | changed
        try:
            found = read(value)
        except UnknownFormat:
            continue
        assert found.format_name and isinstance(found.uuid, str) and isinstance(found.task, str)


DIED = {
    "x-first-death-queue": "orders.eu",
    "x-first-death-reason": "rejected",
    "x-death": [
        {"count": 3, "reason": "expired", "queue": "retry", "time": 1795452121, "exchange": "dlx", "routing-keys": ["k"], "original-expiration": "5000"},
        {"count": 1, "reason": "rejected", "queue": "orders.eu", "time": 1795452000, "exchange": "shop.orders", "routing-keys": ["order.new.eu", "cc"]},
    ],
}


def test_dead_letterings_are_listed_newest_first_with_the_first_publishing() -> None:
    found = dead_letter_history(DIED)
    assert [entry.text for entry in found.entries] == [
        "Dead-lettered 3 times from retry: it expired (its expiration was 5000 ms). The first time was 2026-11-23 16:42:01 UTC.",
        "Dead-lettered from orders.eu: a consumer rejected it. That was 2026-11-23 16:40:00 UTC.",
    ]
    assert (found.exchange, found.key) == ("shop.orders", "order.new.eu")
    assert (
        found.first
        == "It was first published to exchange shop.orders with the key order.new.eu, and was first dead-lettered from orders.eu (a consumer rejected it)."
    )


@pytest.mark.parametrize("wrong", [None, "x", [], [1], [{"queue": 5}], {"queue": "a"}, [{"reason": "expired"}]])
def test_dead_letterings_that_cannot_be_read_are_none(wrong: Any) -> None:
    assert dead_letter_history({"x-death": wrong}).entries == []


@pytest.mark.parametrize("time", [1e300, -1, "x", True, None, 2**70])
def test_a_time_that_is_none_is_left_out(time: Any) -> None:
    assert dead_letter_history({"x-death": [{"queue": "a", "reason": "odd", "time": time}]}).entries[0].text == "Dead-lettered from a: the reason is “odd”."


@pytest.mark.parametrize("module", [reading, content, payload, dead_letters])
def test_the_examples_hold(module: Any) -> None:
    assert doctest.testmod(module).failed == 0
