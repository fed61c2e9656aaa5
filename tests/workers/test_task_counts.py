"""The counts of tasks by state: kept with each batch, equal to a recount whatever happened, and corrected where something else wrote."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brokers.models import Broker
from brokers.scope import EVERYTHING, NOTHING, Place, Scope
from tests.scopes import of_brokers
from workers import queries, store
from workers.models import Task, TaskCount
from workers.queries import kept_counts
from workers.receiving.events import Event
from workers.receiving.task_buffer import TaskBuffer
from workers.store import task_counts
from workers.store.tasks import save_tasks
from workers.task_filter import TaskFilter

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
KINDS = ("sent", "received", "started", "succeeded", "failed", "retried", "revoked")
pytestmark = pytest.mark.django_db

Step = tuple[str, int, int, Sequence[tuple[str, int]]]
steps = st.tuples(
    st.sampled_from(("round", "round", "round", "restart", "lose", "gone", "trim", "fail")),
    st.integers(0, 1),  # which virtual host
    st.integers(0, 60),  # hours since noon
    st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 7)), max_size=12),
)


def recount() -> dict[tuple[int, str, int, str], int]:
    rows = Task.objects.values_list("broker_id", "vhost", "first_seen_at", "state")
    return dict(Counter((broker, vhost, task_counts.day_of(at.timestamp()), state) for broker, vhost, at, state in rows))


def kept() -> dict[tuple[int, str, int, str], int]:
    return {row[:4]: row[4] for row in TaskCount.objects.exclude(tasks=0).values_list("broker_id", "vhost", "day", "state", "tasks")}


def apply(buffers: dict[str, TaskBuffer], broker: Broker, step: Step) -> None:
    what, place, hours, changes = step
    vhost, now = ("/", "other")[place], NOON + timedelta(hours=hours)
    buffer = buffers[vhost]
    if what == "restart":  # memory is lost
        buffers[vhost] = TaskBuffer()
    elif what == "lose":  # as retention does, of tasks that memory believes stored
        gone = Task.objects.filter(vhost=vhost, uuid__in=[f"t{number}" for _, number in changes]).values_list("pk", flat=True)
        store.tasks._delete_tasks(list(gone) or [0])
    elif what == "gone":
        store.mark_gone(broker.pk, vhost, "it is gone", now)
        buffers[vhost] = TaskBuffer()
    elif what == "trim":
        store.trim_tasks(now, days=1, most=5)
    buffer = buffers[vhost]
    buffer.add_events([Event(f"task-{kind}", "w@h", now.timestamp() + n, uuid=f"t{uuid}", name="shop.pay") for n, (kind, uuid) in enumerate(changes)],
                      now.timestamp())  # fmt: skip
    buffer.settle(queries.load_tasks(broker.pk, vhost, buffer.missing()))
    records = list(buffer.changed.values())
    if what == "fail":
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            save_tasks(broker.pk, vhost, records, now)
            raise ZeroDivisionError
    else:
        save_tasks(broker.pk, vhost, records, now)
        buffer.note_stored(records)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(steps, min_size=1, max_size=8))
def test_they_equal_a_recount_whatever_was_stored_marked_or_deleted(db: None, story: list[Step]) -> None:
    TaskCount.objects.all().delete()
    Task.objects.all().delete()
    Broker.objects.all().delete()
    broker = Broker.objects.create(name="prod", since=NOON)
    buffers = {"/": TaskBuffer(), "other": TaskBuffer()}
    for step in story:
        apply(buffers, broker, step)
        assert kept() == recount()
    assert store.repair_counts() == 0


def stored(broker: Broker, uuid: str, state: str = "SUCCESS", vhost: str = "/") -> None:
    Task.objects.bulk_create([Task(broker=broker, vhost=vhost, uuid=uuid, state=state, first_seen_at=NOON, changed_at=NOON)])


def test_a_row_that_memory_could_not_read_is_counted_once() -> None:
    broker = Broker.objects.create(name="prod", since=NOON)
    apply({"/": TaskBuffer(), "other": TaskBuffer()}, broker, ("round", 0, 0, [("received", 1)]))
    unread = TaskBuffer()
    unread.add_events([Event("task-started", "w@h", NOON.timestamp(), uuid="t1")], NOON.timestamp())
    unread.settle({})
    save_tasks(broker.pk, "/", list(unread.changed.values()), NOON)
    assert sum(kept().values()) == 1
    store.repair_counts()
    assert kept() == recount()


def test_what_else_changed_rows_is_found_corrected_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    broker = Broker.objects.create(name="prod", since=NOON)
    for number in range(3):
        stored(broker, f"t{number}")
    stored(broker, "u", "FAILURE", "other")
    assert store.repair_counts() == 2
    assert kept() == recount()
    Task.objects.filter(uuid="t1").update(state="RETRY")
    TaskCount.objects.filter(vhost="other").update(tasks=7)
    assert store.repair_counts() == 3
    assert kept() == recount() and not TaskCount.objects.filter(tasks=0).exists()
    assert "'difference': -6" in caplog.text and "task_counts_repaired" in caplog.text


def test_they_are_summed_within_the_scope_and_place() -> None:
    one, two = (Broker.objects.create(name=name, since=NOON) for name in ("prod", "stage"))
    stored(one, "a")
    stored(one, "b", "FAILURE", "other")
    stored(two, "c")
    store.repair_counts()
    assert kept_counts(EVERYTHING)["SUCCESS"] == 2
    assert kept_counts(EVERYTHING, "prod", "/")["SUCCESS"] == kept_counts(of_brokers("stage"))["SUCCESS"] == 1
    assert kept_counts(EVERYTHING, one.pk)["FAILURE"] == 1
    assert set(kept_counts(NOTHING).values()) == {0}
    assert queries.counts_by_state(EVERYTHING, TaskFilter(broker="prod"))[0]["FAILURE"] == 1


def test_of_queues_no_counts_are_kept_and_their_tasks_are_counted_up_to_a_bound() -> None:
    broker = Broker.objects.create(name="prod", since=NOON)
    for uuid, queue in (("a", "orders.eu"), ("b", "mail"), ("c", "orders.us")):
        stored(broker, uuid)
        Task.objects.filter(uuid=uuid).update(queue=queue)
    scope = Scope((Place(queue=("orders.*",)),))
    assert queries.counts_by_state(scope, TaskFilter())[0] == {"SUCCESS": 2}
    assert queries.tasks(scope, page_size=1).total == 2
    with pytest.raises(ValueError, match="by queue"):
        kept_counts(scope)


def test_a_batch_of_many_states_adds_them_by_one_statement(django_assert_num_queries: pytest.FixtureRequest) -> None:
    broker = Broker.objects.create(name="prod", since=NOON)
    with django_assert_num_queries(1):  # type: ignore[operator]
        task_counts.add(broker.pk, "/", {(day, state): 1 for day in (1, 2) for state in ("PENDING", "STARTED", "SUCCESS")})
    with django_assert_num_queries(0):  # type: ignore[operator]
        task_counts.add(broker.pk, "/", {(1, "PENDING"): 0})
    assert connection.in_atomic_block and sum(kept().values()) == 6
