"""What stores, queries and follows, on PostgreSQL: a selection, since `script/test --postgres` runs everything there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import postgres

ROOT = Path(__file__).parent.parent.parent
SELECTION = (
    "tests/brokers/test_leases.py",
    "tests/brokers/test_queries.py::test_nothing_is_answered_outside_the_scope",
    "tests/brokers/test_queries.py::test_a_poll_marks_the_rows_that_changed_and_no_others",
    "tests/brokers/test_store.py::test_the_first_poll_makes_rows_and_no_rates",
    "tests/brokers/test_store.py::test_only_changed_rows_are_touched_and_every_poll_is_noted",
    "tests/brokers/test_store.py::test_a_queue_that_two_lists_lack_is_gone_and_one_recreated_is_a_new_row",
    "tests/brokers/test_store.py::test_a_policy_that_applies_is_stored_when_it_changes",
    "tests/brokers/test_store.py::test_alarms_and_nodes_that_stop_are_changes",
    "tests/dashboard/test_movedatabase.py",
    "tests/faults/test_database.py",
    "tests/faults/test_postgresql.py",
    "tests/pages/test_again_twice.py",
    "tests/live/test_tail_faults.py::test_while_the_database_cant_be_read_topics_fail_questions_are_answered_and_all_recover",
    "tests/brokers/test_snapshot_days.py",
    "tests/workers/test_task_days.py",
    "tests/workers/test_task_pages.py::test_the_pages_from_one_end_to_the_other_are_the_list[narrowed1]",
    "tests/workers/test_task_plans_on_postgresql.py",
)
NIGHTLY = (  # besides
    "tests/dashboard/test_audit_log.py",
    "tests/findings/test_gathered.py",
    "tests/live/test_tail.py",
    "tests/workers/test_failures_counted.py",
    "tests/workers/test_task_counts.py",
    "tests/workers/test_task_searches.py",
    "tests/workers/test_task_statistics.py",
    "tests/workers/test_tasks_stored.py",
)


def test_what_only_postgresql_can_run_is_in_the_selection() -> None:
    marked = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("test_*.py") if "postgres.on_postgres" in path.read_text()}
    assert marked - {Path(__file__).relative_to(ROOT).as_posix()} <= set(SELECTION)


@postgres.on_sqlite
@pytest.mark.timeout(920)
@pytest.mark.parametrize("selection", [SELECTION, pytest.param(("--nightly", *SELECTION, *NIGHTLY), marks=pytest.mark.nightly)], ids=["usual", "nightly"])
def test_a_selection_of_the_suite_passes_on_postgresql(selection: tuple[str, ...]) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HARELINE_", "PYTEST_"))}
    command = [sys.executable, "-m", "script.with_postgresql", sys.executable, "-m", "pytest", "-n0", "-p", "no:cacheprovider", *selection]
    done = subprocess.run(command, cwd=ROOT, env=kept, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
