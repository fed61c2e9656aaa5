"""Entries of result backends: read to the end of a task, whatever they hold; nothing is unpickled."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.receiving.task_order import FAILED, REVOKED, SUCCEEDED
from workers.redaction import Redaction
from workers.results.outcomes import LARGEST_BYTES, NO_TIME, NOT_JSON, TOO_LARGE, Outcome, Unreadable, from_json

DONE = "2026-11-24T12:00:00+00:00"
AT = 1795521600.0
PASSWORD = {"password": "sesame"}
FAILED_ENTRY = {"exc_type": "ValueError", "exc_message": ["as requested"], "exc_module": "builtins"}


def entry(status: Any = "SUCCESS", result: Any = None, done: Any = DONE, **more: Any) -> bytes:
    return json.dumps({"status": status, "result": result, "traceback": None, "children": [], "date_done": done, "task_id": "1", **more}).encode()


class Bomb:
    """Ends the test if somebody unpickles it."""

    def __reduce__(self) -> Any:
        return exec, ("raise SystemExit('unpickled')",)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (entry("SUCCESS", 3), Outcome("1", SUCCEEDED, AT, "3")),
        (entry("SUCCESS", None), Outcome("1", SUCCEEDED, AT)),
        (entry("SUCCESS", "text"), Outcome("1", SUCCEEDED, AT, "text")),
        (entry("SUCCESS", PASSWORD), Outcome("1", SUCCEEDED, AT, '{"password": "[redacted]"}')),
        (entry("SUCCESS", "\x00\ud800"), Outcome("1", SUCCEEDED, AT, "�?")),
        (entry("FAILURE", FAILED_ENTRY, traceback="T\n"), Outcome("1", FAILED, AT, None, "ValueError('as requested')", "T\n")),
        (entry("FAILURE", None, traceback="T\nOSError: gone\n"), Outcome("1", FAILED, AT, None, "OSError: gone", "T\nOSError: gone\n")),
        (entry("FAILURE", {"exc_type": "E", "exc_message": None}), Outcome("1", FAILED, AT, None, "E()")),
        (entry("FAILURE", {"exc_type": 7}), Outcome("1", FAILED, AT)),
        (entry("REVOKED", "x", DONE.removesuffix("+00:00")), Outcome("1", REVOKED, AT)),  # Celery 4 writes no zone
        (entry("STARTED"), None),
        (entry("RETRY"), None),
        (entry("PENDING"), None),
        (entry(["SUCCESS"]), None),
        (entry(done=None), Unreadable(NO_TIME)),
        (entry(done="soon"), Unreadable(NO_TIME)),
        (entry(done="0001-01-01T00:00:00"), Unreadable(NO_TIME)),
        (b"[]", Unreadable(NOT_JSON)),
        (b"\xff", Unreadable(NOT_JSON)),
        (b"[" * 100_000, Unreadable(NOT_JSON)),
        (pickle.dumps({"status": "SUCCESS", "result": Bomb()}), Unreadable(NOT_JSON)),
        (b"x" * LARGEST_BYTES, Unreadable(TOO_LARGE)),
    ],
)
def test_an_entry_is_read_or_said_why_not(body: bytes, found: Any) -> None:
    assert from_json("1", body, Redaction()) == found


VALUES = st.none() | st.integers() | st.text() | st.just("FAILURE") | st.lists(st.integers())


@given(st.dictionaries(st.sampled_from(["status", "date_done", "result", "traceback"]), VALUES))
def test_whatever_an_entry_holds_nothing_breaks(entry: dict[str, Any]) -> None:
    found = from_json("1", json.dumps(entry).encode(), Redaction())
    assert found is None or isinstance(found, Outcome | Unreadable)
