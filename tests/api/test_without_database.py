"""A database that is locked, read-only, missing, damaged or newer: what reads goes on or reports it, what starts refuses in one sentence."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import URLPattern, get_resolver

from brokers import database_file
from brokers.models import Broker
from dashboard.models import ApiToken
from dashboard.operations import readiness
from tests.api.conftest import World
from tests.postgres import on_sqlite
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), on_sqlite]  # other connections lock and change the file; programs start
ROOT = Path(__file__).parent.parent.parent
PAGES = [f"/{pattern.pattern}" for pattern in get_resolver().url_patterns if isinstance(pattern, URLPattern)]
NOT_READ = ("/send/now/", "/history/changes/marks/", "/theme/", "/tasks/export/")  # only posted to, or an entry of the audit log before it answers


def addresses(world: World) -> list[str]:
    """Every page and every call that is only read, with numbers of objects that are there."""
    keys = {"queues": world.mail.pk, "exchanges": world.exchange.pk, "workers": world.worker.pk, "tasks": 0}
    pages = [page.replace("<int:pk>", str(keys.get(page.split("/")[1]))) for page in PAGES if page not in NOT_READ]
    document = world.client().get("/api/v1/openapi.json").json()
    calls = [path for path, methods in document["paths"].items() if "get" in methods]
    return pages + [f"{call}?broker=prod&vhost=%2F&name=mail&queue=mail&uuid=x&of=queue" for call in calls]


@contextmanager
def write_locked() -> Iterator[None]:
    """Another program is writing all the time."""
    with closing(sqlite3.connect(settings.DATABASES["default"]["NAME"], isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def nothing_waits() -> Iterator[None]:
    """A write that finds the lock taken fails at once, instead of after twenty seconds."""
    connection.ensure_connection()
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout=0")
    yield


def test_a_lock_on_the_database_is_named_where_nothing_was_stored_for_long(world: World) -> None:
    wait_until(lambda: database_file.why_nothing_is_stored() == "")
    with write_locked():
        wait_until(lambda: database_file.why_nothing_is_stored() == database_file.LOCKED)
        assert readiness.parts(datetime.now(UTC))["database"] == database_file.LOCKED
    wait_until(lambda: readiness.parts(datetime.now(UTC))["database"] == "")


def test_the_overview_names_a_lock_as_why_nothing_is_polled(world: World) -> None:
    Broker.objects.update(polled_at=datetime.now(UTC) - timedelta(minutes=2))
    client = world.client()
    with write_locked():
        wait_until(lambda: database_file.LOCKED in unescape(client.get("/").content.decode()))
        assert "End what holds the lock" in client.get("/").content.decode()
    wait_until(lambda: database_file.LOCKED not in unescape(client.get("/").content.decode()))


def test_every_page_and_call_that_reads_works_while_the_database_is_locked(world: World) -> None:
    session, token = world.client(), {"Authorization": f"Bearer {world.token}"}
    urls = addresses(world)
    statuses = {address: session.get(address).status_code for address in urls}
    assert len(urls) > 30 and 200 in statuses.values()
    ApiToken.objects.update(last_used_at=None)
    with write_locked(), nothing_waits():
        assert {address: session.get(address).status_code for address in urls} == statuses
        for address in [address for address in urls if address.startswith("/api/")]:
            assert Client().get(address, headers=token).status_code == statuses[address]
        assert ApiToken.objects.get().last_used_at is None
    Client().get("/api/v1/queues", headers=token)
    assert ApiToken.objects.get().last_used_at is not None


def test_no_request_that_reads_writes(world: World) -> None:
    written: list[str] = []

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.lstrip().split(" ")[0].upper() in ("INSERT", "UPDATE", "DELETE", "REPLACE", "BEGIN", "SAVEPOINT"):
            written.append(sql)
        return execute(sql, params, many, context)

    session, stranger = world.client(), Client()
    urls = addresses(world)
    with connection.execute_wrapper(watch):
        for address in urls:
            session.get(address)
            stranger.get(address)
        world.user.set_password("another long one")
        world.user.save(update_fields=["password"])
        written.clear()
        assert session.get("/queues/").status_code == 302  # Django would delete the session here
    assert written == []


@pytest.mark.parametrize("client_of", ["session", "token"])
@pytest.mark.parametrize("ruin", ["DROP TABLE dashboard_apitoken; DROP TABLE django_session", "DROP TABLE brokers_queue; DROP TABLE brokers_broker"])
def test_missing_tables_are_reported_as_such_until_they_return(world: World, client_of: str, ruin: str) -> None:
    client, headers = (world.client(), {}) if client_of == "session" else (Client(), {"Authorization": f"Bearer {world.token}"})
    client.raise_request_exception = False
    name = settings.DATABASES["default"]["NAME"]
    with closing(sqlite3.connect(":memory:")) as kept:
        with closing(sqlite3.connect(name)) as database:
            database.backup(kept)
            database.executescript(f"PRAGMA foreign_keys=OFF; {ruin};")
        try:
            call, page, ready = client.get("/api/v1/queues", headers=headers), client.get("/queues/"), Client().get("/readyz")
        finally:
            connection.close()
            with closing(sqlite3.connect(name)) as database:
                kept.backup(database)
    assert (call.status_code, call.json()["error"]["code"], call.json()["error"]["message"][:19]) == (503, "unavailable", "Hareline's database")
    if client_of == "session":
        assert page.status_code == 503 and "database is not available" in page.content.decode()
    assert ready.status_code == 503 or "apitoken" in ruin  # readyz looks at what the processes need
    assert client.get("/api/v1/queues", headers=headers).status_code == 200


@pytest.mark.nightly
def test_a_process_ends_when_its_database_file_is_another_one(tmp_path: Path) -> None:
    path = tmp_path / "hareline.sqlite3"
    assert run("prepare", path).returncode == 0
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HARELINE_")}
    more = {"DJANGO_SETTINGS_MODULE": "dashboard.settings", "HARELINE_DATA_DIR": str(tmp_path)}
    process = subprocess.Popen([sys.executable, "manage.py", "maintain"], cwd=ROOT, env=kept | more, stderr=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: beats(path) > 0, seconds=60)
        path.unlink()
        assert "database_replaced" in process.communicate(timeout=300)[1]
        assert process.returncode == 0
        assert not path.exists()  # and nobody made an empty one
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def beats(path: Path) -> int:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return int(database.execute("SELECT count(*) FROM brokers_heartbeat").fetchone()[0])


def run(command: str, database: Path) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HARELINE_")}
    more = {"DJANGO_SETTINGS_MODULE": "dashboard.settings", "HARELINE_DATA_DIR": str(database.parent)}
    return subprocess.run([sys.executable, "manage.py", command], cwd=ROOT, env=kept | more, capture_output=True, text=True, timeout=300, check=False)


def test_a_damaged_database_is_refused_by_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "hareline.sqlite3"
    path.write_bytes(b"these are not tables" * 500)
    done = run("prepare", path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"hareline: HARELINE_DATABASE_URL: {path} is damaged or no database (file is not a database); "
        "put a copy that is whole in its place, or move it away to begin with an empty one\n"
    )


def test_a_database_of_a_newer_version_is_refused_by_one_sentence_by_each_process(tmp_path: Path) -> None:
    path = tmp_path / "hareline.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("CREATE TABLE django_migrations (id INTEGER PRIMARY KEY, app TEXT, name TEXT, applied TEXT)")
        database.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('brokers', '9999_later', '2030-01-01')")
    done = run("pollbrokers", path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("hareline: HARELINE_DATABASE_URL: the database was last used by a newer Hareline")
    assert done.stderr.count("\n") == 1


def test_the_web_process_refuses_a_database_of_a_newer_version_by_one_sentence(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "hareline.sqlite3", isolation_level=None)) as database:
        database.execute("CREATE TABLE django_migrations (id INTEGER PRIMARY KEY, app TEXT, name TEXT, applied TEXT)")
        database.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('brokers', '9999_later', '2030-01-01')")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HARELINE_")}
    command = [sys.executable, "-m", "dashboard.web", "-b", "127.0.0.1", "-p", "0"]
    more = {"DJANGO_SETTINGS_MODULE": "dashboard.settings", "HARELINE_DATA_DIR": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=kept | more, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("hareline: HARELINE_DATABASE_URL: the database was last used by a newer Hareline")
    assert done.stderr.count("\n") == 1


@pytest.mark.nightly
def test_every_page_and_call_that_reads_works_on_a_database_that_cant_be_written(world: World) -> None:
    """As on a file system that is read-only: SQLite refuses each write of the connection."""
    session, token = world.client(), {"Authorization": f"Bearer {world.token}"}
    urls = addresses(world)
    statuses = {address: session.get(address).status_code for address in urls}
    ApiToken.objects.update(last_used_at=None)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA query_only = ON")
    try:
        assert {address: session.get(address).status_code for address in urls} == statuses
        for address in [address for address in urls if address.startswith("/api/")]:
            assert Client().get(address, headers=token).status_code == statuses[address]
    finally:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA query_only = OFF")
    assert ApiToken.objects.get().last_used_at is None
