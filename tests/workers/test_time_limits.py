"""Time limits that workers report, and which tasks are past theirs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from workers.inspection.answers import READERS
from workers.models import Task
from workers.receiving.events import Event
from workers.receiving.orphaned_tasks import WorkerEvidence, assess
from workers.receiving.task_state import TaskRecord, merge
from workers.time_limits import Limit, limit_for, limit_from, limits_of, past_limit_seconds

NOON = datetime.fromisoformat("2026-11-24T12:00:00Z")
AT = NOON.timestamp()


@pytest.mark.parametrize(
    ("hard", "soft", "limit"),
    [
        (None, None, None),
        ("30", "20", (30.0, "hard")),
        (0, 20, (20.0, "soft")),
        ("-1", "nan", None),
        ("inf", 10**400, None),
        (True, [], None),
        ("soon", "2.5", (2.5, "soft")),
    ],
)
def test_what_is_no_time_is_no_limit(hard: Any, soft: Any, limit: Limit | None) -> None:
    assert limit_from(hard, soft) == limit


def test_an_answer_of_a_worker_is_read_to_the_limits_of_its_tasks_and_its_pool() -> None:
    registered = READERS["registered"](["a [rate_limit=10/s time_limit=30 soft_time_limit=20]", "b", "c [soft_time_limit=5]"])["registered"]
    assert limits_of(registered, None) == {"a": (30.0, "hard"), "c": (5.0, "soft")}
    for timeouts, limit in (([20, 30], (30.0, "hard")), ([20, 0], (20.0, "soft")), ([0, 0], None), ("N/A", None), ([1], None), (None, None)):
        assert READERS["stats"]({"pool": {"timeouts": timeouts}})["pool_limit"] == limit


@pytest.mark.parametrize(
    ("name", "limit"),
    [("hard", (30.0, "hard")), ("soft", (60.0, "hard")), ("none", (60.0, "hard")), (None, (60.0, "hard"))],
)
def test_the_limit_of_the_class_precedes_that_of_the_pool(name: str | None, limit: Limit) -> None:
    limits = {"hard": (30.0, "hard"), "soft": (20.0, "soft"), "": (60.0, "hard")}
    assert limit_for(name, limits) == limit
    assert limit_for("soft", {"soft": (20.0, "soft")}) == (20.0, "soft")
    assert limit_for("none", {"soft": (20.0, "soft")}) is None


@pytest.mark.parametrize(
    ("state", "started", "limit", "past"),
    [
        ("STARTED", 40, 30.0, 10.0),
        ("STARTED", 30, 30.0, None),
        ("STARTED", 20, 30.0, None),
        ("STARTED", 40, None, None),
        ("STARTED", None, 30.0, None),
        ("SUCCESS", 40, 30.0, None),
        ("UNKNOWN", 40, 30.0, None),
    ],
)
def test_only_a_task_that_runs_with_a_known_limit_is_past_it(state: str, started: float | None, limit: float | None, past: float | None) -> None:
    started_at = None if started is None else NOON - timedelta(seconds=started)
    assert past_limit_seconds(Task(state=state, started_at=started_at, limit_seconds=limit), NOON) == past


def test_the_limit_is_noted_of_each_try_by_the_worker_that_runs_it() -> None:
    def after(kind: str, second: float, worker: str = "w@h") -> TaskRecord:
        found = merge(record, Event(kind, worker, AT + second, uuid="1", name="a" if kind == "task-received" else None), AT + second)
        assert found is not None
        return found

    def limit(seconds: float, worker: str = "w@h") -> bool:
        return assess(record, WorkerEvidence(worker, time_limits={"a": (seconds, "hard")}))

    record: TaskRecord = TaskRecord("1", AT)
    after("task-received", 0)
    assert not limit(30)
    after("task-started", 1)
    assert (limit(30), record.limit) == (True, (30.0, "hard"))
    assert (limit(60), record.limit) == (False, (30.0, "hard"))  # remote control changed it for the tries that follow
    after("task-retried", 2)
    after("task-received", 3)
    after("task-started", 4)
    assert (limit(60), record.limit) == (True, (60.0, "hard"))
    after("task-started", 5, "other@h")
    assert record.limit is None
    assert (limit(30), record.limit) == (False, None)
