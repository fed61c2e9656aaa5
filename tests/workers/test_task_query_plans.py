"""How the database answers questions about tasks: nothing is worked out again for each task that is kept."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from brokers.models import Broker
from brokers.scope import EVERYTHING
from tests.postgres import on_sqlite
from tests.scopes import of_brokers
from workers import queries
from workers.models import EventSource, Task
from workers.queries.held_tasks import ended_tasks
from workers.task_filter import Bound, TaskFilter

pytestmark = [pytest.mark.django_db, on_sqlite]
YESTERDAY = timezone.now() - timedelta(days=1)


@pytest.fixture
def broker() -> Broker:
    """With a task of the same name in two virtual hosts."""
    now = timezone.now()
    broker = Broker.objects.create(name="prod", state=Broker.UP, since=now)
    for vhost in ("big", "small"):
        Task.objects.create(broker=broker, vhost=vhost, uuid=vhost, name="pay", state="SUCCESS", first_seen_at=now, changed_at=now)
    return broker


def plan(sql: str) -> list[str]:
    with connection.cursor() as cursor:
        return [str(line[3]) for line in cursor.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall()]


def plans(captured: CaptureQueriesContext) -> str:
    return "\n".join(line for query in captured.captured_queries for line in plan(query["sql"]))


@pytest.mark.parametrize("narrowed", [{"name": "pay"}, {"name": "p*"}, {"worker": "a@web-1"}, {"text": "pay"}])
def test_counts_beside_a_filter_query_nothing_again_for_each_task(broker: Broker, narrowed: dict[str, str]) -> None:
    with CaptureQueriesContext(connection) as captured:
        queries.counts_by_state(EVERYTHING, TaskFilter(broker=broker.pk, vhost="small", **narrowed))
    assert not any("CORRELATED" in line for query in captured.captured_queries if "RECURSIVE" not in query["sql"] for line in plan(query["sql"]))


def test_the_rules_read_what_ended_since_their_last_round_by_when_it_changed(broker: Broker) -> None:
    with CaptureQueriesContext(connection) as captured:
        assert len(ended_tasks(broker, YESTERDAY, 300)) == 2
    assert plans(captured) == "SEARCH workers_task USING INDEX workers_tas_changed_b97021_idx (changed_at>?)"


def test_counts_beside_a_filter_are_those_of_the_place_however_many_are_newer_elsewhere(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.queries.task_news.COUNTED", 1)
    now = timezone.now()
    for number in range(3):
        Task.objects.create(broker=broker, vhost="big", uuid=f"newer {number}", name="pay", state="FAILURE", first_seen_at=now, changed_at=now)
    counts, _ = queries.counts_by_state(EVERYTHING, TaskFilter(broker=broker.pk, vhost="small", name="pay"))
    assert counts == {"SUCCESS": 1}


NARROWED: list[dict[str, Any]] = [{}, {"states": ("SUCCESS",)}, {"name": "pay"}, {"name": "p*"}, {"worker": "a@web-1"}, {"queue": "mail"}, {"text": "pay"}]


@pytest.mark.parametrize("narrowed", NARROWED)
@pytest.mark.parametrize("times", [{}, {"start": YESTERDAY}, {"start": YESTERDAY, "end": YESTERDAY + timedelta(days=2)}])
def test_a_small_virtual_host_reads_no_task_of_another(broker: Broker, narrowed: dict[str, Any], times: dict[str, Any]) -> None:
    filter = TaskFilter(broker=broker.pk, vhost="small", **narrowed, **times)
    with CaptureQueriesContext(connection) as captured:
        assert {task.vhost for task in queries.tasks(EVERYTHING, filter=filter).items} <= {"small"}
        queries.counts_by_state(EVERYTHING, filter)
        queries.last_sent(EVERYTHING, broker.pk, "small", "pay")
    reading = [line for query in captured.captured_queries if '"broker_id' in query["sql"] or "broker_id IN" in query["sql"] for line in plan(query["sql"])]
    of_tasks = [line for line in reading if " workers_task " in f"{line} " and "_words" not in line]
    assert of_tasks and all("rowid=?" in line or "AND id=?" in line or "(broker_id=? AND vhost=?" in line for line in of_tasks), of_tasks


@pytest.mark.parametrize(
    ("narrowed", "index"),
    [
        ({}, "SCAN workers_task"),
        ({"states": ("SUCCESS",)}, "(state=?)"),
        ({"name": "pay"}, "INDEX workers_task_of_name (name=?)"),
        ({"worker": "a@web-1"}, "INDEX workers_task_of_worker (worker=?)"),
        ({"queue": "mail"}, "(queue=?)"),
    ],
)
def test_a_large_virtual_host_is_read_in_the_order_of_the_index_of_what_else_is_filtered(
    broker: Broker, monkeypatch: pytest.MonkeyPatch, narrowed: dict[str, Any], index: str
) -> None:
    monkeypatch.setattr(sys.modules["workers.queries.task_filtering"], "COUNTED", 1)
    facts: dict[str, Any] = {"name": "pay", "worker": "a@web-1", "queue": "mail", "first_seen_at": YESTERDAY, "changed_at": YESTERDAY}
    for uuid in ("another", "third"):
        Task.objects.create(broker=broker, vhost="small", uuid=uuid, state="SUCCESS", **facts)
    with CaptureQueriesContext(connection) as captured:
        queries.tasks(EVERYTHING, filter=TaskFilter(broker=broker.pk, vhost="small", **narrowed), page_size=1)
    reading = [query["sql"] for query in captured.captured_queries if "+workers_task.vhost" in query["sql"]]
    found = {line for sql in reading for line in plan(sql) if "subquery" not in line}
    assert len(reading) == 2 and len(found) == 1 and index in found.pop()


def test_names_and_sets_of_queues_are_found_by_one_query_each_however_many_there_are(broker: Broker) -> None:
    now = timezone.now()
    Task.objects.bulk_create(
        Task(broker=broker, vhost="big", uuid=f"n{n}", name=f"p{n:03}", queues=f'["a", "q{n:03}"]', state="SUCCESS", first_seen_at=now, changed_at=now)
        for n in range(300)
    )
    with CaptureQueriesContext(connection) as captured:
        page = queries.tasks(EVERYTHING, filter=TaskFilter(name="p*9", queue="q199"))
    assert ([task.name for task in page.items], len(captured) <= 9) == (["p199"], True)
    assert "SCAN workers_task" not in plans(captured)
    assert queries.task_names(EVERYTHING, "p00", 3) == ["p000", "p001", "p002"]
    assert queries.task_names(of_brokers("prod"), "p29") == [f"p29{n}" for n in range(10)]
    assert queries.task_names(of_brokers("other"), "p") == []


@pytest.mark.parametrize(
    ("narrowed", "index"),
    [
        ({"name": "pay"}, "COVERING INDEX workers_task_of_name (name=?)"),
        ({"worker": "a@web-1"}, "COVERING INDEX workers_task_of_worker (worker=?)"),
        ({"worker": "a@web-1", "states": ("FAILURE",)}, "COVERING INDEX workers_task_of_worker (worker=?)"),
        ({"states": ("FAILURE",)}, "COVERING INDEX workers_tas_state_83a6d2_idx (state=?)"),
    ],
)
def test_a_million_tasks_are_counted_in_an_index_alone_and_listed_in_its_order(broker: Broker, narrowed: dict[str, Any], index: str) -> None:
    now = timezone.now()
    facts: dict[str, Any] = {"name": "pay", "worker": "a@web-1", "state": "FAILURE", "first_seen_at": now, "changed_at": now}
    Task.objects.bulk_create(Task(broker=broker, vhost="big", uuid=f"n{n}", **facts) for n in range(3))
    filter = TaskFilter(**narrowed)
    with CaptureQueriesContext(connection) as captured:
        queries.tasks(EVERYTHING, filter=filter, page_size=1)
        queries.tasks(EVERYTHING, filter=filter, page_size=1, after="2")
        queries.counts_by_state(EVERYTHING, filter)
    counting = [query["sql"] for query in captured.captured_queries if "COUNT(" in query["sql"]]
    found = {line for sql in counting for line in plan(sql) if " workers_task " in f"{line} "}
    assert any(index in line for line in found) and all("COVERING INDEX" in line for line in found), found
    assert "TEMP B-TREE FOR ORDER BY" not in plans(captured)


@pytest.mark.parametrize(
    ("narrowed", "index"),
    [
        ({"root": "t"}, "workers_task_of_root (root_id=?)"),
        ({"parent": "t"}, "workers_task_of_parent (parent_id=?)"),
        ({"states": ("FAILURE",), "bounds": (Bound("runtime", ">", 2),), "now": timezone.now()}, "(state=?"),
        ({"bounds": (Bound("retries", ">", 2),)}, "INTEGER PRIMARY KEY (rowid>"),
    ],
)
def test_a_search_reads_by_an_index_and_no_more_than_it_looks_at(broker: Broker, monkeypatch: pytest.MonkeyPatch, narrowed: dict[str, Any], index: str) -> None:
    monkeypatch.setattr(sys.modules["workers.queries.task_filtering"], "LOOKED_AT", 5)
    EventSource.objects.create(broker=broker, vhost="big")
    now = timezone.now()
    facts: dict[str, Any] = {"name": "pay", "state": "FAILURE", "root_id": "t", "parent_id": "t", "first_seen_at": now, "changed_at": now}
    Task.objects.bulk_create(Task(broker=broker, vhost="big", uuid=f"n{n}", **facts) for n in range(20))
    with CaptureQueriesContext(connection) as captured:
        page = queries.tasks(EVERYTHING, filter=TaskFilter(**narrowed), page_size=2)
    assert page.looked_at == (5 if "bounds" in narrowed else 0)
    assert index in plans(captured)
    reading = [query["sql"] for query in captured.captured_queries if "OFFSET 4" not in query["sql"]]
    assert not [line for sql in reading for line in plan(sql) if line.startswith("SCAN workers_task")]
