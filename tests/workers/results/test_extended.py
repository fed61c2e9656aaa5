"""The arguments that a result backend keeps with `result_extended`."""

from __future__ import annotations

from pathlib import Path

import pytest
from celery import Celery

from workers.redaction import Redaction
from workers.results.addresses import CELERY_TABLES, FILE, ResultsAddress
from workers.results.extended import arguments_of, read_arguments
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
