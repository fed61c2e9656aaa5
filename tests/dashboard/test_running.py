"""Running tasks beside used slots: of one moment, or with the time of the older one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboard.live.sources import _facts_of_worker
from dashboard.workers.board import BoardNode
from dashboard.workers.row import worker_row
from dashboard.workers.running import running_list
from workers.models import Worker

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
NOTE = "listed at 12:00:00, before it reported"


def worker(active: int | None, listed: int | None, **known: Any) -> Worker:
    """A worker of four slots with `active` running tasks by its heartbeat and `listed` in the list that it answered with at NOON."""
    tasks = None if listed is None else [{"uuid": str(n), "name": f"task.{n}", "args": "()", "started_at": NOON.isoformat()} for n in range(listed)]
    facts = {"pk": 7, "hostname": "a@web-1", "state": Worker.ONLINE, "software": {}, "concurrency": 4, "active": active, "active_tasks": tasks}
    return Worker(**{**facts, "active_tasks_at": None if listed is None else NOON, **known})


@pytest.mark.parametrize(
    ("active", "listed", "shown", "more", "nothing", "as_of"),
    [
        (None, None, 0, 0, "running tasks unknown", ""),
        (0, None, 0, 0, "idle", ""),
        (0, 0, 0, 0, "idle", ""),
        (0, 3, 0, 0, "idle", ""),  # what was listed has ended
        (2, None, 0, 0, "2 running tasks, not listed yet", ""),
        (2, 0, 0, 0, "2 running tasks, not listed yet", ""),
        (2, 2, 2, 0, "", ""),
        (2, 3, 3, 0, "", f"{NOTE} 2 running"),
        (3, 2, 2, 0, "", f"{NOTE} 3 running"),
        (50, 50, 50, 0, "", ""),
        (80, 50, 50, 30, "", ""),  # a list has at most 50
        (49, 50, 50, 0, "", f"{NOTE} 49 running"),
    ],
)
def test_a_list_and_a_count_of_two_moments_are_never_shown_as_one(
    active: int | None, listed: int | None, shown: int, more: int, nothing: str, as_of: str
) -> None:
    found = running_list(worker(active, listed))
    assert (len(found.tasks), found.more, found.nothing, found.as_of) == (shown, more, nothing, as_of)


def test_of_a_past_moment_only_the_number_is_recorded() -> None:
    then = worker(2, None)
    then.past_at = NOON
    assert running_list(then).nothing == "2 running tasks; which: not recorded"


def test_a_list_that_is_minutes_older_than_the_last_heartbeat_stands_with_its_time() -> None:
    assert running_list(worker(2, 2, heartbeat_at=NOON + timedelta(seconds=70))).as_of == ""
    assert running_list(worker(2, 2, heartbeat_at=NOON + timedelta(minutes=4))).as_of == "listed at 12:00:00"


def test_two_of_four_slots_and_three_listed_tasks_stand_on_one_line_with_the_time_of_the_list() -> None:
    html = worker_row(worker(2, 3), NOON + timedelta(seconds=2)).html
    assert "<strong>2</strong> of 4 used" in html["slots"]
    assert f"{NOTE} 2 running" in html["tasks"]
    assert "data-since" not in html["tasks"]  # a task that may have ended has no running time
    assert "data-since" in worker_row(worker(3, 3), NOON).html["tasks"]


def test_what_is_beyond_the_three_shown_is_counted_within_the_list() -> None:
    assert f"+2 more, {NOTE} 9 running" in worker_row(worker(9, 5), NOON).html["tasks"]


def test_a_page_fetches_its_running_tasks_anew_when_the_count_no_longer_fits() -> None:
    assert _facts_of_worker(worker(3, 3))["running"] != _facts_of_worker(worker(2, 3))["running"]
    assert _facts_of_worker(worker(2, 2))["running"] == _facts_of_worker(worker(2, 2, reserved=1))["running"]


@pytest.mark.parametrize(("slots", "lines"), [(None, 1), (1, 1), (2, 3), (3, 4), (4, 4), (8, 4)])
def test_a_node_keeps_a_line_free_for_the_time_of_its_list(slots: int | None, lines: int) -> None:
    assert BoardNode(worker_row(worker(0, 0), NOON), worker(0, 0, concurrency=slots)).lines == lines
