"""What messages and the arguments of Celery's own tasks hold of a workflow."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from celery import Celery
from celery.app.amqp import task_message

from brokers.models import Broker
from workers import store
from workers.canvas import UNLOCK, Canvas, Unlock, canvas_of, unlock_of
from workers.messages import decode
from workers.models import TaskCanvas

SIGNATURE = {"task": "shop.total", "args": [], "kwargs": {}, "options": {"task_id": "body"}}
OPTIONS = "{'task': 'shop.total', 'args': (), 'kwargs': {}, 'options': {'task_id': 'body', 'chord': {...}}}"
NOON = datetime.fromisoformat("2026-11-24T12:00:00Z")
RESULTS = "'result': [((...), None), ((...), None)]"


def message(name: str = "shop.leaf", args: Any = (), kwargs: Any = None, **options: Any) -> task_message:
    """As Celery writes it."""
    app = Celery("tests", set_as_current=False)
    return app.amqp.as_task_v2("task", name, args, kwargs, **options)


def canvas(found: task_message) -> list[Canvas]:
    properties = {"content_type": "application/json", "correlation_id": found.properties["correlation_id"]}
    return canvas_of(decode(json.dumps(found.body), properties, found.headers), found.headers)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (message(), []),
        (message(group_id="g"), [Canvas("task", "g")]),
        (message(group_id="g", chord=SIGNATURE), [Canvas("task", "g", "body")]),
        (message(stamped_headers=["customer", "batch"], customer=[7, 8], batch="x"), [Canvas("task", stamps={"customer": "7, 8", "batch": "x"})]),
        (message(UNLOCK, ["g", SIGNATURE], {"result": [[["a", None], None], [["b", "a"], None]]}), [Canvas("a", "g", "body"), Canvas("b", "g", "body")]),
        (message(UNLOCK, ["g", {}], {"result": [["a"], 1, [], [[]], [[None]], None]}), []),
        (message(UNLOCK, ["g"], {"result": 7}), []),
        (message(group_id="g" * 300), []),
    ],
)
def test_a_message_shows_group_body_and_stamps(found: task_message, expected: list[Canvas]) -> None:
    assert canvas(found) == expected


@pytest.mark.parametrize(
    ("args", "kwargs", "expected"),
    [
        (f"('g', {OPTIONS})", f"{{'interval': None, {RESULTS}}}", Unlock("g", "body", "shop.total", 2)),
        (f"('g', {OPTIONS})", "{'result': [[[...], None]]}", Unlock("g", "body", "shop.total", 1)),
        (f"('g', {OPTIONS})", "{'result': [((...), None), ...", Unlock("g", "body", "shop.total", None, 1)),
        (f"('g', {OPTIONS})", "{'result': []}", Unlock("g", "body", "shop.total", 0)),
        (f"('g', {OPTIONS})", None, Unlock("g", "body", "shop.total", None)),
        ("('g', {'task': 'celery.chain', 'options': {'chord': None, 'task_id': 'end'}})", "", Unlock("g", "end", "", None)),
        ("('g', {'task': 'shop.total', 'opti…", "", None),
        ("(1, 2)", "{}", None),
        ("", "", None),
        (None, None, None),
    ],
)
def test_the_arguments_of_chord_unlock_name_group_body_and_how_many_it_waits_for(args: str | None, kwargs: str | None, expected: Unlock | None) -> None:
    assert unlock_of(args, kwargs) == expected


def test_the_longest_arguments_are_read_at_once() -> None:
    hostile = "('g', {'task': 'x'" + "'options': {" * 300
    assert unlock_of(hostile[:4000], "'result': [" + "((...), None), " * 270) is None


@pytest.mark.django_db
def test_what_was_seen_last_is_kept_until_it_is_old() -> None:
    broker = Broker.objects.create(name="prod", since=NOON)
    assert store.note_canvas(broker.pk, "/", [], NOON) == 0
    assert store.note_canvas(broker.pk, "/", [Canvas("a", "g"), Canvas("a", "h"), Canvas("b", "g")], NOON - timedelta(days=9)) == 2
    store.note_canvas(broker.pk, "/", [Canvas("a", "i", "body", {"customer": "7"})], NOON)
    assert list(TaskCanvas.objects.order_by("uuid").values_list("uuid", "group", "body", "stamps")) == [
        ("a", "i", "body", {"customer": "7"}),
        ("b", "g", None, {}),
    ]
    assert (store.trim_canvas(NOON, 7), store.trim_canvas(NOON, 7)) == (1, 0)
    assert [one.uuid for one in TaskCanvas.objects.all()] == ["a"]
