"""Result backends as they are: files, tables of SQLite, and Redis's protocol. Each is only read, and says why where it can't be."""

from __future__ import annotations

import contextlib
import json
import pickle
import socket
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from workers.receiving.task_order import FAILED, SUCCEEDED
from workers.redaction import Redaction
from workers.results.addresses import ResultsAddress
from workers.results.databases import DatabaseResults
from workers.results.errors import ResultsError
from workers.results.files import FileResults
from workers.results.outcomes import LARGEST_BYTES, NOT_JSON, Outcome, Unreadable
from workers.results.reader import backend_at
from workers.results.redis import RedisResults

AT = 1795521600.0
ENTRY = json.dumps({"status": "SUCCESS", "result": 3, "date_done": "2026-11-24T12:00:00+00:00"}).encode()
REDACTION = Redaction()


def test_files_are_read_and_no_others(tmp_path: Path) -> None:
    (tmp_path / "celery-task-meta-1").write_bytes(ENTRY)
    (tmp_path / "celery-task-meta-2").write_bytes(pickle.dumps({}))
    (tmp_path / "secret").write_bytes(ENTRY)
    backend = FileResults(str(tmp_path), REDACTION)
    assert backend.read(["1", "2", "3", "x/../../secret", "\x00"]) == {
        "1": Outcome("1", SUCCEEDED, AT, "3"), "2": Unreadable(NOT_JSON), "3": None, "x/../../secret": None, "\x00": None,
    }  # fmt: skip
    with pytest.raises(ResultsError, match="does not exist"):
        FileResults(str(tmp_path / "none"), REDACTION).read([])


def database(path: Path, statement: str, rows: list[tuple[Any, ...]]) -> str:
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
        connection.executemany(f"INSERT INTO {statement.split()[2]} VALUES ({', '.join('?' * len(rows[0]))})", rows)  # noqa: S608
    connection.close()
    return f"sqlite:///{path}"


def test_celerys_own_tables_are_read_without_their_pickled_results(tmp_path: Path) -> None:
    table = "CREATE TABLE celery_taskmeta (task_id TEXT, status TEXT, result BLOB, date_done TEXT, traceback TEXT)"
    done = "2026-11-24 12:00:00.000000"
    rows = [("1", "SUCCESS", pickle.dumps(3), done, None), ("2", "FAILURE", b"\x80", done, "Traceback\nOSError: gone\n"), ("3", "STARTED", None, None, None)]
    backend = DatabaseResults(ResultsAddress("db", database(tmp_path / "r.db", table, rows)), REDACTION)
    before = (tmp_path / "r.db").read_bytes()
    assert backend.read(["1", "2", "3", "4'"]) == {
        "1": Outcome("1", SUCCEEDED, AT), "2": Outcome("2", FAILED, AT, None, "OSError: gone", "Traceback\nOSError: gone\n"), "3": None, "4'": None,
    }  # fmt: skip
    assert (tmp_path / "r.db").read_bytes() == before


def test_djangos_tables_are_read_with_the_results_that_are_json(tmp_path: Path) -> None:
    table = "CREATE TABLE django_celery_results_taskresult (task_id, status, content_type, result, date_done, traceback)"
    done = "2026-11-24 12:00:00"
    failed = json.dumps({"exc_type": "ValueError", "exc_message": ["x"]})
    rows = [
        ("1", "SUCCESS", "application/json", "3", done, None),
        ("2", "SUCCESS", "application/x-python-serialize", "gAR9", done, None),
        ("3", "FAILURE", "application/json", failed, done, "T"),
        ("4", "SUCCESS", "application/json", "[", done, None),
    ]
    backend = DatabaseResults(ResultsAddress("django-db", database(tmp_path / "r.db", table, rows)), REDACTION)
    found = backend.read(["1", "2", "3", "4"])
    assert [found[uuid].result for uuid in "124"] == ["3", None, None]  # type: ignore[union-attr]
    assert found["3"] == Outcome("3", FAILED, AT, None, "ValueError('x')", "T")


@pytest.mark.parametrize(("path", "problem"), [("/nowhere/r.db", "unable to open database file"), ("{}/empty.db", "no such table")])
def test_a_database_that_is_not_there_is_said_without_its_address(tmp_path: Path, path: str, problem: str) -> None:
    sqlite3.connect(tmp_path / "empty.db").close()
    with pytest.raises(ResultsError, match=problem):
        backend_at(ResultsAddress("db", f"sqlite:///{path.format(tmp_path)}"), REDACTION).read(["1"])


