"""A worker node's row: the same prepared words on every page and in every live patch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboard.workers.row import heartbeat_text, host_of, pool_text, pulse_text, skew_text, worker_row
from dashboard.workers.running import arguments_text, moment, running_tasks
from workers.models import Worker

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def online(**known: Any) -> Worker:
    return Worker(**{"pk": 7, "state": Worker.ONLINE, "hostname": "worker-a@web-1", "software": {}, **known})


@pytest.mark.parametrize(
    ("worker", "words"),
    [
        (online(), "pool unknown"),
        (online(concurrency=4), "pool unknown, 4 slots"),
        (online(pool="prefork"), "prefork"),
        (online(pool="threads", concurrency=8), "threads 8"),
        (online(pool="prefork", concurrency=4, autoscale_min=2, autoscale_max=6), "prefork · 4 slots (autoscale 2–6)"),
    ],
)
def test_the_pool_is_described(worker: Worker, words: str) -> None:
    assert pool_text(worker) == words


def test_the_row_of_a_worker_of_which_nothing_is_known_claims_nothing() -> None:
    row = worker_row(Worker(pk=1, hostname="new@web-1", software={}), NOON)
    assert row.key == "worker-1"
    assert row.mark == {"level": "unknown", "state": "unknown", "used": "", "slots": ""}
    assert {row.text[part] for part in ("used", "free", "reserved", "scheduled", "concurrency", "prefetch", "load", "uptime")} == {"–"}
    assert set(row.number.values()) == {None}
    assert "unknown" in row.html["slots"]


def test_the_row_of_a_busy_worker() -> None:
    row = worker_row(online(concurrency=8, active=5, reserved=3, pool="prefork", prefetch=32, load=[2.14, 1, 1], succeeded_per_second=0.04), NOON)
    assert (row.text["slots"], row.text["free"], row.text["reserved"], row.text["load"], row.text["succeeded"]) == ("5 / 8", "3", "3", "2.1", "<0.1")
    assert row.number["active"] == 5
    assert row.html["slots"].count("slot-used") == 5
    assert "<strong>5</strong> of 8 used, 3 free, 3 reserved" in row.html["slots"]


def test_a_worker_that_is_gone_has_no_used_or_free_slots() -> None:
    worker = Worker(pk=3, hostname="b@web-1", state=Worker.GONE, reason="no heartbeat for 12 s", since=NOON, concurrency=4, active=2, reserved=1, software={})
    worker.heartbeat_at = NOON - timedelta(seconds=12)
    row = worker_row(worker, NOON)
    assert (row.text["used"], row.text["free"], row.number["active"]) == ("–", "–", None)
    assert row.mark["level"] == "critical"
    assert "slots unknown, because no heartbeat for 12 s" in row.html["slots"]
    assert "3 tasks at last contact" in row.html["tasks"]
    assert (row.text["trouble"], row.text["pulse"]) == ("gone since 12:00:00", "last heartbeat 11:59:48")


def test_a_worker_that_lost_a_queue_is_alive_and_critical() -> None:
    row = worker_row(online(concurrency=2, active=0), NOON, lost=["mail"])
    assert row.mark["level"] == "critical"
    assert row.text["trouble"] == "alive, not consuming mail"


def test_running_tasks_are_listed_longest_first_and_the_rest_is_counted() -> None:
    tasks = [{"uuid": str(n), "name": f"task.{n}", "args": f"({n},)", "started_at": (NOON - timedelta(seconds=n)).isoformat()} for n in range(1, 9)]
    worker = online(active=8, concurrency=8, active_tasks=tasks)
    assert [task.name for task in running_tasks(worker)][:2] == ["task.8", "task.7"]
    assert "since 11:59:52" in worker_row(worker, NOON).html["tasks"]
    assert "+5 more" in worker_row(worker, NOON).html["tasks"]


def test_names_and_arguments_from_outside_are_escaped() -> None:
    row = worker_row(online(active=1, active_tasks=[{"uuid": "1", "name": "<b>", "args": "<script>", "started_at": None}]), NOON)
    assert "<script>" not in row.html["tasks"]
    assert "&lt;script&gt;" in row.html["tasks"]


@pytest.mark.parametrize(
    ("worker", "words"),
    [
        (online(active=None), "running tasks unknown"),
        (online(active=0), "idle"),
        (online(active=2), "2 running tasks, not listed yet"),
        (Worker(pk=1, hostname="x", state=Worker.GONE, software={}), "no tasks at last contact"),
    ],
)
def test_where_no_task_can_be_listed_there_is_a_reason(worker: Worker, words: str) -> None:
    assert words in worker_row(worker, NOON).html["tasks"]


def test_the_pulse_of_a_solo_worker_that_is_busy_is_explained() -> None:
    worker = online(pool="solo", active=1, concurrency=1, heartbeat_at=NOON - timedelta(minutes=2), heartbeat_seconds=2.0)
    assert pulse_text(worker, NOON) == "no heartbeat while it runs a task (solo)"
    worker.active = 0
    assert pulse_text(worker, NOON) == "heartbeat 2 min ago"


def test_the_clock_alone_changes_no_fragment() -> None:
    worker = online(active=1, concurrency=1, heartbeat_at=NOON, active_tasks=[{"uuid": "1", "name": "a", "args": "()", "started_at": NOON.isoformat()}])
    later = worker_row(worker, NOON + timedelta(seconds=9)).difference(worker_row(worker, NOON))
    assert later == {"text": {"heartbeat": "9 s ago", "pulse": "heartbeat 9 s ago"}}


def test_a_clock_is_called_wrong_only_beyond_the_networks_delay() -> None:
    assert [skew_text(online(clock_skew_seconds=skew)) for skew in (None, 0.2, 0.4, -9.0)] == ["", "", "clock 0.4 s ahead", "clock 9 s behind"]


def test_a_heartbeat_that_never_came_is_not_old() -> None:
    assert heartbeat_text(online(), NOON) == "no heartbeat yet"


@pytest.mark.parametrize(
    ("stored", "expected"), [(None, None), ("soon", None), (True, None), (NOON.timestamp(), NOON), (NOON.isoformat(), NOON), ("2026-11-24T12:00:00", NOON)]
)
def test_a_stored_moment_is_read_or_unknown(stored: Any, expected: datetime | None) -> None:
    assert moment(stored) == expected


def test_arguments_are_cut() -> None:
    assert arguments_text("x" * 500) == "x" * 119 + "…"
    assert arguments_text({"a": 1}) == "({'a': 1})"


def test_a_host_is_what_follows_the_last_at() -> None:
    assert [host_of(name) for name in ("a@b@c", "plain", "trailing@")] == ["c", "plain", "trailing@"]
