"""Events that the code of tasks sends itself: what is read and kept of them, whatever they hold, and what progress they report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.models import Broker
from workers import queries, store
from workers.custom_events import (
    EVENT_BYTES,
    MOST_OF_A_TYPE,
    MOST_TYPES,
    CustomEvent,
    Progress,
    fields_of,
    kept,
    progress,
    resumed,
    stored,
)  # fmt: skip
from workers.models import Task, TaskEvents
from workers.receiving.custom_events import CustomEvents
from workers.receiving.events import Event, parse
from workers.receiving.task_buffer import TaskBuffer
from workers.receiving.task_state import TaskRecord
from workers.redaction import Redaction
from workers.store.custom_events import save_custom_events

NOON = datetime.fromisoformat("2026-11-24T12:00:00Z")
AT = NOON.timestamp()
RAW = {"type": "task-progress", "hostname": "w@h", "uuid": "1", "timestamp": AT, "clock": 7, "pid": 5, "utcoffset": 0}


def event(kind: str = "task-progress", second: float = 0, **fields: Any) -> CustomEvent:
    return CustomEvent(kind, AT + second, "w@h", fields)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({**RAW, "current": 3, "new": {"a": 1}}, [{**RAW, "current": 3, "new": {"a": 1}}]),
        ([{**RAW, "type": "task-started"}, {**RAW, "x": 1}], [{**RAW, "x": 1}]),
        ([{"type": "x"}, {**RAW, "result": {"own": 1}, "runtime": "soon"}], [{**RAW, "result": {"own": 1}, "runtime": "soon"}]),  # fields of Celery's names
        ({**RAW, "text": "\x00"}, [{**RAW, "text": "\x00"}]),
        ({**RAW, "type": "worker-note", "uuid": None}, []),  # of no task
    ],
)
def test_an_event_that_celery_does_not_send_is_read_with_all_its_fields(body: Any, found: list[dict[str, Any]]) -> None:
    parsed = parse(json.dumps(body).encode(), received_at=AT)
    assert [item for _, item in parsed.custom or ()] == found
    assert all(custom in parsed.events for custom, _ in parsed.custom or ())
    assert parsed.refused == (1 if isinstance(body, list) and body[0] == {"type": "x"} else 0)


def test_celerys_own_events_are_read_once() -> None:
    assert parse(json.dumps([{**RAW, "type": "task-received", "current": 3}, {**RAW, "type": "worker-heartbeat"}]).encode()).custom is None


DEEP: Any = 1
for _ in range(600):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("item", "fields", "left_out"),
    [
        ({}, {}, 0),
        (RAW, {}, 0),
        ({"a": None, "b": True, "c": 1.5, "d": "x"}, {"a": None, "b": True, "c": 1.5, "d": "x"}, 0),
        ({"list": [1, {"a": "b"}]}, {"list": '[1,{"a":"b"}]'}, 0),
        ({"x": "y" * 400}, {"x": "y" * 299 + "…"}, 0),
        ({"x": 10**400, "y": float("inf"), "z": 2**53 + 1}, dict.fromkeys("xyz", "a number too large to show"), 0),
        ({"x": "\ud800\x00"}, {"x": "?�"}, 0),
        ({"api_key": 12, "note": "token=abc"}, {"api_key": "[redacted]", "note": "token=[redacted]"}, 0),
        ({"deep": {"password": "p"}}, {"deep": '{"password":"[redacted]"}'}, 0),
        ({f"f{place}": place for place in range(100_000)}, {f"f{place}": place for place in range(20)}, 99_980),
        ({f"f{place}": "é" * 300 for place in range(5)}, {f"f{place}": "é" * 300 for place in range(3)}, 2),
        ({"n" * 100: 1, "n" * 99: 2}, {"n" * 60: 1}, 1),
    ],
)  # fmt: skip
def test_fields_are_kept_by_their_names_within_bounds(item: dict[str, Any], fields: dict[str, Any], left_out: int) -> None:
    assert fields_of(item, Redaction()) == (fields, left_out)


def test_deep_values_and_bodies_harm_nothing() -> None:
    fields, _ = fields_of({"deep": DEEP}, Redaction())
    assert isinstance(fields["deep"], str) and len(fields["deep"]) <= 300
    body = json.dumps(RAW)[:-1] + ', "deep": ' + "[" * 100_000 + "]" * 100_000 + "}"
    assert parse(body.encode()).refused == 1


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda below: st.lists(below) | st.dictionaries(st.text(), below))


@given(st.dictionaries(st.text(), JSON, max_size=40))
def test_whatever_an_event_holds_is_kept_within_its_bytes_and_stored_as_it_was(item: dict[str, Any]) -> None:
    fields, left_out = fields_of(item, Redaction())
    assert sum(len(name.encode()) + (len(value.encode()) if isinstance(value, str) else 0) for name, value in fields.items()) <= EVENT_BYTES
    assert left_out >= 0
    found = [CustomEvent("x", AT, "w@h", fields, left_out)]
    assert resumed(stored(found)) == found
    progress(fields)


def test_the_latest_of_each_type_stay_and_the_types_that_came_last() -> None:
    assert kept([]) == []
    many = [event(second=second) for second in range(20)]
    assert kept(reversed(many)) == many[-MOST_OF_A_TYPE:]
    assert kept([*many, *many]) == many[-MOST_OF_A_TYPE:]
    types = [event(f"type-{place}", place) for place in range(100_000)]
    assert kept(types) == types[-MOST_TYPES:]
    assert kept([event("rare", 0), *many]) == [event("rare", 0), *many[-MOST_OF_A_TYPE:]]


@pytest.mark.parametrize(
    ("fields", "share", "text"),
    [
        ({}, None, ""),
        ({"current": 3, "total": 10, "message": "packing"}, 0.3, "packing"),
        ({"done": 0, "total": 10}, 0.0, ""),
        ({"current": 10, "total": 10}, 1.0, ""),
        ({"percent": 40}, 0.4, ""),
        ({"current": 11, "total": 10}, None, ""),
        ({"current": 3, "total": 0}, None, ""),
        ({"current": -1, "total": 10, "percent": 5}, 0.05, ""),
        ({"current": True, "total": 10}, None, ""),
        ({"current": "3", "total": "10"}, None, ""),
        ({"progress": 0.4}, None, ""),  # of 1 or of 100?
        ({"percent": 140}, None, ""),
        ({"status": "hidden"}, None, ""),
    ],
)
def test_a_share_is_only_read_from_numbers_that_contain_it(fields: dict[str, Any], share: float | None, text: str) -> None:
    found = progress(fields)
    assert (found.share, found.text) == (share, text)
    assert isinstance(found, Progress)


def test_without_texts_numbers_stay() -> None:
    assert event(current=3, ok=True, note="sku-17", none=None).without_texts().fields == {"current": 3, "ok": True, "note": "hidden", "none": None}


def test_events_are_completed_by_those_stored_and_mark_their_task_as_changed() -> None:
    buffer = TaskBuffer()
    found = CustomEvents(buffer)
    buffer.note_clock("w@h", 100.0)

    def load(uuids: Sequence[str]) -> dict[str, TaskRecord]:
        return {uuid: TaskRecord(uuid, AT, stored=True) for uuid in uuids if uuid == "1"}

    found.add(Event("task-progress", "w@h", AT + 105, uuid="1"), {"current": 2}, 0, AT + 6)
    found.add(Event("task-progress", "w@h", AT + 500, uuid="unknown"), {}, 0, AT + 6)  # its clock is wrong by more than we know
    found.prepare(load, lambda _: {"1": [event(current=1)]})
    assert found.to_store["1"] == [event(current=1), event(second=5, current=2)]
    assert found.to_store["unknown"][0].at == AT + 6
    assert list(buffer.changed) == ["1"]
    found.prepare(load, lambda _: {"1": [event(current=1)]})  # the database refused it: once more
    assert found.to_store["1"] == [event(current=1), event(second=5, current=2)]
    found.note_stored()
    assert found.to_store == {}


@pytest.mark.django_db
def test_what_is_kept_of_a_task_is_replaced_and_trimmed() -> None:
    broker = Broker.objects.create(name="prod", since=NOON)
    for second in range(3):
        save_custom_events(broker.pk, "/", {"1": [event(second=second)], f"other-{second}": [event()]}, NOON + timedelta(seconds=second))
    task = Task(broker=broker, vhost="/", uuid="1")
    assert queries.custom_events(task) == [event(second=2)]
    assert queries.custom_events(Task(broker=broker, vhost="/other", uuid="1")) == []
    assert queries.load_custom_events(broker.pk, "/", ["1", "none"]) == {"1": [event(second=2)]}
    assert store.trim_custom_events(NOON + timedelta(days=1), 1) == 0
    assert store.trim_custom_events(NOON + timedelta(days=1, seconds=0.5), 1) == 1
    assert store.trim_custom_events(NOON, 1, most=1) == 2
    assert TaskEvents.objects.count() == 1