def test_postgresql_that_does_not_answer_is_said_without_its_address() -> None:
    with pytest.raises(ResultsError) as refused:
        DatabaseResults(ResultsAddress("db", "postgresql://u:sesame@127.0.0.1:1/n"), REDACTION).read(["1"])
    assert str(refused.value) == "PostgreSQL can’t be reached"


class RedisServer:
    """Speaks Redis's protocol on a loopback port, with the answers that a test sets; notes what it was sent."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.password, self.raw = "", b""
        self.commands: list[list[str]] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), peer, peer.makefile("rb") as stream:  # who has read enough goes
                while line := stream.readline():
                    parts = []
                    for _ in range(int(line[1:])):
                        length = int(stream.readline()[1:])
                        parts.append(stream.read(length + 2)[:-2].decode())
                    self.commands.append(parts)
                    peer.sendall(self.raw or self._answer(parts))

    def _answer(self, parts: list[str]) -> bytes:
        if parts[0] == "AUTH":
            return b"+OK\r\n" if parts[-1] == self.password else b"-WRONGPASS invalid username-password pair sesame\r\n"
        if parts[0] == "SELECT":
            return b"+OK\r\n"
        value = self.values.get(parts[1], b"")[int(parts[2]) : int(parts[3]) + 1]
        return b"$%d\r\n%s\r\n" % (len(value), value)

    def close(self) -> None:
        with contextlib.suppress(OSError):  # closed before
            self._socket.shutdown(socket.SHUT_RDWR)  # closing alone would leave the port open for as long as the thread waits for a connection
        self._socket.close()

    def results(self, login: str = "", seconds: float = 60, prefix: str = "") -> RedisResults:
        return RedisResults(ResultsAddress("redis", f"redis://{login}127.0.0.1:{self.port}/3", prefix), REDACTION, timeout_seconds=seconds)


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    server = RedisServer()
    yield server
    server.close()


def test_redis_is_read_by_commands_that_read_alone(redis: RedisServer) -> None:
    redis.password = "p@"
    redis.values = {"shop:celery-task-meta-1": ENTRY, "shop:celery-task-meta-2": b"\x80\x04", "shop:celery-task-meta-4": b" " * LARGEST_BYTES + ENTRY}
    backend = redis.results("me:p%40@", prefix="shop:")
    for _ in range(2):
        found = backend.read(["1", "2", "3", "4"])
    backend.close()
    assert (found["1"], found["2"], found["3"]) == (Outcome("1", SUCCEEDED, AT, "3"), Unreadable(NOT_JSON), None)
    assert isinstance(found["4"], Unreadable)
    assert {command[0] for command in redis.commands} == {"AUTH", "SELECT", "GETRANGE"}
    assert redis.commands[:2] == [["AUTH", "me", "p@"], ["SELECT", "3"]]
    assert len(redis.commands) == 10  # one connection


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"-NOAUTH Authentication required.\r\n", "Redis refuses the login"),
        (b"-LOADING sesame\r\n", "Redis answers LOADING"),
        (b"HTTP/1.1 400 Bad Request\r\n", "what answers is not Redis"),
        (b"$9999999999\r\n", "what answers is not Redis"),
        (b"$x\r\n", "Redis can’t be reached"),
        (b"x" * 10_000, "what answers is not Redis"),
    ],
)
def test_answers_that_are_none_are_said(redis: RedisServer, raw: bytes, problem: str) -> None:
    redis.raw = raw
    with pytest.raises(ResultsError, match=problem) as refused:
        redis.results().read(["1"])
    assert "sesame" not in str(refused.value)


def test_redis_that_is_slow_refuses_or_is_away_is_said_and_the_next_try_connects_anew(redis: RedisServer) -> None:
    backend = redis.results("sesame:wrong@")
    with pytest.raises(ResultsError, match=r"^Redis refuses the login$"):
        backend.read(["1"])
    redis.password = "wrong"
    assert backend.read(["1"]) == {"1": None}
    backend.close()
    redis.close()
    with pytest.raises(ResultsError, match="can’t be reached"):
        redis.results().read(["1"])
    silent = socket.create_server(("127.0.0.1", 0))
    with silent, pytest.raises(ResultsError, match=r"does not answer within 0\.05 s"):
        RedisResults(ResultsAddress("redis", f"redis://127.0.0.1:{silent.getsockname()[1]}/1"), REDACTION, timeout_seconds=0.05).read(["1"])
