"""Queues of tasks worked out in the receiver's rounds from a stored topology, without a broker: changes of bindings, lists of workers, and filters."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from brokers import store as broker_store
from brokers.addresses import BrokerAddress
from brokers.models import Broker
from brokers.scope import EVERYTHING
from brokers.store import save_poll, save_topology
from brokers.store.memory import BrokerMemory
from brokers.topology import BindingDefinition, ExchangeDefinition, QueueDefinition, Topology
from tests.brokers.facts import a_poll, a_queue
from workers import queries, store
from workers.inspection.inspector import Answer
from workers.models import Task
from workers.receiving import queue_watch
from workers.receiving.events import Event
from workers.receiving.task_watch import TaskWatch
from workers.receiving.worker_state import WorkerState
from workers.store.tasks import save_tasks
from workers.task_filter import TaskFilter

pytestmark = pytest.mark.django_db(transaction=True)
LONG = timedelta(minutes=30)


class Host:
    """A virtual host whose topology the test sets, and the receiver's rounds there."""

    def __init__(self, broker: Broker, now: datetime) -> None:
        self.broker, self.now, self.memory = broker, now, BrokerMemory()
        store.ensure_source(broker.pk, "/", now)
        self.workers: dict[str, WorkerState] = {}
        self.watch = TaskWatch(broker.pk, "/")

    def shape(self, bindings: list[tuple[str, str, str]], at: datetime, kind: str = "topic") -> None:
        """Bindings as (exchange, key, queue), as a poll at that moment saw them."""
        names = sorted({queue for _, _, queue in bindings})
        exchanges = [ExchangeDefinition("", "direct"), *(ExchangeDefinition(name, kind) for name in sorted({source for source, _, _ in bindings}))]
        bound = [BindingDefinition("", name, "queue", name) for name in names] + [
            BindingDefinition(source, queue, "queue", key) for source, key, queue in sorted(bindings)
        ]
        topology = Topology("/", tuple(exchanges), tuple(QueueDefinition(name) for name in names), tuple(bound))
        save_poll(self.broker.pk, a_poll(at, *(a_queue(name) for name in names)), at, self.memory)
        save_topology(self.broker.pk, {"/": topology}, None, None, None, at, self.memory)

    def worker(self, hostname: str, *queues: str, at: datetime | None = None) -> None:
        at = at or self.now
        self.workers.setdefault(hostname, WorkerState(hostname, at, state="online"))
        self.watch.note_answer(Answer(hostname, {"queues": [{"name": name} for name in queues]}, at, "active_queues", at))

    def round(self, *events: Event, polled_at: datetime | None = None, unread: tuple[str, datetime] | None = None, never_polled: bool = False) -> None:
        limits = [{"vhost": None, "what": unread[0], "why": "no answer", "grant": "", "part": unread[0], "since": unread[1].isoformat()}] if unread else []
        Broker.objects.update(polled_at=None if never_polled else polled_at or datetime.now(UTC), limits=limits)
        self.watch._queues._next_check = 0.0
        self.watch.add_events(events, datetime.now(UTC))
        tasks = self.watch.prepare(self.workers, True)
        with transaction.atomic():
            save_tasks(self.broker.pk, "/", tasks, datetime.now(UTC))
        self.watch.note_stored(tasks)

    def task(self, uuid: str = "t1") -> Task:
        return Task.objects.get(uuid=uuid)

    def shown(self, uuid: str = "t1") -> tuple[tuple[str, ...], str]:
        found = self.task(uuid).found
        assert found is not None
        return found.names, found.source

    def event(self, kind: str, uuid: str = "t1", ago: float = 0, hostname: str = "w@h", **fields: object) -> Event:
        return Event(f"task-{kind}", hostname, self.now.timestamp() - ago, uuid=uuid, **fields)

    def sent(self, exchange: str, key: str, uuid: str = "t1", ago: float = 0, **fields: object) -> Event:
        return self.event("sent", uuid, ago, "gen1@web", name="a.b", exchange=exchange, routing_key=key, **fields)


@pytest.fixture
def host() -> Iterator[Host]:
    now = datetime.now(UTC)
    broker = broker_store.ensure_brokers([BrokerAddress("prod", ("http://h:1",), "u", "p")], now)["prod"]
    yield Host(broker, now)


