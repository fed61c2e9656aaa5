"""A poll, and the inventory, is stored as a whole or not at all, by whoever has the lease, however long it takes."""

from __future__ import annotations

import itertools
import sqlite3
import threading
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import pytest
from django.db import connection

from brokers import queries, store
from brokers.database import engine
from brokers.management.management_api import ManagementApi
from brokers.models import Binding, Broker, Connection, Consumer, Permission, PollAttempt, Queue
from brokers.polling import leases
from brokers.polling.broker_lease import LEASE_SECONDS
from brokers.polling.clients import Clients
from brokers.polling.inventory import Inventory
from brokers.polling.poll_loop import PollLoop
from brokers.polling.poll_memory import Permissions
from brokers.polling.polled_topology import ReadTopologies
from brokers.scope import EVERYTHING
from brokers.stats import ConnectionStats, ConsumerStats
from brokers.topology import WritePermission
from tests.brokers.facts import NOON, a_broker, a_poll, a_queue, a_topology, after
from tests.brokers.management import QUICK, FakeManagement
from tests.brokers.polled import Poll, run_rounds, save_whole_poll
from tests.brokers.simulated_time import SimulatedTime
from tests.fault_server import FaultServer
from tests.postgres import on_sqlite


@pytest.fixture
def management(fault_server: FaultServer) -> FakeManagement:
    return FakeManagement(fault_server)


def whole_poll(seconds: float, keys: tuple[str, ...], publishers: Any = None) -> Poll:
    bindings = [("orders", key, "mail") for key in keys]
    consumer, client = ConsumerStats("/", "mail", f"tag {seconds}"), ConnectionStats("/", f"client {seconds}", "ann", "host")
    inventory = Inventory(
        after(seconds),
        ReadTopologies({"/": a_topology(*bindings)}, frozenset(), changed=True),
        Clients([consumer], [client], []),
        Permissions(True, (WritePermission("/", f"user {seconds}", ".*"),)),
        {("/", "orders"): publishers},
    )
    return Poll(a_poll(after(seconds), a_queue("mail", ready=len(keys), unacknowledged=0, consumers=len(keys))), inventory)


def yes() -> bool:
    return True


SHOWN = (
    "SELECT (SELECT polled_at FROM brokers_broker), (SELECT ready FROM brokers_queue), (SELECT count(*) FROM brokers_binding WHERE gone_at IS NULL),"
    " (SELECT tag FROM brokers_consumer), (SELECT name FROM brokers_connection WHERE gone_at IS NULL), (SELECT user FROM brokers_permission),"
    " (SELECT publishers FROM brokers_exchange WHERE name = 'orders')"
)


