"""A database file that is damaged while Hareline runs: every process and page says so and lives on, and all goes on once a copy is put back."""

from __future__ import annotations

import os
import sqlite3
import urllib.error
from collections.abc import Iterator
from contextlib import closing
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from dashboard.operations.database_copies import back_up, restore
from script.soak_parts.pages import PAGES, opened, page_problems
from script.soak_parts.stack import COMMANDS
from tests.faults.conftest import Field
from tests.waiting import wait_until

SENTENCE = "Hareline’s database file hareline.sqlite3 is damaged: put a copy that is whole in its place by `manage.py restore COPY`"


def pages_of(database: Path, *names: str) -> list[int]:
    """The pages of these tables and indexes, all but the first if none is named, in a file that has everything."""
    with closing(sqlite3.connect(database, timeout=20)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if not names:
            return list(range(2, connection.execute("PRAGMA page_count").fetchone()[0] + 1))
        marks = ",".join("?" * len(names))
        return [root for (root,) in connection.execute(f"SELECT rootpage FROM sqlite_master WHERE tbl_name IN ({marks})", names)]  # noqa: S608


def overwrite(database: Path, pages: list[int]) -> None:
    with database.open("r+b") as file:
        for page in pages:
            file.seek(4096 * (page - 1))
            file.write(os.urandom(4096))


@pytest.fixture
def copy(field: Field, tmp_path: Path) -> Iterator[Path]:
    """A copy of the database, which is put back afterwards where the test has not."""
    path = tmp_path / "copy.sqlite3"
    back_up(field.stack.database, path)
    yield path
    if field.stack.get("/readyz")[0] != 200:
        restore(field.stack.database, path)
    wait_until(lambda: field.stack.get("/readyz")[0] == 200, seconds=40)


def reasons(field: Field) -> dict[str, Any]:
    status, answer = field.stack.get("/readyz")
    return {"status": status} | {name: part["reason"] for name, part in answer["parts"].items()}


def logs(field: Field) -> dict[str, str]:
    return {name: field.stack.log_file(name).read_text(errors="replace") for name in ("web", *COMMANDS)}


@pytest.mark.nightly
def test_a_file_that_is_damaged_all_over_is_named_by_every_process_and_page_and_a_copy_brings_all_back(field: Field, copy: Path) -> None:
    look, before = opened(field.stack), logs(field)
    overwrite(field.stack.database, pages_of(field.stack.database))
    assert wait_until(lambda: (found := reasons(field))["status"] == 503 and found)["database"].startswith(SENTENCE)
    for path in PAGES:
        with pytest.raises(urllib.error.HTTPError) as refused:
            look(path)
        assert refused.value.code == 503 and SENTENCE in unescape(refused.value.read().decode())
    assert field.stack.get("/api/v1/queues")[0] == 503
    wait_until(lambda: all("database_damaged" in now.removeprefix(before[name]) for name, now in logs(field).items()), seconds=30)
    restore(field.stack.database, copy)
    wait_until(lambda: reasons(field)["status"] == 200, seconds=40)
    assert (page_problems(field.stack), field.stack.ended()) == ([], [])
    for name, now in logs(field).items():
        written = now.removeprefix(before[name])
        assert written.count("database_damaged") <= 2, "once a minute"
        assert name == "web" or "Traceback" not in written
        assert field.stack.token not in written and field.stack.environment["HARELINE_ADMIN_PASSWORD"] not in written


@pytest.mark.nightly
def test_damage_that_only_the_poller_meets_is_its_reason_and_a_process_that_starts_waits(field: Field, copy: Path) -> None:
    look = opened(field.stack)
    overwrite(field.stack.database, pages_of(field.stack.database, "brokers_snapshot"))
    found = wait_until(lambda: (now := reasons(field))["poller"] and now, seconds=30)
    assert found["status"] == 503 and found["poller"].startswith(SENTENCE), found
    wait_until(lambda: "Queues of soak are unknown" in unescape(look("/queues/")), seconds=60)
    overwrite(field.stack.database, pages_of(field.stack.database, "brokers_broker"))
    field.stack.kill("poller")
    before = logs(field)["poller"]
    field.stack.start_process("poller")
    wait_until(lambda: "database_damaged" in logs(field)["poller"].removeprefix(before), seconds=30)
    restore(field.stack.database, copy)
    wait_until(lambda: reasons(field)["status"] == 200, seconds=40)
    assert (page_problems(field.stack), field.stack.ended()) == ([], [])
