"""`script/soak`: what it counts as lost, double, wrong or untrue, without a broker. The runs themselves are in tests/faults."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from script.soak_parts.__main__ import main
from script.soak_parts.comparison import StoredTask, StoredWorker, compare
from script.soak_parts.depth_probe import DepthProbe, Span
from script.soak_parts.fleet import Fleet
from script.soak_parts.holdings import Holding, Life, held_by_two, holdings, longest_pause
from script.soak_parts.journal import Journal, TrueEvent, TrueTask
from script.soak_parts.observer import Phase, readiness_problem
from script.soak_parts.publisher import seeded
from script.soak_parts.quiet import growing
from script.soak_parts.recorded_depths import BACK_SECONDS, Noted, compared
from tests.waiting import wait_until

ROOT = Path(__file__).parent.parent.parent
RUN = [("task-received", "w@h", 10.0), ("task-started", "w@h", 11.0), ("task-succeeded", "w@h", 12.0)]


def true_task(copies: int = 1) -> dict[str, TrueTask]:
    return {"u": TrueTask("u", [TrueEvent(*moment, copies=copies) for moment in RUN])}


def stored(state: str = "SUCCESS", timeline: list[tuple[str, str, float]] = RUN) -> dict[str, StoredTask]:
    return {"u": StoredTask("u", state, "", tuple(timeline))}


def worker(**counts: int) -> dict[str, StoredWorker]:
    counted = {"task_received": 1, "task_started": 1, "task_succeeded": 1} | counts
    return {"w@h": StoredWorker("w@h", "online", {kind.replace("_", "-"): count for kind, count in counted.items()}, 0)}


@pytest.mark.parametrize(
    ("tasks", "workers", "lost", "double", "wrong"),
    [
        (stored(), worker(), 0, 0, 0),
        ({}, worker(), 3, 0, 0),
        (stored(), {}, 3, 0, 0),
        (stored("STARTED", RUN[:2]), worker(), 1, 0, 1),
        (stored("UNKNOWN"), worker(), 0, 0, 1),
        (stored(timeline=[*RUN, RUN[1]]), worker(), 0, 1, 0),
        (stored(timeline=[RUN[0], RUN[2], RUN[1]]), worker(), 0, 0, 1),
        (stored(), worker(task_started=0), 1, 0, 0),
        (stored(), worker(task_started=3), 0, 2, 0),
        ({**stored(), "never-published": stored()["u"]}, worker(), 0, 1, 0),
    ],
)
def test_what_is_stored_is_compared_with_what_was_published(tasks: Any, workers: Any, lost: int, double: int, wrong: int) -> None:
    found = compare(true_task(), tasks, workers)
    assert (found.published, found.lost, found.double, found.wrong) == (3, lost, double, wrong)
    assert bool(found.examples) == bool(lost or double or wrong)


def test_an_event_that_was_published_twice_may_be_counted_once_or_twice_but_happened_once() -> None:
    for count in (1, 2):
        found = compare(true_task(copies=2), stored(), worker(task_received=count, task_started=count, task_succeeded=count))
        assert (found.lost, found.double, found.wrong) == (0, 0, 0)
    assert compare(true_task(copies=2), stored(), worker(task_started=3)).double == 1


def test_the_worst_time_is_found() -> None:
    shifted = [(kind, hostname, at + 7) for kind, hostname, at in RUN]
    assert compare(true_task(), stored(timeline=shifted), worker()).worst_seconds == 7
    assert compare(true_task(), stored(timeline=shifted), worker(), {"w@h": 5.0}).worst_seconds == 2


def answer(**reasons: str) -> dict[str, Any]:
    return {"parts": {name: {"ready": not reason, "reason": reason or None} for name, reason in reasons.items()}}


RECEIVER_DOWN = Phase(frozenset({"receiver"}), 100.0, 10.0, 20.0, ended=140.0)


@pytest.mark.parametrize(
    ("status", "answered", "at", "problem"),
    [
        (200, answer(receiver=""), 50.0, ""),
        (503, answer(receiver="was last seen long ago"), 50.0, "without cause"),
        (503, answer(receiver="was last seen long ago"), 110.0, ""),
        (503, answer(poller="was last seen long ago"), 110.0, "without cause"),
        (200, answer(receiver=""), 110.0, ""),
        (200, answer(receiver=""), 125.0, "has done nothing for 25 s"),
        (503, answer(receiver="was last seen long ago"), 145.0, ""),
        (503, answer(receiver="was last seen long ago"), 155.0, "without cause"),
        (503, answer(receiver=""), 110.0, "status 503"),
        (200, answer(receiver="was last seen long ago"), 110.0, "status 200"),
        (500, "<html>", 110.0, "status 500"),
        (0, "timed out", 110.0, "status 0"),
    ],
)
def test_readiness_is_true_if_it_reports_what_happens(status: int, answered: Any, at: float, problem: str) -> None:
    found = readiness_problem(status, answered, [RECEIVER_DOWN], at, at)
    assert problem in found
    assert bool(found) == bool(problem)


def test_a_depth_is_older_than_stated_if_the_queue_held_something_else_by_then() -> None:
    probe = DepthProbe(node=None, vhost="/")  # type: ignore[arg-type]
    probe._spans = [Span(100, 1, 120), Span(120, None, 120.01), Span(120.01, 2, 140), Span(140, None, 150), Span(150, 0)]
    assert probe.was(1, 119) and probe.was(1, 124) and probe.was(2, 124)
    assert not probe.was(1, 130)
    assert probe.was(2, 119)  # newer than stated
    assert probe.was(7, 145)  # nobody knows what it held
    assert not probe.was(7, 170)
    assert not probe.was(2, 170)


@pytest.mark.parametrize(
    ("at", "number", "exact", "near", "gap", "wrong"),
    [
        (40.0, 3, 1, 0, 0, 0),
        (40.0, 7, 1, 0, 0, 1),
        (40.0, None, 1, 0, 0, 1),
        (53.0, 3, 0, 1, 0, 0),
        (53.0, 4, 0, 1, 0, 1),
        (130.0, None, 0, 0, 1, 0),
        (130.0, 7, 0, 0, 1, 1),
        (103.0, 7, 0, 0, 0, 0),
        (103.0, 3, 0, 0, 0, 1),
        (160.0 + BACK_SECONDS - 2, None, 0, 0, 0, 0),
        (160.0 + BACK_SECONDS + 1, None, 1, 0, 0, 1),
        (400.0, 7, 0, 0, 0, 0),
    ],
)
def test_a_history_of_depths_is_compared_with_what_was_noted(at: float, number: float | None, exact: int, near: int, gap: int, wrong: int) -> None:
    noted = [Noted(second, None if 100 <= second < 160 else 3 if second < 50 else 7) for second in range(300)]
    found = compared(noted, [(at, number)])
    assert (found.exact, found.near, found.gap, len(found.problems)) == (exact, near, gap, wrong)


def test_a_fleet_s_events_are_read_back_from_the_journal_in_the_order_of_truth(tmp_path: Path) -> None:
    fleet, journal = Fleet("f", seeded(1), heartbeat_seconds=2.0, longest_seconds=3.0, odd=0.1), Journal(tmp_path / "published.jsonl")
    for tick in range(400):
        for message in fleet.advance(1000 + tick / 10, 300 if tick < 200 else 0):
            journal.note(message.events, message.true_times, copies=1)
    tasks = journal.tasks()
    journal.close()
    assert not fleet.unfinished
    assert len(tasks) > 1000
    assert {task.state for task in tasks.values()} == {"SUCCESS", "FAILURE", "REVOKED"}
    assert all(earlier.at <= later.at for task in tasks.values() for earlier, later in zip(task.events, task.events[1:], strict=False))
    assert any(event.copies == 2 for task in tasks.values() for event in task.events)


def test_an_unknown_kind_or_run_is_refused_with_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    done = subprocess.run([sys.executable, "-m", "script.soak_parts", "loud"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no soak loud; there is faults, kills, quiet" in done.stderr
    with pytest.raises(SystemExit, match="2"):
        main(["--only", "rain"])
    shown = capsys.readouterr()
    assert shown.out == "" and "there is no run rain" in shown.err


def test_memory_grows_only_if_the_last_quarter_needs_more_than_the_second() -> None:
    megabyte = 1 << 20
    started, settled, grown = [50 * megabyte] * 4, [90 * megabyte] * 12, [90 * megabyte] * 8 + [200 * megabyte] * 4
    assert growing({"poller": started + settled, "web": started + grown}) == ["web: 90 MB in the second quarter, 200 MB in the last"]


def test_while_the_web_process_may_be_gone_no_answer_is_no_fault() -> None:
    phase = Phase(frozenset({"web"}), began=10.0, grace_seconds=5.0, required_after=None, ended=20.0)
    assert readiness_problem(0, "refused", [phase], 24.0, 24.5) == ""
    assert "status 0" in readiness_problem(0, "refused", [phase], 26.0, 26.5)


def test_the_journal_of_holders_is_read_from_the_logs_of_the_processes() -> None:
    lines = [
        "timestamp=2026-11-29T12:00:00.000000Z level=info logger=a event=polling brokers=2",
        'timestamp=2026-11-29T12:00:01.000000Z level=info logger=a event=lease_taken lease="poll one"',
        'timestamp=2026-11-29T12:00:02.500000Z level=info logger=a event=lease_taken lease="events one /"',
        'timestamp=2026-11-29T12:00:04.000000Z level=info logger=a event=lease_not_ours lease="poll one"',
    ]
    noon = datetime(2026, 11, 29, 12, tzinfo=UTC).timestamp()
    found = holdings(Life("poller-a", Path("log"), noon + 9), lines)
    assert [(holding.lease, holding.began - noon, holding.ended - noon) for holding in found] == [("poll one", 1, 4), ("events one /", 2.5, 9)]
    later = Holding("poll one", "poller-b", noon + 6, noon + 8)
    assert held_by_two([*found, later]) == []
    assert longest_pause([*found, later], noon + 9) == {"poll one": 2.0, "events one /": 0.0}
    assert held_by_two([*found, Holding("poll one", "poller-c", noon + 3.75, noon + 8)]) == ["poll one was held by poller-a and poller-c for 0.250 s"]


STARTS_AND_IS_KILLED = """
import os, signal, subprocess
from script.soak_parts.guard import guarded

process = subprocess.Popen(["sleep", "900"], start_new_session=True)
guard = guarded(process)
print(process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_soak_started_ends_with_it_whatever_signal_ended_it() -> None:
    done = subprocess.run([sys.executable, "-c", STARTS_AND_IS_KILLED], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    stat = Path(f"/proc/{int(done.stdout)}/stat")
    wait_until(lambda: not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z", 60)
