"""How PostgreSQL answers questions about tasks: each partition in the order of an index, and counted in indexes alone. Where rows are few it reads them all, so
that costs less: that is switched off here."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from brokers.database import partitions
from brokers.models import Broker
from brokers.scope import EVERYTHING
from tests import postgres
from workers import queries
from workers.models import Task
from workers.queries import task_search
from workers.queries.held_tasks import ended_tasks
from workers.task_filter import TaskFilter

pytestmark = [postgres.on_postgres, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def rows() -> None:
    now = timezone.now()
    broker = Broker.objects.create(name="prod", since=now)
    facts: dict[str, Any] = {"name": "pay", "worker": "a@web-1", "queue": "mail", "state": "FAILURE", "first_seen_at": now, "changed_at": now}
    Task.objects.bulk_create(Task(broker=broker, vhost="/", uuid=f"n{n}", **facts) for n in range(5))


def plans(narrowed: dict[str, Any], counting: bool) -> list[str]:
    """Of what a page of the list reads, or of what it counts."""
    filter = TaskFilter(**narrowed)
    with CaptureQueriesContext(connection) as captured:
        first = queries.tasks(EVERYTHING, filter=filter, page_size=2)
        queries.tasks(EVERYTHING, filter=filter, page_size=2, after=first.next)
        queries.counts_by_state(EVERYTHING, filter)
    found = []
    with connection.cursor() as cursor:
        for setting in ("enable_seqscan", "enable_sort", "enable_bitmapscan", "enable_hashagg"):
            cursor.execute(f"SET LOCAL {setting} = off")
        for query in captured.captured_queries:
            if re.search(r"workers_task\b", query["sql"]) and ("COUNT(" in query["sql"]) is counting and "RECURSIVE" not in query["sql"]:
                cursor.execute(f"EXPLAIN {query['sql']}")
                found.append("\n".join(line for (line,) in cursor.fetchall()))
    return found


NARROWED: list[dict[str, Any]] = [{"states": ("FAILURE",)}, {"name": "pay"}, {"worker": "a@web-1"}, {"queue": "mail"}]


@pytest.mark.parametrize("narrowed", [{}, *NARROWED, {"worker": "a@web-1", "states": ("FAILURE",)}, {"name": "p*"}])
def test_a_page_is_read_in_the_order_of_an_index_of_each_partition(narrowed: dict[str, Any]) -> None:
    found = plans(narrowed, counting=False)
    assert len(found) >= 2
    for plan in found:
        scans = re.findall(r"(\S.* Scan[^\n]*) on workers_task_\d", plan)
        assert scans and not any("Seq Scan" in scan for scan in scans), plan
        assert narrowed.get("name") == "p*" or "Sort  (" not in plan, plan


@pytest.mark.parametrize("narrowed", [one for one in NARROWED if "queue" not in one])
def test_counts_are_read_from_indexes_alone(narrowed: dict[str, Any]) -> None:
    found = plans(narrowed, counting=True)
    assert found
    for plan in found:
        scans = re.findall(r"(\w[\w ]* Scan)[^\n]* on workers_task_\d", plan)
        assert scans and set(scans) <= {"Index Only Scan", "Index Only Scan Backward"}, plan


def test_the_rules_read_what_ended_since_their_last_round_by_when_it_changed() -> None:
    with CaptureQueriesContext(connection) as captured:
        assert len(ended_tasks(Broker.objects.get(), timezone.now() - timedelta(hours=1), 300)) == 5
    with connection.cursor() as cursor:
        for setting in ("enable_seqscan", "enable_sort", "enable_bitmapscan"):
            cursor.execute(f"SET LOCAL {setting} = off")
        cursor.execute(f"EXPLAIN {captured.captured_queries[-1]['sql']}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Sort  (" not in plan and "Index Cond: (changed_at >" in plan and "Seq Scan" not in plan, plan


def found_by(text: str) -> int:
    searched = queries.search_tasks(EVERYTHING, TaskFilter(text=text))
    return len(searched.ids or ()) if searched else -1


def test_rare_words_are_found_by_their_index_and_frequent_ones_from_the_newest_back(monkeypatch: pytest.MonkeyPatch) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO workers_task_words (task_id, words) SELECT id, 'pay:1'::tsvector FROM workers_task")
    found = {}
    for frequent in (1, 6):
        monkeypatch.setattr(task_search, "FREQUENT", frequent)
        with CaptureQueriesContext(connection) as captured:
            assert found_by("pay now") == 0
            assert found_by("pay") == 5
        search = next(query["sql"] for query in reversed(captured.captured_queries) if "SELECT task_id" in query["sql"])
        with connection.cursor() as cursor:
            by_words = ("enable_indexscan",) if frequent == 6 else ()  # of a few rows the key's index costs as little as that of the words
            for setting in ("enable_seqscan", "enable_sort", "enable_incremental_sort", *by_words):
                cursor.execute(f"SET LOCAL {setting} = off")
            cursor.execute(f"EXPLAIN {search}")
            found[frequent] = "\n".join(line for (line,) in cursor.fetchall())
    assert "Bitmap Index Scan" in found[6] and "Sort  (" in found[6], found[6]
    assert "Bitmap Index Scan" not in found[1] and "Sort  (" not in found[1], found[1]


def test_words_are_found_by_the_index_of_the_rarest_of_them_in_the_newest_days_first(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = list(Task.objects.order_by("pk").values_list("pk", flat=True))
    days = [partitions.day_of(timezone.now()) - back for back in (30, 5, 2, 0)]
    with connection.cursor() as cursor:
        for key, number in zip(keys, (7, 7, 8, 7, 8), strict=True):
            cursor.execute("INSERT INTO workers_task_words (task_id, words) VALUES (%s, %s::tsvector)", (key, f"customer:1 {number}:2"))
        for day in days[:3]:
            cursor.execute("INSERT INTO workers_task_words (task_id, words) VALUES (%s, 'customer:1 7:2')", (partitions.first_id(day) + 1,))
        cursor.execute("INSERT INTO workers_task_words (task_id, words) VALUES (%s, '7:1 customer:2')", (partitions.first_id(days[3]) + 1,))
    every = [keys[3], keys[1], keys[0], *(partitions.first_id(day) + 1 for day in reversed(days[:3]))]
    with CaptureQueriesContext(connection) as captured:
        assert task_search.with_words("customer-7", 10, range(2**63 - 1)) == every
        assert task_search.with_words("customer-7", 10, range(2**63 - 1), newest_first=False) == every[::-1]
        assert task_search.with_words("customer-7", 4, range(keys[3])) == every[1:5]
        assert task_search.with_words("customer-9", 10, range(2**63 - 1)) == []
    searches = [query["sql"] for query in captured.captured_queries if "SELECT task_id" in query["sql"]]
    assert len(searches) == 4 + 1 + 3 + 1 and all("words @@ '7'::tsquery AND (words" in sql for sql in searches[:8]), searches
    monkeypatch.setattr(task_search, "RARE", 0)
    assert task_search.with_words("customer-7", 10, range(2**63 - 1)) == every
