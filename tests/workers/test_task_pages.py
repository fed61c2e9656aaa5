"""Pages of lists of tasks from a cursor on: together they are the list, in both directions, whatever it is sorted and narrowed by."""

from __future__ import annotations

import random
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from brokers.models import Broker
from brokers.scope import EVERYTHING
from workers import queries, store
from workers.models import EventSource, Task
from workers.queries import TASK_SORTS, task_cursors
from workers.task_filter import TaskFilter

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def stored(tasks: int, **known: Any) -> Broker:
    """In two virtual hosts, with few values of each column and unknown ones."""
    rng, broker = random.Random(7), Broker.objects.create(name="prod", since=NOON)
    made: list[Task] = []
    for number in range(tasks):
        facts = {
            "name": rng.choice((None, "", "a~b", "é", "b")),
            "state": rng.choice(("FAILURE", "SUCCESS", "RETRY")),
            "worker": rng.choice((None, "w@h", "v@h")),
            "queue": rng.choice((None, "q")),
            "runtime_seconds": rng.choice((None, 0.1, 1 / 3, 2e9)),
            "retries": rng.choice((None, 0, 3)),
        }
        at = NOON + timedelta(seconds=number)
        made.append(Task(broker=broker, vhost="/" if number % 3 else "b", uuid=f"t{number}", first_seen_at=at, changed_at=at, **facts | known))
    Task.objects.bulk_create(made)
    return broker


def uuids(page: queries.TaskPage) -> list[str]:
    return [task.uuid for task in page.items]


@pytest.mark.parametrize("narrowed", [{}, {"states": ("FAILURE", "RETRY")}, {"vhost": "/", "worker": "w@h"}])
def test_the_pages_from_one_end_to_the_other_are_the_list(narrowed: dict[str, Any]) -> None:
    stored(17)
    for sort in (order + field for field in TASK_SORTS for order in ("", "-")):
        check_pages(sort, narrowed)


def check_pages(sort: str, narrowed: dict[str, Any]) -> None:
    wanted: dict[str, Any] = {"filter": TaskFilter(**narrowed), "sort": sort}
    whole = queries.tasks(EVERYTHING, **wanted)
    assert whole.next == whole.previous == ""
    pages = [queries.tasks(EVERYTHING, page_size=4, **wanted)]
    while pages[-1].next and len(pages) < 9:
        pages.append(queries.tasks(EVERYTHING, page_size=4, after=pages[-1].next, **wanted))
    assert [uuid for page in pages for uuid in uuids(page)] == uuids(whole)
    assert {page.total for page in pages} == {len(whole.items)}
    back = [pages[-1]]
    while back[-1].previous and len(back) < 9:
        back.append(queries.tasks(EVERYTHING, page_size=4, before=back[-1].previous, **wanted))
    assert [uuids(page) for page in reversed(back)] == [uuids(page) for page in pages]
    assert [uuids(queries.tasks(EVERYTHING, page=n + 1, page_size=4, **wanted)) for n in range(len(pages))] == [uuids(page) for page in pages]


def test_a_page_stays_what_it_is_while_tasks_come_and_go() -> None:
    broker = stored(9)
    first = queries.tasks(EVERYTHING, page_size=3)
    Task.objects.create(broker=broker, vhost="/", uuid="new", state="PENDING", first_seen_at=NOON, changed_at=NOON)
    Task.objects.filter(uuid=first.items[-1].uuid).delete()  # the cursor's own row
    assert uuids(queries.tasks(EVERYTHING, page_size=3, after=first.next)) == ["t5", "t4", "t3"]


def test_totals_are_kept_where_many_are_in_the_states(monkeypatch: pytest.MonkeyPatch) -> None:
    stored(9, state="FAILURE")
    store.repair_counts()
    monkeypatch.setattr("workers.queries.task_pages.COUNTED", 3)
    page = queries.tasks(EVERYTHING, filter=TaskFilter(states=("FAILURE",)), page_size=2)
    assert (page.total, page.total_is_more) == (9, False)
    page = queries.tasks(EVERYTHING, filter=TaskFilter(worker="w@h"), page_size=1)
    assert page.total <= 4  # counted, as far as that goes


