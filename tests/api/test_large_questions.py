"""A large question about definitions is answered in a process of its own: the same answer, within bounds of memory and time."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from django.test import Client

from brokers.routing import questions
from dashboard.why import large_questions
from script.bench_parts.routing import definitions_of, patterns
from tests.api.conftest import World

QUESTION: dict[str, Any] = {"definitions": definitions_of(patterns(4_000)), "exchange": "orders", "routing_key": "order.0.created.eu"}


def post(world: World, question: dict[str, Any]) -> tuple[int, Any]:
    raw = msgspec.json.encode(question)
    assert len(raw) > large_questions.LARGE_BYTES
    bearer = {"Authorization": f"Bearer {world.token}"}
    response = Client().post("/api/v1/routing/explain", raw, content_type="application/json", headers=bearer)
    return response.status_code, response.json()


def test_it_has_the_answer_of_a_small_one_and_its_errors(world: World) -> None:
    status, found = post(world, QUESTION)
    assert status == 200
    expected = msgspec.json.decode(msgspec.json.encode(questions.answer(QUESTION)))
    assert expected["queues"] and {name: found[name] for name in expected} == expected
    status, refused = post(world, QUESTION | {"properties": {"priority": "high"}})
    assert (status, refused["error"]["field"]) == (400, "properties.priority")


def test_one_that_takes_too_much_memory_or_time_is_ended_and_says_so() -> None:
    raw = msgspec.json.encode(QUESTION | {"definitions": definitions_of(patterns(40_000))})
    for megabytes in (60, 84, 100):  # it lacks memory in other places: Python's, C's, the end of the interpreter
        with pytest.raises(large_questions.TooLarge, match=f"needs more memory than {megabytes} MB"):
            large_questions.answer(raw, memory_bytes=megabytes * 1024 * 1024)
    with pytest.raises(large_questions.TooLarge, match="took longer than 0 s"):
        large_questions.answer(raw, seconds=0)
