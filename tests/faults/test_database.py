"""A database that can't be written or is full while Hareline runs: rounds are lost and said, nothing is made up, and it goes on by itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from structlog.testing import capture_logs

from brokers import database_file, store
from brokers.management.management_api import Limits
from brokers.models import Queue
from brokers.polling.poll_loop import PollLoop
from dashboard.findings import open_now
from tests import postgres
from tests.brokers.facts import NOON
from tests.brokers.management import FakeManagement
from tests.brokers.polled import run_rounds
from tests.fault_server import FaultServer
from workers.models import EventSource
from workers.presence import source_as_of

NO_ROOM = """CREATE OR REPLACE FUNCTION no_room(bigint) RETURNS boolean LANGUAGE plpgsql AS
$$ BEGIN RAISE 'could not extend file: the disk is full' USING ERRCODE = 'disk_full'; END $$"""


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@contextmanager
def read_only() -> Iterator[None]:
    execute(postgres.READ_ONLY)
    yield
    connection.close()


@contextmanager
def full() -> Iterator[None]:
    """As on a disk without room: SQLite takes no further page, PostgreSQL can't extend its file."""
    if connection.vendor == "postgresql":
        execute(NO_ROOM)
        execute("ALTER TABLE brokers_queue ADD CONSTRAINT no_room CHECK (no_room(id)) NOT VALID")
        try:
            yield
        finally:
            execute("ALTER TABLE brokers_queue DROP CONSTRAINT no_room")
        return
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")  # else pages that other tests left free would do
        cursor.execute("PRAGMA page_count")
        pages = cursor.fetchone()[0]
    execute(f"PRAGMA max_page_count = {pages}")
    yield
    connection.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("fault", "words"), [(read_only, "readonly"), (full, "full")])
def test_a_round_that_can_not_be_stored_is_lost_and_reported_and_the_next_one_is_whole(
    fault_server: FaultServer, fault: Callable[[], object], words: str
) -> None:
    management = FakeManagement(fault_server)
    management.set_queues({"mail": 3})
    pk = store.ensure_brokers([management.address()], NOON)["prod"].pk
    loop = PollLoop(management.address(), pk, "a", 5.0, limits=Limits(read_seconds=20, total_seconds=30))
    run_rounds(loop)
    management.set_queues({f"q{number}" * 20: number for number in range(500)} | {"mail": 4})
    with capture_logs() as logs, fault():  # type: ignore[attr-defined]
        run_rounds(loop)
    assert [entry["event"] for entry in logs] == ["round_lost"]
    assert words in logs[0]["reason"].replace("-", "")
    assert Queue.objects.get().ready == 3
    run_rounds(loop)
    assert (Queue.objects.count(), Queue.objects.get(name="mail").ready, Queue.objects.filter(gone_at=None).count()) == (501, 4, 501)
    loop.stop()


@postgres.on_sqlite
def test_the_page_says_why_nothing_is_stored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "hareline.sqlite3"
    monkeypatch.setitem(connection.settings_dict, "NAME", str(path))
    assert database_file.not_writable() == "Hareline’s database file is gone."
    path.touch()
    assert database_file.not_writable() == ""
    monkeypatch.setattr(database_file, "LEAST_FREE_BYTES", 2**62)
    assert database_file.not_writable() == "The disk with Hareline’s database is full, so nothing can be stored."
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert database_file.not_writable() == "Hareline’s database is read-only, so nothing can be stored."
    assert open_now.why_rules_stand_still() == "Hareline’s database is read-only, so nothing can be stored."
    monkeypatch.setattr(database_file, "why_nothing_is_stored", lambda: database_file.FULL)
    assert open_now.why_rules_stand_still() == f"{database_file.FULL} Free space on that disk. Hareline continues by itself then."
    monkeypatch.undo()
    monkeypatch.setitem(connection.settings_dict, "NAME", str(path))
    monkeypatch.setattr(os, "access", lambda *_: False)
    source = source_as_of(EventSource(state="receiving", beat_at=NOON - timedelta(minutes=1)), NOON)
    assert source.reason.endswith("UTC: Hareline’s database is read-only, so nothing can be stored")