def test_several_columns_are_counted_among_the_newest_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    stored(30, name="b", worker="w@h", state="FAILURE")
    filter = TaskFilter(name="b", worker="w@h")
    assert queries.tasks(EVERYTHING, filter=filter, page_size=2).total == 30
    monkeypatch.setattr(sys.modules["workers.queries.task_filtering"], "COUNTED_AMONG", 10)
    page = queries.tasks(EVERYTHING, filter=filter, page_size=2)
    assert (page.total, page.total_is_more) == (10, True)
    counts, beyond = queries.counts_by_state(EVERYTHING, filter)
    assert (counts, "FAILURE" in beyond) == ({"FAILURE": 10}, True)
    assert queries.counts_by_state(EVERYTHING, TaskFilter(worker="w@h")) == ({"FAILURE": 30}, frozenset())
    last = queries.tasks(EVERYTHING, filter=filter, page_size=25, after=queries.tasks(EVERYTHING, filter=filter, page_size=25).next)
    assert len(last.items) == 5  # listed to the end


NO_CURSORS = {
    "at": ("", "x", "-1", "1~2", "9" * 20, "²"),
    "retries": ("1~x", f"1~{2**63}"),
    "runtime_seconds": ("1~nan", "1~9e999"),
}


@pytest.mark.parametrize(("field", "text"), [(field, text) for field, texts in NO_CURSORS.items() for text in texts])
def test_what_is_no_cursor_is_refused(field: str, text: str) -> None:
    with pytest.raises(ValueError, match="no cursor"):
        task_cursors.read(text, field)


@pytest.mark.parametrize("sort", ["-at", "at"])
@pytest.mark.parametrize("narrowed", [{}, {"states": ("FAILURE",)}, {"worker": "w@h"}, {"end": NOON + timedelta(seconds=9)}])
def test_the_pages_of_a_search_reach_every_task_with_its_words_however_many_have_them(
    narrowed: dict[str, Any], sort: str, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    for module in ("task_filtering", "task_news"):
        monkeypatch.setattr(sys.modules[f"workers.queries.{module}"], "SEARCHED", 4)
    broker = stored(23)
    EventSource.objects.bulk_create(EventSource(broker=broker, vhost=vhost) for vhost in ("/", "b"))
    wanted: dict[str, Any] = {"filter": TaskFilter(text="t", **narrowed), "sort": sort, "page_size": 3}
    rows = Task.objects.filter(**{"state__in": narrowed["states"]} if "states" in narrowed else {"worker": "w@h"} if "worker" in narrowed else {})
    expected = [task.uuid for task in rows.order_by("-pk" if sort == "-at" else "pk") if "end" not in narrowed or task.first_seen_at < narrowed["end"]]
    pages = [queries.tasks(EVERYTHING, **wanted)]
    while pages[-1].next and len(pages) < 20:
        pages.append(queries.tasks(EVERYTHING, after=pages[-1].next, **wanted))
    assert [uuid for page in pages for uuid in uuids(page)] == expected
    assert pages[0].total_is_more or pages[0].total == len(expected)
    counts, beyond = queries.counts_by_state(EVERYTHING, wanted["filter"], queries.search_tasks(EVERYTHING, wanted["filter"]))
    assert beyond or sum(counts.values()) == len(expected)


def test_of_many_tasks_with_the_words_the_states_of_the_newest_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = stored(23)
    EventSource.objects.create(broker=broker, vhost="/")
    for module, name, value in (("task_filtering", "SEARCHED", 8), ("task_news", "SEARCHED", 8), ("task_news", "LOOKED_AT", 3)):
        monkeypatch.setattr(sys.modules[f"workers.queries.{module}"], name, value)
    wanted = TaskFilter(text="t")
    counts, beyond = queries.counts_by_state(EVERYTHING, wanted, queries.search_tasks(EVERYTHING, wanted))
    assert (sum(counts.values()), counts[""], "FAILURE" in beyond) == (8, 5, True)
    page = queries.tasks(EVERYTHING, filter=wanted, counts=lambda: (counts, beyond), page_size=2)
    assert (page.total, page.total_is_more, len(page.items)) == (8, True, 2)


def test_large_counts_are_not_counted_again_within_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["workers.queries.task_counts"], "LARGE", 10)
    stored(11, worker="large", name="a")
    Task.objects.filter(uuid__in=("t1", "t2")).update(name="small")
    filters = [TaskFilter(name="small"), TaskFilter(worker="large")]
    assert [sum(queries.counts_by_state(EVERYTHING, filter)[0].values()) for filter in filters] == [2, 11]
    Task.objects.all().delete()
    assert [sum(queries.counts_by_state(EVERYTHING, filter)[0].values()) for filter in filters] == [0, 11]