ORDERS = [("orders", "order.*.us", "us"), ("orders", "order.*.eu", "eu"), ("orders", "order.#", "audit")]


def found(**narrowed: object) -> list[str]:
    return [task.uuid for task in queries.tasks(EVERYTHING, filter=TaskFilter(**narrowed)).items]


def test_copies_are_in_several_queues_until_a_node_that_consumes_one_receives_it(host: Host) -> None:
    host.shape(ORDERS, host.now - LONG)
    host.worker("w@h", "us", "eu")
    host.round(host.sent("orders", "order.new.us", ago=3, queue="search.index"))
    assert host.shown() == (("audit", "us"), "routing")
    assert (host.task().queue, host.task().sent_queue) == (None, "search.index")
    assert found(queue="us") == found(queue="audit") == ["t1"]
    assert found(queue="search.index") == found(queue="eu") == []
    host.round(host.event("received", ago=2))
    assert host.shown() == (("us",), "both")
    assert (found(queue="us"), found(queue="audit"), found(queue="us", states=("RECEIVED",))) == (["t1"], [], ["t1"])


def test_without_the_senders_event_the_only_queue_of_the_node_that_received_it_shows(host: Host) -> None:
    host.shape(ORDERS, host.now - LONG)
    host.worker("one@h", "us")
    host.worker("two@h", "us", "eu")
    host.round(host.event("received", "a", hostname="one@h"), host.event("received", "b", hostname="two@h"))
    assert host.shown("a") == (("us",), "worker")
    assert host.shown("b") == ((), "")
    assert "no event of its sender" in str(host.task("b").queue_reason)


def test_a_node_that_lists_its_queues_later_decides_about_what_it_received_before(host: Host) -> None:
    host.shape(ORDERS, host.now - LONG)
    host.workers["w@h"] = WorkerState("w@h", host.now, state="online")
    host.round(host.sent("orders", "order.new.us", ago=3), host.event("received", ago=2), host.event("succeeded", ago=1))
    assert host.shown() == (("audit", "us"), "routing")
    host.worker("w@h", "us", "eu")
    host.round()
    assert host.shown() == (("us",), "both")


def test_a_queue_that_a_poll_sees_after_its_first_tasks_is_found_for_them_too(host: Host) -> None:
    host.shape(ORDERS, host.now - LONG)
    host.round(host.sent("", "new", "a", ago=5), host.sent("orders", "order.new.us", "b", ago=300), host.sent("orders", "order.new.us", "c", ago=5))
    assert host.task("a").queue_reason == "no queue new was known then"
    host.shape([*ORDERS, ("orders", "order.new.us", "us.new"), ("elsewhere", "new", "new")], host.now - timedelta(seconds=1))
    host.worker("w@h", "new", "us.new")
    host.round(host.event("received", "a"), host.event("received", "c"))
    assert host.shown("a") == (("new",), "both")
    assert host.shown("b") == (("audit", "us"), "routing")  # long before
    assert host.shown("c") == (("us.new",), "both")  # a binding that may have been there, and orders never led to another queue of its node


def test_what_was_decided_before_a_change_was_noticed_is_decided_again(host: Host) -> None:
    host.shape(ORDERS, host.now - LONG)
    host.round(host.sent("orders", "order.new.us", ago=5), host.sent("orders", "order.new.eu", "other", ago=5))
    assert host.shown() == (("audit", "us"), "routing")
    host.shape([*ORDERS, ("orders", "order.new.us", "us.new")], host.now - timedelta(seconds=1))
    host.round()
    assert host.shown() == ((), "")
    assert host.task().queue_reason == "the bindings changed at about the time it was sent"
    assert host.shown("other") == (("audit", "eu"), "routing")


