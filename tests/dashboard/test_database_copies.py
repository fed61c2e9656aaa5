"""`manage.py backup` and `restore`: whole copies, refusals in one sentence that leave everything as it was."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from brokers.models import Broker
from dashboard.operations.database_copies import CopyFailed, back_up, restore
from tests.postgres import on_sqlite
from workers import store
from workers.errors import Superseded
from workers.models import Worker
from workers.receiving.worker_state import WorkerState


def filled(path: Path, rows: int = 400) -> Path:
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.executescript("CREATE TABLE django_migrations (app); CREATE TABLE things (name)")
        database.executemany("INSERT INTO things VALUES (?)", [("x" * 100,)] * rows)
        database.commit()
    return path


def count(path: Path) -> int:
    with closing(sqlite3.connect(path)) as database:
        return int(database.execute("SELECT count(*) FROM things").fetchone()[0])


def overwrite(path: Path, page: int) -> None:
    with path.open("r+b") as file:
        file.seek(4096 * page)
        file.write(os.urandom(4096))


@on_sqlite
@pytest.mark.django_db(transaction=True)
def test_the_commands_put_back_what_was_there(tmp_path: Path) -> None:
    Broker.objects.create(name="prod")
    copy = tmp_path / "copy.sqlite3"
    call_command("backup", str(copy))
    assert copy.stat().st_mode & 0o777 == 0o600
    Broker.objects.all().delete()
    call_command("restore", str(copy))
    assert [broker.name for broker in Broker.objects.all()] == ["prod"]
    with pytest.raises(CommandError, match="exists already; name a new file"):
        call_command("backup", str(copy))


@on_sqlite
@pytest.mark.django_db(transaction=True)
def test_keys_that_were_given_since_the_copy_was_made_are_not_given_again(tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite3"
    call_command("backup", str(copy))
    since = Broker.objects.create(name="since")
    call_command("restore", str(copy))
    assert Broker.objects.create(name="later").pk > since.pk


@on_sqlite
@pytest.mark.django_db(transaction=True)
def test_a_worker_that_was_stored_since_the_copy_was_made_is_stored_anew(tmp_path: Path) -> None:
    now, copy, broker = timezone.now(), tmp_path / "copy.sqlite3", Broker.objects.create(name="prod")
    writer, _ = store.take_over(broker.pk, "/", now)
    call_command("backup", str(copy))
    since = WorkerState(hostname="since@h", first_seen_at=now)
    store.save_batch(writer, broker.pk, "/", store.Batch(workers=[since]), now)
    call_command("restore", str(copy))
    assert not Worker.objects.exists()
    with pytest.raises(Superseded):  # so that the watch reads what is stored, and the broker delivers its events to it again
        store.save_batch(writer, broker.pk, "/", store.Batch(workers=[since]), now)


def test_a_file_that_is_damaged_in_the_middle_is_whole_again_while_others_have_it_open(tmp_path: Path) -> None:
    path, copy = filled(tmp_path / "hareline.sqlite3"), tmp_path / "copy.sqlite3"
    back_up(path, copy)
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT count(*) FROM things").fetchone() == (400,)
        for page in range(2, 8):
            overwrite(path, page)
        with pytest.raises(sqlite3.DatabaseError):
            count(path)
        restore(path, copy)
        assert (count(path), other.execute("SELECT count(*) FROM things").fetchone()) == (400, (400,))
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_file_that_is_gone_is_made_anew(tmp_path: Path) -> None:
    copy, path = filled(tmp_path / "copy.sqlite3"), tmp_path / "hareline.sqlite3"
    restore(path, copy)
    assert (count(path), path.stat().st_mode & 0o777) == (400, 0o600)


def test_a_copy_that_is_no_good_changes_nothing(tmp_path: Path) -> None:
    path = filled(tmp_path / "hareline.sqlite3", rows=3)
    damaged, foreign = filled(tmp_path / "damaged.sqlite3"), tmp_path / "foreign.sqlite3"
    overwrite(damaged, 5)
    foreign.write_bytes(b"these are not tables" * 500)
    for copy, words in ((damaged, "damaged"), (foreign, "is no copy of Hareline's database"), (tmp_path / "missing", "is no copy of Hareline's database")):
        with pytest.raises(CopyFailed, match=words):
            restore(path, copy)
    assert (count(path), (tmp_path / "missing").exists()) == (3, False)


def test_a_file_that_is_no_database_at_all_is_not_written_to_and_the_sentence_says_what_to_do(tmp_path: Path) -> None:
    copy, path = filled(tmp_path / "copy.sqlite3"), tmp_path / "hareline.sqlite3"
    path.write_bytes(b"these are not tables" * 500)
    with pytest.raises(CopyFailed, match=r"stop Hareline, move hareline\.sqlite3, hareline\.sqlite3-wal and hareline\.sqlite3-shm away, and run this again"):
        restore(path, copy)
