"""What stands in task_routes and is no route: the answer is the error that Celery raises in the sender. And a signature with options, called with options."""

from __future__ import annotations

from typing import Any

import pytest

from workers.explain_task import answer

QUEUE = {"$queue": {"name": "a"}}
NOT_CALLED = "TypeError: MaybeChannelBound.__call__() got an unexpected keyword argument 'task'"


@pytest.mark.parametrize(
    ("routes", "error"),
    [
        (QUEUE, NOT_CALLED),
        ([QUEUE, {"t": "mail"}], NOT_CALLED),
        ([{"$exchange": {"name": "x"}}], NOT_CALLED),
        ([{"$binding": {"exchange": "x", "routing_key": "k"}}], "TypeError: 'binding' object is not callable"),
        ([{"$regex": "t.*"}], "TypeError: 're.Pattern' object is not callable"),
        (5, "TypeError: 'int' object is not callable"),
        ([None], "TypeError: 'NoneType' object is not callable"),
        ([{"x": "mail"}, True], "TypeError: 'bool' object is not callable"),
        ({"t": None}, "TypeError: 'NoneType' object is not iterable"),
        ({"t*": 5}, "TypeError: 'int' object is not iterable"),
        ({"t": QUEUE}, "TypeError: 'Queue' object is not iterable"),
        ({"t": ["mail"]}, "TypeError: unhashable type: 'list'"),
        ({"t": {"queue": ["mail"]}}, "TypeError: unhashable type: 'list'"),
        ([[["t", "a", "b"]]], "ValueError: too many values to unpack (expected 2)"),
        ([[[5, "a"]]], "TypeError: argument of type 'int' is not iterable"),
        ([[[QUEUE, "a"]]], "TypeError: argument of type 'Queue' is not iterable"),
        ({"t": {"countdown": 3}}, "TypeError: AMQP.as_task_v2() got multiple values for argument 'countdown'"),
    ],
)
def test_the_error_is_celerys_own(routes: Any, error: str) -> None:
    found = answer({"conf": {"task_routes": routes}, "task": {"name": "t"}})
    assert (found.error, found.certain) == (error, True)
    assert found.steps[-1].why.startswith("Celery raises this in the sender, so nothing is sent: ")


@pytest.mark.parametrize(
    ("queues", "error"),
    [
        (["mail"], "AttributeError: 'str' object has no attribute 'name'"),
        ([QUEUE, None], "AttributeError: 'NoneType' object has no attribute 'name'"),
        ({"mail": "post"}, "TypeError: "),
        ([{"$exchange": {"name": "x"}}], "TypeError: "),
    ],
)
def test_the_same_for_what_is_no_queue_in_task_queues(queues: Any, error: str) -> None:
    found = answer({"conf": {"task_queues": queues}, "task": {"name": "t"}})
    assert found.error is not None
    assert found.error.startswith(error)
    assert found.certain


def test_a_router_before_it_that_answers_keeps_the_error_away() -> None:
    assert answer({"conf": {"task_routes": [{"t": "mail"}, QUEUE]}, "task": {"name": "t"}}).queue == "mail"


@pytest.mark.parametrize(
    ("own", "call", "queue", "priority"),
    [
        ({"queue": "a"}, {"queue": "b"}, "b", None),
        ({"queue": "a", "priority": 3}, {"priority": 5}, "a", 5),
        ({"queue": "a"}, {"queue": None}, "a", None),
        ({}, {"queue": "b"}, "b", None),
        ({}, {}, "celery", None),
    ],
)
def test_options_of_a_signature_and_of_its_call_are_merged_and_the_calls_win(own: Any, call: Any, queue: str, priority: int | None) -> None:
    found = answer({"conf": {}, "task": {"name": "t"}, "via": "signature+apply_async", "sig_options": own, "options": call})
    assert (found.queue, found.priority or None, found.certain) == (queue, priority, True)
