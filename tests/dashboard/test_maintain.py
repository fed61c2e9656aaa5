"""`manage.py maintain`: due jobs run, a failing job stops no other, SIGTERM ends the process."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import OperationalError, connection

from brokers.polling import leases
from dashboard.management.commands.maintain import Command, Job, jobs, run_due
from tests.postgres import on_sqlite
from tests.waiting import wait_until

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_a_job_runs_when_it_is_due() -> None:
    times: list[datetime] = []
    work = [Job("sweep", timedelta(minutes=1), times.append)]
    assert run_due(work, NOON) == ["sweep"]
    assert run_due(work, NOON + timedelta(seconds=59)) == []
    assert run_due(work, NOON + timedelta(seconds=60)) == ["sweep"]
    assert times == [NOON, NOON + timedelta(seconds=60)]


def test_a_failing_job_does_not_stop_the_others() -> None:
    def fail(_: datetime) -> None:
        raise OperationalError("disk full")

    work = [Job("fail", timedelta(minutes=1), fail), Job("sweep", timedelta(minutes=1), lambda _: None)]
    assert run_due(work, NOON) == ["sweep"]
    assert run_due(work, NOON + timedelta(seconds=5)) == []


def test_a_rare_job_that_found_the_database_locked_runs_a_minute_later() -> None:
    found: list[datetime] = []

    def work(at: datetime) -> None:
        found.append(at)
        if len(found) == 1:
            raise OperationalError("database is locked")

    rare = [Job("optimize", timedelta(hours=1), work)]
    assert [run_due(rare, NOON + timedelta(seconds=seconds)) for seconds in (0, 59, 60, 3659, 3660)] == [[], [], ["optimize"], [], ["optimize"]]


@pytest.mark.django_db(transaction=True)
def test_every_job_works_on_a_real_database() -> None:
    assert run_due(jobs(), NOON) == [job.name for job in jobs()]


@on_sqlite
@pytest.mark.django_db(transaction=True)
def test_writing_back_the_log_holds_up_no_writer_while_somebody_reads() -> None:
    (write_back,) = [job for job in jobs() if job.name == "write back the log"]
    leases.beat("poller", "before", NOON)
    with closing(sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM brokers_heartbeat").fetchall()
        leases.beat("poller", "after", NOON)
        with ThreadPoolExecutor(1) as threads:
            working = threads.submit(in_own_connection, write_back.work)
            try:
                working.result(timeout=5)  # a checkpoint that waits for the reader does so for 20 s, and has the only writer's place meanwhile
            finally:
                reader.execute("COMMIT")


def in_own_connection(work: Callable[[datetime], object]) -> None:
    try:
        work(NOON)
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_a_second_process_stands_by() -> None:
    Command().round("first", [])
    Command().round("second", [])
    assert {beat.holder: beat.standby for beat in leases.heartbeats()} == {"first": False, "second": True}


@pytest.mark.django_db(transaction=True)
def test_sigterm_ends_the_process_by_itself() -> None:
    root = Path(__file__).resolve().parent.parent.parent
    process = subprocess.Popen([sys.executable, "manage.py", "maintain"], cwd=root, env=os.environ)
    try:
        wait_until(lambda: any(beat.kind == "maintenance" for beat in leases.heartbeats()), seconds=60)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
