"""Tasks by day on PostgreSQL: one row a task whatever days its events are of, a partition a day, and retention that drops whole days."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.utils import timezone

from brokers.database import partitions
from brokers.models import Broker
from brokers.scope import EVERYTHING
from tests import postgres
from workers import queries, store
from workers.models import TaskCount
from workers.receiving.events import Event
from workers.receiving.task_buffer import TaskBuffer
from workers.store.task_days import TASKS, WORDS
from workers.store.tasks import save_tasks
from workers.task_filter import TaskFilter

Noon = Callable[[int], datetime]
ROOT = Path(__file__).parent.parent.parent
pytestmark = [postgres.on_postgres, pytest.mark.django_db]


@pytest.fixture
def broker() -> Broker:
    return Broker.objects.create(name="prod", since=timezone.now())


@pytest.fixture
def noon(broker: Broker) -> Noon:
    """Of the first day with a partition, or so many days later; there are three more of them."""
    first = partitions.beginning(partitions.days(TASKS)[0]) + timedelta(hours=12)
    return lambda days: first + timedelta(days=days)


def receive(broker: Broker, at: datetime, *kinds: str, uuid: str = "t1") -> None:
    """By a receiver that remembers nothing."""
    buffer = TaskBuffer()
    buffer.add_events(
        [Event(f"task-{kind}", "w@h", at.timestamp() + n, uuid=uuid, name="shop.pay", args="(7,)") for n, kind in enumerate(kinds)], at.timestamp()
    )
    buffer.settle(queries.load_tasks(broker.pk, "/", buffer.missing()))
    with transaction.atomic():
        save_tasks(broker.pk, "/", list(buffer.changed.values()), at)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as at the end of a transaction


def rows() -> list[tuple[str, str, str]]:
    """(uuid, state, partition) of all tasks, in the order of their keys."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT uuid, state, tableoid::regclass::text FROM workers_task ORDER BY id")
        return cursor.fetchall()


def counts() -> dict[int, int]:
    found: dict[int, int] = {}
    for day, tasks in TaskCount.objects.exclude(tasks=0).values_list("day", "tasks"):
        found[day] = found.get(day, 0) + tasks
    return found


def test_a_task_whose_events_are_of_several_days_is_one_row_of_the_first(broker: Broker, noon: Noon) -> None:
    receive(broker, noon(0), "received")
    receive(broker, noon(0), "received", uuid="before")
    with connection.cursor() as cursor:  # as it was stored before there were partitions
        cursor.execute("UPDATE workers_task SET id = 7 WHERE uuid = 'before'")
    for days, kind in enumerate(("started", "retried", "succeeded"), 1):
        receive(broker, noon(days), kind)
        receive(broker, noon(days), kind, uuid="before")
        receive(broker, noon(days), kind, uuid=f"of day {days}")
    first = TASKS.of(partitions.days(TASKS)[0])
    assert rows()[:2] == [("before", "SUCCESS", "workers_task_before"), ("t1", "SUCCESS", first)]
    assert [uuid for uuid, _, _ in rows()[2:]] == ["of day 1", "of day 2", "of day 3"] and len({row[2] for row in rows()}) == 5
    assert [task.uuid for task in queries.tasks(EVERYTHING, filter=TaskFilter(text="pay 7")).items] == ["t1"]
    assert store.repair_counts() == 0


def test_a_row_of_another_day_that_memory_could_not_read_is_written_anew(broker: Broker, noon: Noon) -> None:
    receive(broker, noon(0), "received")
    buffer = TaskBuffer()
    buffer.unread.add("t1")
    buffer.add_events([Event("task-succeeded", "w@h", noon(2).timestamp(), uuid="t1")], noon(2).timestamp())
    buffer.settle({})
    save_tasks(broker.pk, "/", list(buffer.changed.values()), noon(2))
    assert [row[:2] for row in rows()] == [("t1", "SUCCESS")]


