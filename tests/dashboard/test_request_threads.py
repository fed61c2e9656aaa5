"""Requests and their threads: one thread a request, used again once it has nothing left to do; connections are kept, but not to a file that was replaced."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.db import connection, connections
from django.db.backends.signals import connection_created
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from brokers import database_file, interpreter
from brokers.database import engine
from dashboard.request_threads import RequestHandler, Threads
from tests.waiting import wait_until


def test_a_thread_is_used_again_when_it_is_idle_and_not_before() -> None:
    threads, goes_on = Threads(most_idle=1), threading.Event()
    first = threads.take()
    working = first.submit(goes_on.wait, 10)
    threads.give_back(first)  # its browser went away
    second = threads.take()
    assert second is not first
    goes_on.set()
    assert working.result(10)
    first.submit(lambda: None).result(10)
    assert threads.take() is first
    for thread in (first, second):
        thread.shutdown()


def test_threads_of_a_rush_end_after_it() -> None:
    threads = Threads(most_idle=1)
    taken = [threads.take() for _ in range(3)]
    began = [thread.submit(threading.current_thread).result(10) for thread in taken]
    for thread in taken:
        threads.give_back(thread)
    wait_until(lambda: [each.is_alive() for each in began].count(False) == 2, seconds=10)
    left = threads.take()
    assert left.submit(threading.current_thread).result(10) in began
    left.shutdown()


def test_a_request_stays_in_one_thread_from_the_first_middleware_to_the_view(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    seen: list[str] = []
    settings.MIDDLEWARE = [f"{__name__}.outer", *settings.MIDDLEWARE[:1], f"{__name__}.inner"]
    monkeypatch.setattr("tests.dashboard.test_request_threads.SEEN", seen)
    handler = RequestHandler()
    assert asyncio.run(_status(handler, "/healthz")) == asyncio.run(_status(handler, "/healthz")) == 204
    assert len(seen) == 4 and len(set(seen)) == 1 and seen[0].startswith("request")


SEEN: list[str] = []


def outer(answer: Any) -> Any:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        SEEN.append(threading.current_thread().name)
        found: HttpResponseBase = answer(request)
        return found

    return middleware


def inner(_: Any) -> Any:
    def middleware(_: HttpRequest) -> HttpResponseBase:
        SEEN.append(threading.current_thread().name)
        return HttpResponse(status=204)

    return middleware


async def _status(handler: RequestHandler, path: str) -> int:
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": [(b"host", b"localhost")]}
    browser = ApplicationCommunicator(handler, scope)
    await browser.send_input({"type": "http.request", "body": b""})
    answer = await browser.receive_output(10)
    await browser.wait(10)
    return int(answer["status"])


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """The file of a thread's connection, which is kept as in the web process."""
    if engine.is_postgresql():
        pytest.skip("SQLite has a file")
    file = tmp_path / "kept.sqlite3"
    connections["default"].close()
    monkeypatch.setitem(connections.settings["default"], "NAME", str(file))
    monkeypatch.setitem(connections.settings["default"]["OPTIONS"], "database", f"file:{file}?mode=rwc")
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)
    database_file.keep_connections()
    yield file
    connection_created.disconnect(database_file._note_file)
    connection.close()
    vars(connections["default"]).pop("opened_file", None)


def test_a_connection_is_kept_until_another_file_is_in_its_place(kept: Path, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE old (n integer)")
        opened = connection.connection
        connection.close_if_unusable_or_obsolete()
        database_file.leave_replaced()
        assert connection.connection is opened
        shutil.copy(kept, f"{kept}.new")
        Path(f"{kept}.new").replace(kept)
        database_file.leave_replaced()
        assert connection.connection is None


def test_garbage_is_looked_for_between_requests_when_there_may_be_some(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    monkeypatch.setattr("gc.collect", looked.append)
    for counts in ((1_999, 99, 999), (2_000, 50, 200), (2_000, 51, 200), (2_000, 51, 201)):
        monkeypatch.setattr("gc.get_count", lambda counts=counts: counts)
        interpreter.look_for_garbage_now()
    assert looked == [0, 1, 2]
    threads = Threads(most_idle=1)
    thread = threads.take()
    threads.give_back(thread)
    thread.shutdown()
    assert looked == [0, 1, 2, 2]
