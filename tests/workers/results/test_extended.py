"""The arguments that a result backend keeps with `result_extended`."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from celery import Celery

from workers.redaction import Redaction
from workers.results.addresses import CELERY_TABLES, FILE, ResultsAddress
from workers.results.databases import COLUMN_BYTES
from workers.results.extended import arguments_of, arguments_of_columns, read_arguments
from workers.results.outcomes import LARGEST_BYTES


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "has nothing of the task"),
        (b"x" * LARGEST_BYTES, "too large"),
        (b"\x80\x04", "not JSON"),
        (b"[]", "result_extended is off"),
        (b'{"status": "FAILURE"}', "result_extended is off"),
        (b'{"args": [1], "kwargs": null}', "result_extended is off"),
        (b'{"args": [{"__type__": "datetime", "__value__": "2026"}], "kwargs": {}}', "own encoding"),
        (b'{"args": [], "kwargs": {"password": "x"}}', "redacted"),
        (b'{"args": ["amqp://u:x@h"], "kwargs": {}}', "redacted"),
    ],
)
def test_what_the_entry_does_not_hold_in_full_is_refused_with_the_reason(body: bytes, why: str) -> None:
    assert why in arguments_of(body, Redaction()).why


def test_celerys_own_entry_of_a_failed_task_has_its_arguments_whole(tmp_path: Path) -> None:
    app = Celery("tests", broker="memory://", backend=f"file://{tmp_path}", set_as_current=False)
    app.conf.update(result_extended=True, task_always_eager=True, task_store_eager_result=True)

    @app.task(name="shop.fail")
    def fail(*args: object, **kwargs: object) -> None:
        raise ValueError("as requested")

    long = ["x" * 3000, {"a": [[[[1.5, None, "it's"]]]]}]
    uuid = str(fail.apply_async(long, {"b": True}).id)
    app.close()
    found = read_arguments(ResultsAddress(FILE, str(tmp_path)), [uuid, "other"], Redaction())
    assert (found[uuid].args, found[uuid].kwargs, found[uuid].why) == (long, {"b": True}, "")
    assert found["other"].why


def test_a_backend_that_does_not_answer_or_is_of_another_kind_has_nothing(tmp_path: Path) -> None:
    assert read_arguments(ResultsAddress(FILE, str(tmp_path / "missing")), ["u"], Redaction()) == {}
    assert read_arguments(ResultsAddress(CELERY_TABLES, "sqlite:///x"), ["u"], Redaction()) == {}


def test_celerys_own_tables_have_arguments_where_they_were_made_with_result_extended(tmp_path: Path) -> None:
    long = ["x" * 3000, {"a": [1.5, None, "it's"]}]
    with closing(sqlite3.connect(tmp_path / "r.db")) as database, database:
        database.execute("CREATE TABLE celery_taskmeta (task_id TEXT, args BLOB, kwargs BLOB)")
        rows = [("whole", json.dumps(long).encode(), b'{"b": true}'), ("none", None, None)]
        database.executemany("INSERT INTO celery_taskmeta VALUES (?, ?, ?)", rows)
    found = read_arguments(ResultsAddress(CELERY_TABLES, f"sqlite:///{tmp_path}/r.db"), ["whole", "none", "other"], Redaction())
    assert (found["whole"].args, found["whole"].kwargs, found["whole"].why) == (long, {"b": True}, "")
    assert found["none"].why and found["other"].why
    with closing(sqlite3.connect(tmp_path / "plain.db")) as database, database:
        database.execute("CREATE TABLE celery_taskmeta (task_id TEXT)")
    assert read_arguments(ResultsAddress(CELERY_TABLES, f"sqlite:///{tmp_path}/plain.db"), ["whole"], Redaction()) == {}


@pytest.mark.parametrize(
    ("args", "why"),
    [(b"\x80\x04", "never unpickled"), (b"x" * COLUMN_BYTES, "too large"), (b'["amqp://u:x@h"]', "redacted"), (b"{}", "result_extended is off")],
)
def test_columns_that_do_not_hold_arguments_in_full_are_refused_with_the_reason(args: bytes, why: str) -> None:
    assert why in arguments_of_columns(args, b"{}", Redaction()).why