@on_sqlite
@pytest.mark.django_db(transaction=True)
def test_no_reader_sees_a_part_of_a_poll_or_of_an_inventory() -> None:
    broker, memory, poll = a_broker(), store.BrokerMemory(), whole_poll(5, ("a", "b"), [{"host": "web"}])
    save_whole_poll(broker.pk, whole_poll(0, ("a",), []), NOON, memory, yes)
    with closing(sqlite3.connect(connection.settings_dict["NAME"])) as reader:
        first = reader.execute(SHOWN).fetchone()
        seen: list[Any] = []

        def look(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
            seen.append(reader.execute(SHOWN).fetchone())
            return execute(sql, parameters, many, context)

        with connection.execute_wrapper(look):
            store.save_depths(broker.pk, poll.stats, after(5), memory, yes)
        assert len(seen) > 10
        assert set(seen) == {first}
        polled = reader.execute(SHOWN).fetchone()
        assert [was != is_now for was, is_now in zip(first, polled, strict=True)] == [True, True, False, False, False, False, False]
        seen.clear()
        with connection.execute_wrapper(look):
            store.save_inventory(broker.pk, poll.inventory, memory, yes)
        assert len(seen) > 10
        assert set(seen) == {polled}
        now = reader.execute(SHOWN).fetchone()
    assert all(was != is_now for was, is_now in zip(first, now, strict=True))


@pytest.mark.django_db(transaction=True)
def test_a_failure_in_the_last_step_leaves_nothing_of_the_inventory_and_the_next_one_stores_all() -> None:
    broker, memory = a_broker(), store.BrokerMemory()
    save_whole_poll(broker.pk, whole_poll(0, ("a",)), NOON, memory, yes)
    with pytest.raises(TypeError):
        save_whole_poll(broker.pk, whole_poll(5, ("a", "b"), [{"host": object()}]), after(5), memory, yes)
    assert stored() == (after(5), 2, ["a"], ["tag 0"], ["client 0"], ["user 0"])
    save_whole_poll(broker.pk, whole_poll(10, ("a", "b")), after(10), memory, yes)
    assert stored() == (after(10), 2, ["a", "b"], ["tag 10"], ["client 10"], ["user 10"])


@pytest.mark.django_db(transaction=True)
def test_whoever_may_no_longer_store_stores_nothing() -> None:
    broker, memory = a_broker(), store.BrokerMemory()
    save_whole_poll(broker.pk, whole_poll(0, ("a",)), NOON, memory, yes)
    assert not save_whole_poll(broker.pk, whole_poll(5, ("a", "b")), after(5), memory, lambda: False)
    assert not store.save_failure(broker.pk, Broker.UNREACHABLE, "refused", after(5), 1.0, memory, lambda: False)
    assert stored() == (NOON, 1, ["a"], ["tag 0"], ["client 0"], ["user 0"])
    assert Broker.objects.get().state == Broker.UP


def stored() -> tuple[Any, ...]:
    keys = Binding.objects.filter(gone_at=None, source="orders").values_list("routing_key", flat=True)
    names = (
        Consumer.objects.values_list("tag", flat=True),
        Connection.objects.filter(gone_at=None).values_list("name", flat=True),
        Permission.objects.values_list("user", flat=True),
    )
    return (Broker.objects.get().polled_at, Queue.objects.get().ready, sorted(keys), *map(list, names))


class SlowApi(ManagementApi):
    """Every answer takes its time, and the thirteen of a first poll and inventory about 50 s."""

    def __init__(self, management: FakeManagement, time: SimulatedTime) -> None:
        super().__init__(management.address(), limits=QUICK)
        self._time = time

    def get(self, path: str, params: Mapping[str, str] | None = None) -> bytes:
        self._time.sleep(4.0)
        return super().get(path, params)


@pytest.mark.django_db(transaction=True)
def test_of_two_pollers_whose_polls_take_longer_than_the_lease_one_stores_every_poll(management: FakeManagement) -> None:
    management.set_queues({"mail": 3})
    time, broker = SimulatedTime(), store.ensure_brokers([management.address()], NOON)["prod"]
    loops = [PollLoop(management.address(), broker.pk, name, 5.0, api=SlowApi(management, time), clock=time) for name in ("first", "second")]
    rounds: dict[str, list[bool]] = {"first": [], "second": []}

    def poll(loop: PollLoop) -> None:
        try:
            while time.monotonic() < 20 * 60:
                wait = run_rounds(loop)
                rounds[loop.holder].append(loop.standing_by)
                time.sleep(wait)
        finally:
            connection.close()

    time.run([lambda loop=loop: poll(loop) for loop in loops])
    attempts = list(PollAttempt.objects.order_by("at").values_list("at", flat=True))
    assert not any(rounds["first"])
    assert all(rounds["second"])
    assert len(attempts) == len(rounds["first"]) > 15
    assert all((later - earlier).total_seconds() > LEASE_SECONDS for earlier, later in itertools.pairwise(attempts))
    found = queries.queue(EVERYTHING, "prod", "/", "mail")
    assert found is not None and found.depth == 3


@pytest.mark.django_db(transaction=True)
def test_a_poller_that_lost_its_lease_during_a_poll_stores_nothing_and_stands_by(management: FakeManagement) -> None:
    class StolenLease(SlowApi):
        def get(self, path: str, params: Mapping[str, str] | None = None) -> bytes:
            if path == "/api/vhosts":
                leases.release("poll prod", "first")
                leases.take("poll prod", "second", time.now(), 600)
            return super().get(path, params)

    time, broker = SimulatedTime(), store.ensure_brokers([management.address()], NOON)["prod"]
    loop = PollLoop(management.address(), broker.pk, "first", 5.0, api=StolenLease(management, time), clock=time)

    def poll() -> None:
        loop.run_round()
        connection.close()

    time.run([poll])
    assert loop.standing_by
    assert time.monotonic() <= 15  # noticed at the next request, not after all of them
    assert (queries.poll_attempts(EVERYTHING), Queue.objects.count()) == ([], 0)


@pytest.mark.django_db(transaction=True)
def test_what_differs_of_an_inventory_is_worked_out_before_others_have_to_wait_for_it() -> None:
    broker, memory, within = a_broker(), store.BrokerMemory(), []
    save_whole_poll(broker.pk, whole_poll(0, ("a",), []), NOON, memory, yes)

    def note(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        within.append((sql.partition(" ")[0], connection.in_atomic_block, "brokers_binding" in sql))
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(note):
        store.save_inventory(broker.pk, whole_poll(5, ("a", "b"), []).inventory, memory, yes)
    assert ("SELECT", False, True) in within
    assert ("INSERT", True, True) in within
    assert ("SELECT", True, True) not in within


@on_sqlite
@pytest.mark.django_db
def test_sqlite_does_not_write_its_log_back_while_somebody_waits_for_a_poll() -> None:
    def pages() -> int:
        with connection.cursor() as cursor:
            return int(cursor.execute("PRAGMA wal_autocheckpoint").fetchone()[0])

    with engine.written_back_later():
        assert pages() == 0
    assert pages() == engine.PAGES_TO_WRITE_BACK


class RequestsAtEachWait(threading.Event):
    """How many requests there were whenever somebody waited for it."""

    def __init__(self, management: FakeManagement) -> None:
        super().__init__()
        self.management, self.counts = management, list[int]()

    def wait(self, timeout: float | None = None) -> bool:
        self.counts.append(len(self.management.server.requests))
        return super().wait(timeout)


@pytest.mark.django_db
def test_the_inventory_lets_depths_pass_before_each_request_and_before_it_is_stored(management: FakeManagement) -> None:
    management.set_queues({"mail": 1})
    apis = [ManagementApi(management.address(), limits=QUICK) for _ in range(2)]
    loop = PollLoop(management.address(), a_broker().pk, "a", 5.0, api=apis[0], inventory_api=apis[1])
    passed = loop._memory.depths_are_stored = RequestsAtEachWait(management)
    loop.run_round()
    assert passed.is_set() and passed.counts == []
    management.requested()
    loop.inventory.run_round()
    requests = len(management.requested())
    assert requests > 5
    assert passed.counts == [*range(requests), requests]


@pytest.mark.django_db
def test_depths_that_are_being_read_have_the_inventory_wait_until_they_are_stored_or_failed(management: FakeManagement) -> None:
    waited: list[bool] = []
    loop = PollLoop(management.address(), a_broker().pk, "a", 5.0, api=ManagementApi(management.address(), limits=QUICK))
    was_renewed = loop._api.before_request

    def before_request() -> None:
        waited.append(loop._memory.depths_are_stored.is_set())
        was_renewed()

    loop._api.before_request = before_request
    for path in ("queues", "overview"):
        loop.run_round()
        assert waited and not any(waited) and loop._memory.depths_are_stored.is_set()
        management.fail(path, 500)
