"""PostgreSQL restarted, refused, read-only, or used by several at once: what is lost is said, and work goes on by itself."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta
from functools import partial
from pathlib import Path

import pytest
from django.db import DatabaseError, InternalError, OperationalError, connection
from django.test import Client
from structlog.testing import capture_logs

from brokers import database_file, store
from brokers.database import engine
from brokers.management.management_api import Limits
from brokers.models import Broker, Installation, Queue
from brokers.polling import leases
from brokers.polling.poll_loop import PollLoop
from dashboard import queries
from dashboard.models import Granted
from dashboard.store import rights
from tests import postgres
from tests.brokers.facts import NOON
from tests.brokers.management import FakeManagement
from tests.fault_server import FaultServer
from tests.waiting import wait_until
from workers.store.isolation import save_each

pytestmark = [pytest.mark.django_db(transaction=True), postgres.on_postgres]
ROOT = Path(__file__).parent.parent.parent


def end_connections() -> None:
    """As a restart of the server does."""
    name = connection.settings_dict["NAME"]
    postgres.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")  # noqa: S608


def test_a_round_whose_connection_the_server_ended_is_lost_and_the_next_one_is_whole(fault_server: FaultServer) -> None:
    management = FakeManagement(fault_server)
    management.set_queues({"mail": 3})
    pk = store.ensure_brokers([management.address()], NOON)["prod"].pk
    loop = PollLoop(management.address(), pk, "a", 5.0, limits=Limits(read_seconds=20, total_seconds=30))
    loop.run_round()
    management.set_queues({"mail": 4})
    end_connections()
    with capture_logs() as logs:
        loop.run_round()
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("round_lost", "error")]
    loop.run_round()
    assert Queue.objects.get().ready == 4
    loop.stop()


def test_a_statement_after_a_lost_connection_gets_a_new_one() -> None:
    Broker.objects.count()
    end_connections()
    with pytest.raises(OperationalError):
        Broker.objects.count()
    assert Broker.objects.count() == 0


def test_a_page_after_a_restart_is_503_once_at_most() -> None:
    client = Client(raise_request_exception=False)
    assert client.get("/login/").status_code == 200
    end_connections()
    assert [client.get("/readyz").status_code, client.get("/login/").status_code][-1] == 200


def test_a_read_only_database_is_named_and_blames_no_row() -> None:
    assert database_file.not_writable() == ""
    with connection.cursor() as cursor:
        cursor.execute(postgres.READ_ONLY)
    try:
        assert database_file.not_writable() == "Hareline’s database is read-only, so nothing can be stored."
        with pytest.raises(InternalError):
            Broker.objects.create(name="x", since=NOON)
        with pytest.raises(OperationalError, match="read-only"):
            save_each(["a", "b"], lambda some: [Broker.objects.create(name=name, since=NOON) for name in some])
    finally:
        connection.close()


def together(*work: Callable[[], object]) -> list[object]:
    """The answers of functions that begin at the same time, each with a connection of its own."""
    begin = threading.Barrier(len(work))

    def one(function: Callable[[], object]) -> object:
        try:
            connection.ensure_connection()
            begin.wait(60)
            return function()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(work)) as threads:
        return [done.result(60) for done in [threads.submit(one, function) for function in work]]


def test_of_processes_that_take_a_lease_at_once_one_gets_it() -> None:
    for number in range(5):
        name = f"poll {number}"
        leases.take(name, "before", NOON, 1)
        taken = together(*(partial(leases.take, name, holder, NOON + timedelta(seconds=5), 10) for holder in ("a", "b", "c")))
        assert sorted(taken) == [False, False, True]  # type: ignore[type-var]


def test_processes_that_start_at_once_agree_on_the_id_of_the_installation() -> None:
    assert len(set(together(*[lambda: store.installation_id(NOON)] * 3))) == 1
    assert Installation.objects.count() == 1


def test_a_write_that_must_not_wait_fails_while_another_holds_the_row() -> None:
    broker = Broker.objects.create(name="prod", since=NOON)
    held, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with engine.waiting_at_most(1000):
            Broker.objects.filter(pk=broker.pk).update(reason="held")
            held.set()
            go_on.wait(60)

    def write() -> None:
        held.wait(60)
        try:
            with pytest.raises(DatabaseError), engine.waiting_at_most(0):
                Broker.objects.filter(pk=broker.pk).update(reason="other")
        finally:
            go_on.set()

    together(hold, write)
    assert Broker.objects.get().reason == "held"


def test_the_last_two_managers_can_not_remove_each_other_at_the_same_moment() -> None:
    ada, bo = (rights.grant(rights.add_person(name, None), "admin", NOON) for name in ("ada", "bo"))
    begun, done = threading.Event(), threading.Event()
    waiting = f"SELECT 1 FROM pg_stat_activity WHERE datname = '{connection.settings_dict['NAME']}' AND wait_event_type = 'Lock'"  # noqa: S608

    def first() -> None:
        with rights.keeping_a_manager():
            Granted.objects.filter(pk=ada.pk).delete()
            begun.set()
            wait_until(lambda: done.is_set() or postgres.execute(waiting))

    def second() -> None:
        begun.wait(60)
        try:
            with pytest.raises(rights.LastManager):
                rights.take_back(bo)
        finally:
            done.set()

    together(first, second)
    assert [person.username for person in queries.managers()] == ["bo"]


def test_a_name_with_a_nul_is_stored_with_its_picture() -> None:
    Broker.objects.create(name="a\x00b", since=NOON)
    assert Broker.objects.get(name="a\x00b").name == "a␀b"


def prepare(url: str, directory: Path) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HARELINE_")}
    more = {"DJANGO_SETTINGS_MODULE": "dashboard.settings", "HARELINE_DATA_DIR": str(directory), "HARELINE_DATABASE_URL": url}
    return subprocess.run([sys.executable, "manage.py", "prepare"], cwd=ROOT, env=kept | more, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.nightly
def test_what_a_start_can_not_use_is_refused_by_one_sentence(tmp_path: Path) -> None:
    done = prepare(postgres.url("nowhere"), tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("hareline: HARELINE_DATABASE_URL: there is no database 'nowhere' on the server") and done.stderr.count("\n") == 1


@pytest.mark.nightly
def test_refusals_of_the_server_are_told_apart(tmp_path: Path) -> None:
    name = postgres.make_database()
    ours = postgres.url(name)
    wrong = ours.replace(ours.split(":")[2].split("@")[0], "wrong")
    assert "the server does not accept the user 'hareline' with this password" in prepare(wrong, tmp_path).stderr
    assert "nothing listens at 127.0.0.1:1" in prepare(f"postgres://x:y@127.0.0.1:1/{name}", tmp_path).stderr
    postgres.execute("CREATE USER stranger PASSWORD 'x'")
    stranger = ours.replace(ours.split("//")[1].split("@")[0], "stranger:x")
    assert f"the user 'stranger' may not make tables in schema public of the database '{name}'" in prepare(stranger, tmp_path).stderr
    postgres.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    assert prepare(ours, tmp_path).stderr == "hareline: HARELINE_DATABASE_URL: Hareline’s database is read-only, so nothing can be stored.\n"
    latin = postgres.make_database("template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'")
    assert f"the database '{latin}' has the encoding SQL_ASCII" in prepare(postgres.url(latin), tmp_path).stderr


@pytest.mark.nightly
def test_starts_at_the_same_time_migrate_once_and_an_interrupted_one_goes_on(tmp_path: Path) -> None:
    url = postgres.url(postgres.make_database())
    with ThreadPoolExecutor(3) as threads:
        done = list(threads.map(lambda number: prepare(url, tmp_path / str(number)), range(3)))
    assert [each.returncode for each in done] == [0, 0, 0], [each.stderr for each in done]
    assert sum(bool(each.stdout) for each in done) == 1, "one of them made the user"
    name = url.rpartition("/")[2]
    postgres.execute("DELETE FROM django_migrations WHERE name = '9999'", name)
    postgres.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('brokers', '9999_later', now())", name)
    assert "the database was last used by a newer Hareline" in prepare(url, tmp_path / "0").stderr


def test_moments_are_read_by_the_loader_in_c_and_are_in_utc() -> None:
    from psycopg import adapters
    from psycopg.pq import Format

    with connection.cursor() as cursor:
        cursor.execute("SELECT TIMESTAMPTZ '2026-11-29 13:30:00.00025+01', NULL::timestamptz")
        assert cursor.fetchone() == (NOON.replace(year=2026, month=11, day=29, hour=12, minute=30, microsecond=250), None)
    kind = adapters.types["timestamptz"].oid
    mine, usual = (known.get_loader(kind, Format.TEXT) for known in (connection.connection.adapters, adapters))
    assert mine is not None and usual is not None
    assert type(mine(kind, connection.connection)) is type(usual(kind, connection.connection))
    for moment in Broker.objects.values_list("since", flat=True).iterator():  # by a cursor with a name, as Django opens one here
        assert moment is None or moment.tzinfo is UTC
