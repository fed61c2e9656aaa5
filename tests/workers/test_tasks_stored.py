"""Tasks in the database: what is stored comes back, lists find it, and old ones go."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from brokers import store as broker_store
from brokers.addresses import BrokerAddress
from brokers.models import Broker
from brokers.scope import EVERYTHING, NOTHING, Scope
from tests.scopes import of_brokers
from workers import queries, store
from workers.errors import AmbiguousTask
from workers.models import Task, Worker
from workers.receiving.events import Event
from workers.receiving.task_buffer import TaskBuffer
from workers.receiving.task_state import happenings
from workers.store.tasks import save_tasks
from workers.task_filter import TaskFilter
from workers.task_queue import ROUTING, TaskQueue

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = NOON + timedelta(seconds=100)
Receive = Callable[..., None]
pytestmark = pytest.mark.django_db(transaction=True)


class Receiver:
    """What the receiver does with tasks in a virtual host, without a broker. A new one remembers nothing."""

    def __init__(self, broker: Broker, vhost: str = "/", most: int = 20_000) -> None:
        self.broker, self.vhost, self.buffer = broker, vhost, TaskBuffer(most)
        store.ensure_source(broker.pk, vhost, NOON)

    def round(self, *events: Event, at: datetime = NOON) -> None:
        self.buffer.add_events(events, at.timestamp())
        self.buffer.settle(queries.load_tasks(self.broker.pk, self.vhost, self.buffer.missing()))
        changed = list(self.buffer.changed.values())
        for record in changed:
            record.found = TaskQueue((record.queue,), ROUTING) if record.queue else TaskQueue(reason="no event of its sender")
        with transaction.atomic():
            save_tasks(self.broker.pk, self.vhost, changed, at)
        self.buffer.note_stored(changed)

    def task(self, uuid: str) -> Task:
        found = queries.task(EVERYTHING, uuid, self.broker.pk, self.vhost)
        assert found is not None
        return found


@pytest.fixture
def brokers() -> tuple[Broker, Broker]:
    addresses = [BrokerAddress(name, ("http://h:1",), "u", "p") for name in ("prod", "stage")]
    found = broker_store.ensure_brokers(addresses, NOON)
    return found["prod"], found["stage"]


@pytest.fixture
def receiver(brokers: tuple[Broker, Broker]) -> Receiver:
    return Receiver(brokers[0])


def event(kind: str, uuid: str = "t1", at: float = 0, hostname: str = "w@h", **fields: object) -> Event:
    return Event(f"task-{kind}", hostname, NOON.timestamp() + at, uuid=uuid, **fields)


def sent(uuid: str, name: str = "shop.pay", **fields: object) -> Event:
    return event("sent", uuid, -2, "gen1@web", name=name, args="(1, 'Zürich')", kwargs="{}", queue="pay", exchange="", routing_key="pay", **fields)


def uuids(*, scope: Scope = EVERYTHING, sort: str = "-at", at: datetime | None = None, **narrowed: object) -> list[str]:
    return [task.uuid for task in queries.tasks(scope, filter=TaskFilter(**narrowed), sort=sort, at=at).items]


def test_a_task_is_stored_as_its_events_describe_it_in_however_many_rounds(receiver: Receiver) -> None:
    receiver.round(sent("t1", eta="2026-11-23T13:00:00+01:00", root_id="r", parent_id="p"), event("received", at=-1, retries=0))
    receiver.round(event("started"))
    receiver.round(event("failed", at=0.5, exception="ValueError('no')", traceback="Traceback"), at=NOON + timedelta(seconds=1))
    task = receiver.task("t1")
    assert (task.state, task.name, task.args, task.sent_queue, task.worker, task.sender) == ("FAILURE", "shop.pay", "(1, 'Zürich')", "pay", "w@h", "gen1@web")
    assert (task.eta, task.root_id, task.parent_id) == (NOON, "r", "p")
    assert (task.sent_at, task.started_at, task.ended_at) == (NOON - timedelta(seconds=2), NOON, NOON + timedelta(seconds=0.5))
    assert (task.exception, task.traceback) == ("ValueError('no')", "Traceback")
    assert [found.event for found in happenings(task.tries)] == ["task-sent", "task-received", "task-started", "task-failed"]


def test_a_success_keeps_no_exception_of_an_earlier_attempt_nor_a_failure_an_earlier_result(receiver: Receiver) -> None:
    receiver.round(sent("t1"), event("started"), event("retried", at=1, exception="OSError()", traceback="T"))
    assert receiver.task("t1").exception == "OSError()"
    receiver.round(event("received", at=2, retries=1), event("started", at=3), event("succeeded", at=4, result="7", runtime=0.5), at=LATER)
    task = receiver.task("t1")
    assert (task.state, task.exception, task.traceback, task.result) == ("SUCCESS", None, None, "7")
    assert "OSError()" in [found.detail for found in happenings(task.tries)]  # the attempt itself is kept
    receiver.round(event("received", at=59, hostname="v@h", retries=1), event("started", at=60, hostname="v@h"), at=LATER)
    receiver.round(event("failed", at=61, hostname="v@h", exception="E()"), at=LATER)
    task = receiver.task("t1")
    assert (task.state, task.exception, task.result, task.runtime_seconds) == ("FAILURE", "E()", None, None)


@pytest.mark.parametrize("most", [0, 20_000])
def test_a_receiver_that_forgot_or_began_anew_goes_on_where_the_rows_are(brokers: tuple[Broker, Broker], most: int) -> None:
    story = [sent("t1"), event("received", at=-1, name="shop.pay", args="(2,)"), event("started"), event("succeeded", at=1, result="3", runtime=0.9)]
    for one in reversed(story):
        Receiver(brokers[0], most=most).round(one)
    forgetful = Receiver(brokers[0], "other", most=most)
    for one in [*story, *story]:
        forgetful.round(one)
    left_out = {"_state", "id", "vhost"}
    first, second = (
        {name: value for name, value in vars(task).items() if name not in left_out} for task in (Receiver(brokers[0]).task("t1"), forgetful.task("t1"))
    )
    assert first == second
    assert (first["state"], first["args"], first["result"]) == ("SUCCESS", "(2,)", "3")


def test_a_round_that_could_not_be_stored_is_stored_with_the_next(receiver: Receiver) -> None:
    receiver.buffer.add_events([sent("t1")], NOON.timestamp())
    receiver.buffer.settle({})
    receiver.round(event("received", at=-1))
    assert (receiver.task("t1").state, receiver.task("t1").name) == ("RECEIVED", "shop.pay")


def test_lists_are_narrowed_by_everything_they_show(receiver: Receiver, brokers: tuple[Broker, Broker]) -> None:
    receiver.round(
        sent("a1"), sent("a2", "shop.mail"), event("received", "a2", -1), event("started", "a2"), event("failed", "a2", 1, exception="OSError('disk full')")
    )
    Receiver(brokers[1], "v").round(sent("b1"), at=NOON + timedelta(hours=1))
    assert uuids() == ["b1", "a2", "a1"]
    assert uuids(sort="at") == ["a1", "a2", "b1"]
    assert uuids(sort="name") == ["a2", "b1", "a1"]
    assert uuids(broker="prod") == uuids(vhost="/") == uuids(scope=of_brokers("prod")) == ["a2", "a1"]
    assert uuids(states=("FAILURE",)) == uuids(worker="w@h") == uuids(name="shop.mail") == ["a2"]
    assert uuids(states=("PENDING", "STARTED")) == ["b1", "a1"]
    assert uuids(queue="pay", start=NOON + timedelta(minutes=1)) == uuids(start=NOON + timedelta(minutes=1), end=NOON + timedelta(hours=2)) == ["b1"]
    assert uuids(end=NOON + timedelta(minutes=1)) == ["a2", "a1"]
    assert uuids(start=NOON + timedelta(hours=2)) == uuids(scope=NOTHING) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [("shop", ["a2", "a1"]), ("shop.mail", ["a2"]), ("zurich", ["a2", "a1"]), ("disk", ["a2"]), ("mail disk", ["a2"]), ("pay disk", []), ("a1", ["a1"]),
     ("dis", ["a2"]), ('"', []), ("AND OR (", []), ("*", []), ("words:shop", []), ("a", ["a2", "a1"])],
)  # fmt: skip
def test_a_search_finds_words_of_name_arguments_and_exception_and_beginnings_of_uuids(receiver: Receiver, text: str, found: list[str]) -> None:
    receiver.round(sent("a1"), sent("a2", "shop.mail"))
    receiver.round(event("failed", "a2", 1, exception="OSError('disk full')"))
    assert uuids(text=text) == found


def test_a_task_whose_name_comes_late_is_found_by_it(receiver: Receiver) -> None:
    receiver.round(event("started"))
    assert uuids(text="shop") == []
    receiver.round(event("received", at=-1, name="shop.pay", args="()"))
    assert uuids(text="shop") == ["t1"]


def test_a_list_can_be_of_an_earlier_moment(receiver: Receiver) -> None:
    receiver.round(event("received", at=0, name="shop.pay"), at=NOON)
    receiver.round(event("started", at=10), event("succeeded", at=20, result="1"), at=NOON + timedelta(seconds=20))
    receiver.round(sent("t2"), at=NOON + timedelta(seconds=30))
    then = queries.tasks(EVERYTHING, at=NOON + timedelta(seconds=15)).items
    assert [(task.uuid, task.state, task.ended_at, task.result) for task in then] == [("t1", "STARTED", None, None)]
    with pytest.raises(ValueError, match="past"):
        queries.tasks(EVERYTHING, filter=TaskFilter(states=("FAILURE",)), at=NOON)


def test_what_no_list_has_is_refused_with_a_reason() -> None:
    with pytest.raises(ValueError, match="unknown state 'DONE'"):
        queries.tasks(EVERYTHING, filter=TaskFilter(states=("DONE",)))
    with pytest.raises(ValueError, match="unknown sort"):
        queries.tasks(EVERYTHING, sort="args")


def test_a_uuid_seen_in_two_places_needs_broker_and_virtual_host(receiver: Receiver, brokers: tuple[Broker, Broker]) -> None:
    receiver.round(sent("t1"))
    Receiver(brokers[1], "v").round(sent("t1"))
    with pytest.raises(AmbiguousTask, match=r"prod /, stage v"):
        queries.task(EVERYTHING, "t1")
    found = queries.task(EVERYTHING, "t1", "stage")
    assert found is not None
    assert found.vhost == "v"
    assert queries.task(of_brokers("prod"), "t1") == receiver.task("t1")
    assert queries.task(EVERYTHING, "t9") is None


def test_a_family_is_root_parent_children_and_siblings(receiver: Receiver) -> None:
    receiver.round(sent("r", root_id="r"), sent("p", root_id="r", parent_id="r"), sent("t1", root_id="r", parent_id="p"))
    receiver.round(*(sent(f"c{number}", root_id="r", parent_id="t1") for number in range(203)), sent("s", root_id="r", parent_id="p"))
    found = queries.family(EVERYTHING, receiver.task("t1"))
    assert (found.root, found.parent, found.siblings) == (receiver.task("r"), receiver.task("p"), [receiver.task("s")])
    assert (len(found.children), found.more_children, found.more_siblings) == (200, 3, 0)
    assert queries.family(NOTHING, receiver.task("t1")).children == []


def test_tasks_are_counted_by_state(receiver: Receiver) -> None:
    receiver.round(sent("a"), sent("b"), at=NOON)
    receiver.round(event("started", "a"), at=NOON + timedelta(seconds=1))
    counts = queries.state_counts(EVERYTHING, NOON)
    assert (counts["PENDING"], counts["STARTED"], counts["FAILURE"]) == (1, 1, 0)


def test_names_are_completed(receiver: Receiver) -> None:
    receiver.round(sent("a", "shop.pay"), sent("b", "shop.pay"), sent("c", "shop.mail"), sent("d", "other"))
    assert queries.task_names(EVERYTHING, "sh") == ["shop.mail", "shop.pay"]


def test_registered_tasks_are_listed_with_the_live_workers_that_have_them(brokers: tuple[Broker, Broker]) -> None:
    facts = {"broker": brokers[0], "vhost": "/", "first_seen_at": NOON, "changed_at": NOON}
    Worker.objects.create(hostname="a@h", state="online", registered=[{"name": "n", "attributes": {"queue": "q"}}], **facts)
    Worker.objects.create(hostname="b@h", state="online", registered=[{"name": "n", "attributes": {}}], events_off=True, **facts)
    Worker.objects.create(hostname="c@h", state="gone", registered=[{"name": "m", "attributes": {}}], events_off=True, **facts)
    assert queries.registered_tasks(EVERYTHING) == [("n", {"queue": "q"}, ["a@h", "b@h"])]


def test_tasks_of_a_virtual_host_that_is_gone_are_unknown(receiver: Receiver) -> None:
    receiver.round(event("started"), event("succeeded", "t2"))
    store.mark_gone(receiver.broker.pk, "/", "its virtual host is gone", NOON)
    assert (receiver.task("t1").state, receiver.task("t1").last_seen_state, receiver.task("t2").state) == ("UNKNOWN", "STARTED", "SUCCESS")


def test_old_and_surplus_tasks_go_with_what_is_searched_for(receiver: Receiver) -> None:
    receiver.round(sent("old"), at=NOON - timedelta(days=2))
    receiver.round(*(sent(f"t{number}") for number in range(5)))
    keys = list(Task.objects.values_list("pk", flat=True))
    assert store.trim_tasks(NOON, days=1, most=3) == 3
    assert uuids() == uuids(text="shop") == ["t4", "t3", "t2"]
    with connection.cursor() as cursor:
        key = "task_id" if connection.vendor == "postgresql" else "rowid"
        cursor.execute(f"SELECT count(*) FROM workers_task_words WHERE {key} BETWEEN %s AND %s", (min(keys), max(keys)))  # noqa: S608
        assert cursor.fetchone() == (3,)
    assert store.trim_tasks(NOON, days=1, most=3) == 0