def test_a_binding_that_is_gone_counts_for_the_tasks_of_its_time(host: Host) -> None:
    host.shape(ORDERS, host.now - LONG)
    host.shape([one for one in ORDERS if one[2] != "audit"], host.now - timedelta(minutes=10))
    host.shape([one for one in ORDERS if one[2] != "audit"], host.now)
    host.round(
        host.sent("orders", "order.new.us", "then", ago=1200),
        host.sent("orders", "order.new.us", "now", ago=3),
        host.sent("orders", "order.new.us", "before", ago=7200),
    )
    assert host.shown("then") == (("audit", "us"), "routing")
    assert host.shown("now") == (("us",), "routing")
    assert host.task("before").queue_reason == "the bindings of that time are not known"


def test_a_retry_is_where_it_was_sent_again(host: Host) -> None:
    host.shape([*ORDERS, ("orders", "later", "later")], host.now - LONG)
    host.worker("w@h", "us", "eu")
    host.round(host.sent("orders", "order.new.us", ago=9, queue="search.index"), host.event("received", ago=8), host.event("started", ago=7))
    host.round(host.sent("orders", "later", ago=6), host.event("retried", ago=5))
    assert host.shown() == (("later",), "routing")
    assert host.task().sent_queue is None
    host.round(host.event("received", ago=4, hostname="v@h"))
    assert host.shown() == (("later",), "routing")


def test_while_the_broker_is_not_polled_the_bindings_count_only_with_the_node_that_received_it(host: Host) -> None:
    host.shape(ORDERS, host.now - LONG)
    host.worker("w@h", "us", "eu")
    before = host.now - timedelta(minutes=10)
    host.round(host.sent("orders", "order.new.us", "a", ago=5), host.sent("orders", "order.new.us", "b", ago=5), polled_at=before)
    host.round(host.event("received", "b", ago=4), polled_at=before)
    assert host.shown("a") == ((), "")
    assert str(host.task("a").queue_reason).startswith("the bindings were last read at ")
    assert host.shown("b") == (("us",), "both")
    host.round()
    assert host.shown("a") == (("audit", "us"), "routing")


def test_tasks_that_came_before_the_first_poll_are_placed_after_it(host: Host) -> None:
    host.shape(ORDERS, host.now - LONG)
    host.round(host.sent("orders", "order.new.us", "a", ago=5), never_polled=True)
    assert (host.shown("a"), host.task("a").queue_reason) == (((), ""), "the bindings have not been read yet")
    host.round()
    assert host.shown("a") == (("audit", "us"), "routing")


@pytest.mark.parametrize(("part", "counts"), [("bindings", False), ("exchanges", False), ("policies", False), ("nodes", True)])
def test_bindings_are_as_old_as_the_part_of_the_topology_that_fails_whatever_else_is_polled(host: Host, part: str, counts: bool) -> None:
    host.shape(ORDERS, host.now - LONG)
    host.round(host.sent("orders", "order.new.us", "a", ago=5), unread=(part, host.now - timedelta(minutes=10)))
    assert host.shown("a") == ((("audit", "us"), "routing") if counts else ((), ""))
    host.round(host.sent("orders", "order.new.us", "b", ago=5), unread=(part, host.now - timedelta(seconds=30)))
    assert host.shown("b") == (("audit", "us"), "routing")
    host.round()
    assert host.shown("a") == (("audit", "us"), "routing")


def test_rounds_without_a_change_query_once_for_many_tasks(host: Host) -> None:
    host.shape(ORDERS, host.now - LONG)
    host.round(host.sent("orders", "order.new.us", "first", ago=3))
    events = [host.sent("orders", f"order.new.{region}", f"t{number}", ago=2) for number, region in enumerate(("us", "eu") * 50)]
    with CaptureQueriesContext(connection) as captured:
        host.round(*events)
    assert [each["sql"] for each in captured if "brokers_binding" in each["sql"] and "routing_key" in each["sql"]] == []
    assert len(found(queue="us", vhost="/")) == 51


def test_routing_costs_little_where_every_task_has_another_key(host: Host) -> None:
    host.shape([*ORDERS, *(("orders", f"order.{number}.*", "us") for number in range(500))], host.now - LONG)
    events = [host.sent("orders", f"order.{number}.us", f"t{number}", ago=2) for number in range(2000)]
    began = time.process_time()
    host.round(*events)
    assert time.process_time() - began < 5
    assert len(host.watch._queues._routes) <= queue_watch.MOST_ROUTES
