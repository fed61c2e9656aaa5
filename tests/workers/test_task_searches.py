"""Filters of tasks as people write them find what the same words mean in Python, however few are looked at for a page, on both engines, within a scope."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brokers.database.engine import is_postgresql
from brokers.models import Broker
from brokers.scope import EVERYTHING, Place, Scope
from dashboard.tasks.filter import parse, query_filter
from workers import queries
from workers.models import EventSource, Task
from workers.task_filter import ALL_STATES
from workers.task_times import eta_seconds, runtime_so_far, waited_seconds
from workers.task_words import has_words, vector

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ONLY_MAIL = Scope((Place(vhost=("/",), queue=("mail",)),), ())
TASKS = 90
TERMS: dict[str, Callable[[Task], bool]] = {
    "state:failed": lambda task: task.state == "FAILURE",
    "state:running,waiting": lambda task: task.state in ("STARTED", "PENDING", "RECEIVED"),
    "-state:success": lambda task: task.state != "SUCCESS",
    "worker:w1*": lambda task: (task.worker or "").startswith("w1"),
    "-worker:*2@h": lambda task: not (task.worker or "").endswith("2@h"),
    "name:orders.*": lambda task: (task.name or "").startswith("orders."),
    "name:orders*": lambda task: (task.name or "").startswith("orders"),
    "-name:orders.*": lambda task: not (task.name or "").startswith("orders."),
    "-name:mail": lambda task: task.name != "mail",
    "worker:w1@h": lambda task: task.worker == "w1@h",
    "worker!=w1@h": lambda task: task.worker != "w1@h",
    "queue:mail": lambda task: task.queue == "mail" or "mail" in (task.queues or ""),
    "-queue:mail": lambda task: task.queue != "mail" and "mail" not in (task.queues or ""),
    "runtime>2s": lambda task: (runtime_so_far(task, NOW) or 0) > 2,
    "runtime<=2000ms": lambda task: (found := runtime_so_far(task, NOW)) is not None and found <= 2,
    "wait>1m": lambda task: (waited_seconds(task, NOW) or 0) > 60,
    "wait<1m": lambda task: (found := waited_seconds(task, NOW)) is not None and found < 60,
    "eta>0s": lambda task: eta_seconds(task, NOW) is not None,
    "eta<=600": lambda task: 0 < (eta_seconds(task, NOW) or 0) <= 600,
    "retries>1": lambda task: (task.retries or 0) > 1,
    "retries!=0": lambda task: task.retries not in (None, 0),
    'args:"sku-17"': lambda task: has_words(f"{task.args or ''} {task.kwargs or ''}", "sku-17", True),
    'args:"sku-17 eur"': lambda task: has_words(f"{task.args or ''} {task.kwargs or ''}", "sku-17 eur", True),
    "exception:ValueError": lambda task: task.state != "SUCCESS" and has_words(task.exception or "", "ValueError", True),
    "root:t1": lambda task: task.uuid == "t1" or (task.root_id == "t1" and task.parent_id is not None),
    "parent:t1": lambda task: task.parent_id == "t1" and task.uuid != "t1",
    "after:2026-11-24T11:00": lambda task: task.first_seen_at >= NOW - timedelta(hours=1),
}


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> list[Task]:
    """Tasks of every kind, the last first seen first; a page looks at few of them."""
    for name, value in (("SEARCHED", 4), ("LOOKED_AT", 7)):
        monkeypatch.setattr(sys.modules["workers.queries.task_filtering"], name, value)
    broker = Broker.objects.create(name="prod", since=NOW)
    EventSource.objects.create(broker=broker, vhost="/")
    chance = random.Random(14)
    Task.objects.bulk_create(_task(broker, number, chance) for number in range(TASKS))
    found = list(Task.objects.order_by("-pk"))
    with connection.cursor() as cursor:
        for task in Task.objects.all():  # as the row has it
            texts = [task.name, Task.objects.values_list("exception", flat=True).get(pk=task.pk), task.args, task.kwargs]
            words = vector(*texts) if is_postgresql() else " ".join(text or "" for text in texts)
            key = "task_id" if is_postgresql() else "rowid"
            cursor.execute(f"INSERT INTO workers_task_words ({key}, words) VALUES (%s, %s)", [task.pk, words])  # noqa: S608
    return found


def _task(broker: Broker, number: int, chance: random.Random) -> Task:
    def sometimes(value: Any) -> Any:
        return value if chance.random() < 0.6 else None

    at = NOW - timedelta(seconds=60 * (TASKS - number))
    sent = at + timedelta(milliseconds=chance.randrange(50_000))
    started = sometimes(sent + timedelta(milliseconds=chance.choice((10, 59_000, 60_000, 200_000))))
    ended = started and sometimes(started + timedelta(milliseconds=chance.choice((-5, 1500, 2000, 2001, 90_000))))
    state = chance.choice(ALL_STATES) if started else chance.choice(("PENDING", "RECEIVED", "REVOKED"))
    queue = sometimes(chance.choice(("mail", "other")))
    return Task(
        broker=broker, vhost="/", uuid=f"t{number}", first_seen_at=at, changed_at=at, state=state,
        name=sometimes(chance.choice(("orders.pay", "orders.ship", "orders", "mail"))), worker=sometimes(chance.choice(("w1@h", "w2@h"))),
        queue=queue, queues=None if queue else sometimes('["mail", "other"]'), sent_at=sometimes(sent),
        received_at=sometimes(sent), started_at=started, ended_at=ended, eta=sometimes(sent + timedelta(seconds=chance.choice((-9, 30, 900)))),
        runtime_seconds=sometimes(chance.choice((0.5, 2.0, 2.5))), retries=sometimes(chance.randrange(4)),
        args=sometimes(chance.choice(("('sku-17', 'EUR')", "('sku-170',)", "('ValueError',)"))), kwargs="{'currency': 'EUR'}",
        exception=sometimes(chance.choice(("ValueError('sku-17')", "KeyError(1)"))), parent_id=sometimes(f"t{chance.randrange(3)}"),
        root_id=chance.choice(("t1", "t2")),
    )  # fmt: skip


def listed(text: str, scope: Scope) -> list[str]:
    """What all pages show."""
    filter = query_filter(parse(text, scope.arguments is None), None, None, NOW)
    pages = [queries.tasks(scope, filter=filter, page_size=5)]
    while pages[-1].next:
        pages.append(queries.tasks(scope, filter=filter, page_size=5, after=pages[-1].next))
        assert len(pages) <= TASKS
    found = [task.uuid for page in pages for task in page.items]
    assert pages[0].total_is_more or pages[0].total == len(found)
    counts, beyond = queries.counts_by_state(scope, filter)
    assert beyond or filter.states or sum(counts.values()) == len(found)
    streamed, after = queries.tasks_after(scope, filter, size=5)
    while after:
        more, after = queries.tasks_after(scope, filter, after, 5)
        streamed += more
    assert [task.uuid for task in streamed] == found
    return found


FILTERS = st.lists(st.sampled_from(sorted(TERMS)), min_size=1, max_size=3, unique_by=lambda term: term.partition(":")[0].partition("!")[0].strip("-"))


@given(FILTERS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_filter_finds_what_its_terms_mean(stored: list[Task], terms: list[str]) -> None:
    assert listed(" ".join(terms), EVERYTHING) == [task.uuid for task in stored if all(TERMS[term](task) for term in terms)]


@given(FILTERS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_within_a_scope_it_finds_of_that_only_what_may_be_seen(stored: list[Task], terms: list[str]) -> None:
    known = [term for term in terms if not term.startswith("args")]
    expected = [task.uuid for task in stored if task.queue == "mail" and all(TERMS[term](task) for term in known)]
    assert listed(" ".join(known), ONLY_MAIL) == expected


def test_every_term_by_itself_finds_some_and_leaves_out_some(stored: list[Task]) -> None:
    for term, means in TERMS.items():
        expected = [task.uuid for task in stored if means(task)]
        assert listed(term, EVERYTHING) == expected
        assert 0 < len(expected) < TASKS, term


def test_a_pattern_finds_all_names_however_many_there_are(stored: list[Task], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["workers.queries.task_filtering"], "NAMES_LOOKED_AT", 2)
    for task, name in zip(stored, ("a?c", "abc", "a[b]c", "a_c", "a%c"), strict=False):
        Task.objects.filter(pk=task.pk).update(name=name)
    assert listed("name:a?*", EVERYTHING) == [stored[0].uuid]
    assert listed("name:a[*", EVERYTHING) == [stored[2].uuid]
    assert listed("name:a_*", EVERYTHING) == [stored[3].uuid]
    assert listed("name:a%*", EVERYTHING) == [stored[4].uuid]
    assert listed("name:a*", EVERYTHING) == [task.uuid for task in stored[:5]]
    assert listed("-name:*", EVERYTHING) == [task.uuid for task in stored[5:] if task.name is None]


def test_arguments_are_no_oracle_for_who_may_not_see_them(stored: list[Task]) -> None:
    """Neither what is found nor what is counted nor whether a search goes on differs for words that only arguments have."""
    for text in ("exception:EUR", "exception:nobody-has-this"):
        filter = query_filter(parse(text, arguments=False), None, None, NOW)
        page = queries.tasks(ONLY_MAIL, filter=filter)
        assert (page.items, page.total, bool(page.next)) == ([], 0, True)
    by_force = query_filter(parse("args:EUR"), None, None, NOW)
    page = queries.tasks(ONLY_MAIL, filter=by_force)
    assert (page.items, page.total, page.total_is_more, page.next) == ([], 0, False, "")
    assert queries.counts_by_state(ONLY_MAIL, by_force) == ({}, frozenset())
