"""A task's row: the same prepared words in the list and in every live patch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from brokers.models import Broker
from dashboard.live.frames import encode
from dashboard.tasks.row import task_row
from workers.models import Task

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def task(**known: Any) -> Task:
    return Task(**{"broker": Broker(name="shop"), "pk": 7, "uuid": "u", "state": "SUCCESS", **known})


def test_a_row_can_be_sent_and_comes_back_as_it_was() -> None:
    times = {"sent_at": NOON, "received_at": NOON, "started_at": NOON, "ended_at": NOON, "eta": NOON, "runtime_seconds": 1.5}
    for state in ("SUCCESS", "STARTED", "UNKNOWN"):
        row = task_row(task(state=state, **times), NOON)
        assert msgspec.json.decode(encode(row.difference(None)))["html"] == row.html


def test_the_clock_alone_changes_nothing() -> None:
    running = task(state="STARTED", received_at=NOON, started_at=NOON)
    assert task_row(running, NOON + timedelta(seconds=1)).difference(task_row(running, NOON)) == {}


@pytest.mark.parametrize(
    ("known", "shown"),
    [
        ({"runtime_seconds": 0.756, "started_at": NOON, "ended_at": NOON + timedelta(seconds=9)}, "756 ms"),  # its worker's own figure
        ({"state": "FAILURE", "started_at": NOON, "ended_at": NOON + timedelta(seconds=0.756)}, "756 ms"),
        ({"state": "FAILURE", "ended_at": NOON}, "–"),
        ({"state": "FAILURE", "started_at": NOON, "ended_at": NOON - timedelta(seconds=1)}, "–"),
    ],
)
def test_a_task_that_failed_ran_from_its_start_to_its_end(known: dict[str, Any], shown: str) -> None:
    assert task_row(task(**known), NOON).html["runtime"] == shown


def test_a_row_of_which_nothing_is_known_claims_nothing() -> None:
    row = task_row(task(state="PENDING"), NOON)
    assert {row.text[part] for part in ("arguments", "queue", "worker", "retries")} == {"–"}
    assert (row.html["received"], row.html["runtime"], row.html["eta"]) == ("–", "–", "")


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({"args": "(1,)", "kwargs": "{}"}, "(1,)"),
        ({"args": "()", "kwargs": "{'a': 1}"}, "() {'a': 1}"),
        ({"args": None, "kwargs": "{}"}, ""),
        ({"args": "x" * 500}, "x" * 159 + "…"),
    ],
)
def test_arguments_are_shown_as_reported_and_cut(known: dict[str, Any], words: str) -> None:
    assert task_row(task(**known), NOON).text["arguments"] == words
