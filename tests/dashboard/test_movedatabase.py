"""`manage.py movedatabase`: everything that SQLite holds is in PostgreSQL, also after an interruption, and nothing is mixed with other rows."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests import postgres

pytestmark = postgres.on_postgres
ROOT = Path(__file__).parent.parent.parent
MADE = """
import datetime
from django.utils import timezone
from brokers import store
from brokers.models import Broker, Queue, Snapshot
from dashboard.models import User
from workers.models import Task
now = datetime.datetime(2026, 11, 23, 12, tzinfo=datetime.UTC)
store.installation_id(now)
broker = Broker.objects.create(name="prod", since=now, addresses=["http://a"], listeners=[{"b": 1.0, "a": "\\u0000"}])
Queue.objects.create(broker=broker, vhost="/", name="a\\x00b", first_seen_at=now, changed_at=now, arguments={"z": 1, "a": [1.5, None, "é"]})
Snapshot.objects.create(broker=broker, kind="queues", step=5, at=now + datetime.timedelta(microseconds=7), is_key=True, data=bytes(range(256)))
for n in range(12):
    Task.objects.create(broker=broker, vhost="/", uuid=f"t{n}", name="orders.capture", state="SUCCESS", args=f"({n}, 'Café')", runtime_seconds=n,
                        tries=[["received", n]], first_seen_at=now, changed_at=now)
Task.objects.filter(uuid="t11").delete()
"""
CHECK = """
from brokers.models import Broker, Queue
from brokers.scope import EVERYTHING
from workers import queries
from workers.models import Task
from workers.task_filter import TaskFilter
found = queries.tasks(EVERYTHING, filter=TaskFilter(text="cafe 7"))
at = Queue.objects.get().changed_at
new = Task.objects.create(broker=Broker.objects.get(), vhost="/", uuid="new", state="PENDING", first_seen_at=at, changed_at=at)
print([task.uuid for task in found.items], Queue.objects.get().name, list(Broker.objects.get().listeners[0]), new.pk > 12)
"""


def run(*arguments: str, directory: Path, url: str = "", text: str = "") -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HARELINE_")}
    more = {"DJANGO_SETTINGS_MODULE": "dashboard.settings", "HARELINE_DATA_DIR": str(directory), **({"HARELINE_DATABASE_URL": url} if url else {})}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=kept | more, input=text, capture_output=True, text=True, timeout=300, check=False
    )


MAKE_TABLES = "from dashboard.operations import database_state\ndatabase_state.make_file()\ndatabase_state.migrate()\n"


@pytest.mark.nightly
def test_everything_is_moved_and_found_there_and_no_password_is_an_argument(tmp_path: Path) -> None:
    made = run("shell", "-v", "0", "-c", MAKE_TABLES + MADE, directory=tmp_path)
    assert made.returncode == 0, made.stderr
    url = postgres.url(postgres.make_database())
    refused = run("movedatabase", url, directory=tmp_path)
    assert refused.returncode == 1 and "everybody on this machine can read a password in an argument" in refused.stderr
    assert urlsplit(url).password not in refused.stderr + refused.stdout
    moved = run("movedatabase", directory=tmp_path, text=url)
    assert moved.returncode == 0 and "workers_task: 11 rows copied" in moved.stdout, moved.stderr
    shown = run("shell", "-v", "0", "-c", CHECK, directory=tmp_path, url=url)
    assert shown.stdout.strip() == "['t7'] a␀b ['b', 'a'] True", shown.stderr


@pytest.mark.nightly
def test_an_interrupted_move_goes_on_and_differences_are_found(tmp_path: Path) -> None:
    assert run("prepare", directory=tmp_path).returncode == 0
    assert run("shell", "-v", "0", "-c", MADE, directory=tmp_path).returncode == 0
    name = postgres.make_database()
    url = postgres.url(name)
    assert "movedatabase: there is no name of a database" in run("movedatabase", "postgres://x@y", directory=tmp_path).stderr
    moved = run("movedatabase", directory=tmp_path, text=url)
    assert moved.returncode == 0, moved.stderr
    assert "workers_task: 11 rows copied" in moved.stdout
    again = run("movedatabase", directory=tmp_path, text=url)
    assert "was filled from this installation already" in again.stderr
    postgres.execute("UPDATE hareline_move SET finished = false; DELETE FROM workers_task WHERE id > 4; DELETE FROM workers_task_words WHERE task_id > 4", name)
    continued = run("movedatabase", directory=tmp_path, text=url)
    assert continued.returncode == 0 and "workers_task: 7 rows copied" in continued.stdout, continued.stderr
    postgres.execute("UPDATE hareline_move SET finished = false; UPDATE workers_task SET state = 'FAILURE' WHERE id = 3", name)
    assert "workers_task differs: 11 rows in SQLite, 11 in PostgreSQL" in run("movedatabase", directory=tmp_path, text=url).stderr
    shown = run("shell", "-v", "0", "-c", CHECK, directory=tmp_path, url=url)
    assert shown.stdout.strip() == "['t7'] a␀b ['b', 'a'] True", shown.stderr
    with closing(sqlite3.connect(tmp_path / "hareline.sqlite3", isolation_level=None)) as database:
        database.execute("INSERT INTO brokers_heartbeat (kind, holder, at, standby, problem) VALUES ('poller', 'x', datetime('now'), 0, '')")
    assert "Hareline is running or was until a moment ago (poller)" in run("movedatabase", directory=tmp_path, text=url).stderr