def test_only_the_partitions_of_its_tasks_are_looked_into_by_a_batch(broker: Broker, noon: Noon) -> None:
    receive(broker, noon(1), "received")
    today = partitions.days(TASKS)[0] + 1
    with connection.cursor() as cursor:
        cursor.execute(
            "EXPLAIN UPDATE workers_task SET state = 'x' FROM (VALUES (1::bigint, '/', 't1')) AS staged (broker_id, vhost, uuid) "
            "WHERE workers_task.broker_id = staged.broker_id AND workers_task.vhost = staged.vhost AND workers_task.uuid = staged.uuid "
            "AND workers_task.id >= %s AND workers_task.id < %s",
            (partitions.first_id(today), partitions.first_id(today + 1)),
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert plan.count(" on workers_task_") == 2 and plan.count(TASKS.of(today)) >= 2, plan  # the update, and the scan below it


def test_retention_drops_a_day_once_all_of_it_is_old(broker: Broker, noon: Noon) -> None:
    for days in range(3):
        receive(broker, noon(days), "received", uuid=f"of day {days}")
    day = partitions.days(TASKS)[0]
    assert store.trim_tasks(noon(1), days=1, most=100) == 0  # half of the first day may be shown yet
    assert store.trim_tasks(noon(2), days=1, most=100) == 1
    assert [row[0] for row in rows()] == ["of day 1", "of day 2"]
    assert day not in partitions.days(TASKS) and day not in partitions.days(WORDS) and counts() == {day + 1: 1, day + 2: 1}
    assert store.trim_tasks(noon(2), days=1, most=1) == 1  # beyond the most that are kept
    assert [row[0] for row in rows()] == ["of day 2"] and partitions.days(TASKS)[0] == day + 2
    receive(broker, noon(3), "received", uuid="new")
    assert store.trim_tasks(noon(3), days=100, most=1) == 1 and counts() == {day + 3: 1}


def test_what_was_there_before_partitions_is_deleted_row_by_row_and_stays_counted_while_its_day_is_dropped(broker: Broker, noon: Noon) -> None:
    receive(broker, noon(0), "received", uuid="before")
    receive(broker, noon(0), "received")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE workers_task SET id = 7 WHERE uuid = 'before'")
    assert store.task_days.drop_old(noon(0), 100) == 0
    assert store.task_days.drop_old(noon(1), 100) == 1
    assert [row[0] for row in rows()] == ["before"] and sum(counts().values()) == 1
    assert store.trim_tasks(noon(2), days=1, most=100) == 1 and rows() == [] and counts() == {}


def test_rows_without_a_partition_are_moved_and_counted(broker: Broker, noon: Noon, caplog: pytest.LogCaptureFixture) -> None:
    receive(broker, noon(5), "received", uuid="early")
    receive(broker, noon(30), "received", uuid="of a clock that is ahead")
    receive(broker, noon(5), "started", uuid="early")
    assert [row[2] for row in rows()] == ["workers_task_other"] * 2
    assert store.make_task_days(noon(3)) == (2, 2)  # the row and its words, and those of days still to come
    assert [row[1:] for row in rows()] == [("STARTED", TASKS.of(partitions.day_of(noon(5)))), ("RECEIVED", "workers_task_other")]
    assert "'moved': 2, 'left': 2" in caplog.text
    assert [task.uuid for task in queries.tasks(EVERYTHING, filter=TaskFilter(text="pay")).items] == ["of a clock that is ahead", "early"]
    assert store.make_task_days(noon(4))[0] == 0 and partitions.days(TASKS) == partitions.days(WORDS)


def run(*arguments: str, url: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HARELINE_")}
    environment = kept | {"DJANGO_SETTINGS_MODULE": "dashboard.settings", "HARELINE_DATABASE_URL": url}
    done = subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.nightly
def test_tables_that_have_rows_already_are_converted_in_place(tmp_path: Path) -> None:
    name = postgres.make_database()
    url = postgres.url(name)
    script = (
        "from datetime import datetime, UTC\n"
        "from django.core.management import call_command\n"
        "call_command('migrate', 'brokers', '0017', verbosity=0); call_command('migrate', 'workers', '0015', verbosity=0)\n"
        "from django.db import connection\n"
        "from django.db.migrations.loader import MigrationLoader\n"
        "loader = MigrationLoader(connection)\n"
        "then = loader.project_state([one for one in loader.applied_migrations if one in loader.graph.nodes]).apps\n"
        "Old = lambda label, model: then.get_model(label, model).objects\n"
        "now = datetime.now(UTC)\n"
        "broker = Old('brokers', 'Broker').create(name='prod', since=now)\n"
        "for n in range(3): Old('workers', 'Task').create(broker=broker, vhost='/', uuid=f't{n}', state='STARTED', first_seen_at=now, changed_at=now)\n"
        "Old('brokers', 'Snapshot').create(broker=broker, kind='queues', step=5, at=now, is_key=True, data=b'x')\n"
        "with connection.cursor() as cursor: cursor.execute(\"INSERT INTO workers_task_words VALUES (2, 'shop:1')\")\n"
        "call_command('migrate', verbosity=0)\n"
        "from brokers.scope import EVERYTHING\n"
        "from brokers.models import Broker, Snapshot\n"
        "from workers import queries\n"
        "from workers.models import Task\n"
        "from workers.task_filter import TaskFilter\n"
        "broker = Broker.objects.get()\n"
        "new = Task.objects.create(broker=broker, vhost='/', uuid='new', state='STARTED', first_seen_at=now, changed_at=now)\n"
        "again = Snapshot.objects.create(broker=broker, kind='queues', step=5, at=now, is_key=True, data=b'y')\n"
        "print([task.uuid for task in queries.tasks(EVERYTHING).items], [t.uuid for t in queries.tasks(EVERYTHING, filter=TaskFilter(text='shop')).items],\n"
        "      new.pk & 0xFFFFFFFFF, again.pk, Snapshot.objects.count())\n"
    )
    try:
        assert run("shell", "-v", "0", "-c", script, url=url).strip() == "['new', 't2', 't1', 't0'] ['t1'] 4 2 2"
        partitions_of = "SELECT inhparent::regclass::text, count(*) FROM pg_inherits JOIN pg_class ON oid = inhparent WHERE relkind = 'p' GROUP BY 1 ORDER BY 1"
        assert postgres.execute(partitions_of, name) == [("brokers_snapshot", 6), ("workers_task", 6), ("workers_task_words", 6)]
    finally:
        postgres.drop_database(name)
