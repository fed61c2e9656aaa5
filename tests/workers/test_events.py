"""Bodies of event messages: Celery's own, old, foreign and broken ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workers.receiving.events import LARGEST_BODY_BYTES, Event, parse

SAMPLES = Path(__file__).parent.parent / "cases" / "celery"
NOON = 1795452000.0
HEARTBEAT = {"type": "worker-heartbeat", "hostname": "w@h", "timestamp": 1795452121.5, "pid": 7, "clock": 3, "utcoffset": 0, "local_received": 1.0}


def test_real_events_are_understood_alone_and_in_a_list() -> None:
    bodies = [sample["body"] for sample in json.loads((SAMPLES / "task_sent_events.json").read_text())]
    assert parse(json.dumps(bodies).encode()).refused == 0
    assert [parse(json.dumps(body).encode()).events[0] for body in bodies] == parse(json.dumps(bodies).encode()).events


def test_a_heartbeat_of_celery_4_without_the_newer_fields_is_understood() -> None:
    event = parse(json.dumps({**HEARTBEAT, "freq": 2, "sw_ident": "py-celery", "sw_ver": "4.4.7", "loadavg": [1, 2, 3]}).encode()).events[0]
    assert (event.freq, event.loadavg, event.sw_ver, event.processed) == (2.0, [1.0, 2.0, 3.0], "4.4.7", None)


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"7", b'"text"', b"{}", b'{"type": "x"}', b'{"type": "", "hostname": "h"}', b'{"type": null, "hostname": "h"}', b"\xff", b"{", b"[" * 99_999,
     b'{"type": "x", "hostname": "' + b"h" * 256 + b'"}', b'{"type": "x", "hostname": ["h"]}'],
)  # fmt: skip
def test_what_is_no_event_is_refused_with_an_example(body: bytes) -> None:
    parsed = parse(body)
    assert (parsed.events, parsed.refused) == ([], 1)
    assert 0 < len(parsed.example) < 1000


@pytest.mark.parametrize("content_type", ["application/json", "application/x-team-json", "application/json; charset=utf-8"])
def test_a_content_type_of_the_users_own_is_taken_by_its_name(content_type: str) -> None:
    assert [event.hostname for event in parse(json.dumps(HEARTBEAT).encode(), content_type).events] == [HEARTBEAT["hostname"]]
    assert parse(b"\x81\xa4", content_type).refused == 1


@pytest.mark.parametrize("content_type", [None, "", "application/x-python-serialize", "application/x-yaml", "text/plain"])
def test_only_json_is_read(content_type: str | None) -> None:
    assert parse(json.dumps(HEARTBEAT).encode(), content_type).refused == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [("processed", "many"), ("processed", -1), ("processed", 10**30), ("pid", []), ("loadavg", "high"), ("loadavg", [1, None]), ("freq", {}),
     ("timestamp", "now"), ("sw_ident", "x" * 300), ("active", 1.5), ("timestamp", True)],
)  # fmt: skip
def test_a_bad_field_costs_only_itself_and_is_counted(field: str, value: Any) -> None:
    parsed = parse(json.dumps({**HEARTBEAT, field: value}).encode())
    assert parsed.refused == 1
    assert field in parsed.example
    assert (parsed.events[0].hostname, getattr(parsed.events[0], field)) == ("w@h", None)


@pytest.mark.parametrize("timestamp", [1795452121500, -54825, -1.5e15, 0, 1e308, 10**30, NOON + 86_401, NOON - 86_401, 3.9e9])
def test_a_timestamp_that_can_not_be_true_counts_as_absent(timestamp: float) -> None:
    parsed = parse(json.dumps({**HEARTBEAT, "timestamp": timestamp}).encode(), received_at=NOON)
    assert (parsed.refused, parsed.events[0].timestamp, parsed.events[0].pid) == (1, None, 7)
    assert "timestamp" in parsed.example


@pytest.mark.parametrize("timestamp", [NOON, NOON - 3600, NOON + 3600])
def test_a_timestamp_of_a_clock_that_is_off_by_hours_is_kept(timestamp: float) -> None:
    parsed = parse(json.dumps({**HEARTBEAT, "timestamp": timestamp}).encode(), received_at=NOON)
    assert (parsed.refused, parsed.events[0].timestamp) == (0, timestamp)


@pytest.mark.parametrize(
    ("field", "value"),
    [("eta", "soon"), ("eta", "0001-01-01T00:00:00+14:00"), ("expires", "9999-12-31T23:59:59-10:00"), ("expires", "1969-12-31T23:59:59"), ("eta", 5),
     ("runtime", 1e308), ("runtime", -1), ("pid", 2**31), ("freq", 1e300), ("loadavg", [1e308])],
)  # fmt: skip
def test_what_nothing_could_compute_with_is_left_out_and_counted(field: str, value: Any) -> None:
    parsed = parse(json.dumps({**HEARTBEAT, "uuid": "u", field: value}).encode())
    assert (parsed.refused, getattr(parsed.events[0], field)) == (1, None)
    assert field in parsed.example


def test_usual_etas_are_kept() -> None:
    for moment in ("2026-11-24T12:00:00.123456+00:00", "2026-11-24T12:00:00", "2026-11-24T12:00:00Z", "9998-12-31T00:00:00"):
        assert parse(json.dumps({**HEARTBEAT, "eta": moment}).encode()).events[0].eta == moment


def test_not_a_number_is_unknown() -> None:
    parsed = parse(b'{"type": "worker-heartbeat", "hostname": "w@h", "freq": NaN, "timestamp": Infinity, "loadavg": [1, NaN]}')
    assert (parsed.events[0].freq, parsed.events[0].timestamp, parsed.events[0].loadavg) == (None, None, None)


def test_a_lone_surrogate_becomes_a_question_mark() -> None:
    assert parse(b'{"type": "worker-heartbeat", "hostname": "w\\ud800@h"}').events[0].hostname == "w?@h"


def test_one_bad_event_in_a_list_costs_only_itself() -> None:
    parsed = parse(json.dumps([HEARTBEAT, 5, {"type": "x"}, HEARTBEAT]).encode())
    assert (len(parsed.events), parsed.refused) == (2, 2)


def test_too_many_bytes_are_refused_unread() -> None:
    assert parse(b"[" + b" " * LARGEST_BODY_BYTES + b"]").refused == 1


_json = st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the machine may be busy
@given(st.dictionaries(st.sampled_from(Event.__struct_fields__), _json) | _json | st.lists(st.dictionaries(st.sampled_from(Event.__struct_fields__), _json)))
def test_no_json_raises_and_what_comes_out_fits_a_database(data: Any) -> None:
    for event in parse(json.dumps(data).encode()).events:
        assert 0 < len(event.hostname) <= 255
        event.hostname.encode()
        assert event.processed is None or 0 <= event.processed < 2**63


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_raise(body: bytes) -> None:
    parsed = parse(body)
    assert parsed.refused or parsed.events or body.strip() == b"[]"
