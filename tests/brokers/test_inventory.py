"""The inventory of a broker delays no depth, costs the broker a bounded share of its time, and is read sooner after a sign of change."""

from __future__ import annotations

from typing import Any

import pytest

from brokers import parts, store
from brokers.management.management_api import Limits, ManagementApi
from brokers.models import Binding, Broker, Change, Queue, VirtualHost
from brokers.polling import leases
from brokers.polling.inventory import read_inventory
from brokers.polling.poll_loop import PollLoop
from brokers.polling.poll_memory import FEW_EXCHANGES, PollMemory
from brokers.polling.polled_topology import MANY_BINDINGS
from tests.brokers.facts import NOON, after
from tests.brokers.management import FakeManagement, InstantApi, binding, queue
from tests.brokers.polled import poll_once, run_rounds, save_whole_poll
from tests.brokers.test_pollbrokers import depth_of, polling
from tests.fault_server import Answer, FaultServer
from tests.waiting import wait_until

MANY = {f"q{number}": number for number in range(1001)}


@pytest.fixture
def broker(fault_server: FaultServer) -> FakeManagement:
    return FakeManagement(fault_server)


def many_bindings(count: int = 2001, vhost: str = "/") -> list[dict[str, Any]]:
    return [binding("orders", "mail", str(number)) | {"vhost": vhost} for number in range(count)]


@pytest.mark.django_db(transaction=True)
def test_depths_are_stored_while_a_list_of_the_inventory_takes_its_time(broker: FakeManagement) -> None:
    broker.set_queues({"mail": 3})
    broker.set("bindings", Answer(delay_seconds=600))
    with polling(broker.address(), limits=Limits(read_seconds=900, total_seconds=900)):
        wait_until(lambda: any(request.path == "/api/bindings" for request in broker.server.requests))
        broker.set("overview", {**broker.overview, "object_totals": {"queues": 1}})
        broker.set("queues", [queue("mail", messages_ready=5)])
        wait_until(lambda: depth_of("mail") == 5)


class Counting:
    """A broker with many bindings that counts the transactions on its definitions."""

    def __init__(self, broker: FakeManagement) -> None:
        self.broker, self.api, self.memory = broker, broker.api(), PollMemory()
        broker.set_bindings(many_bindings())
        broker.set_queues({"mail": 0})

    def reads_bindings(self, seconds: float, transactions: int | None, uptime: float) -> bool:
        """True if a poll at that time requests the bindings."""
        node = {"name": "rabbit@a", "running": True, "uptime": int(1000 * uptime), "mnesia_ram_tx_count": transactions, "mnesia_disk_tx_count": 5}
        self.broker.set("nodes", [node])
        self.broker.requested()
        poll_once(self.api, after(seconds), self.memory)
        return "bindings" in self.broker.requested()


def test_where_the_broker_counts_changes_many_bindings_are_read_after_one_and_else_rarely(broker: FakeManagement) -> None:
    counting = Counting(broker)
    counting.api.said_seconds = 0.0
    assert counting.reads_bindings(0, 7, 0)
    counting.memory.inventory.topology = type(counting.memory.inventory.topology)(NOON, 0.5, counting.memory.depths.definitions_sign)  # it takes half a second
    assert [counting.reads_bindings(seconds, 7, seconds) for seconds in range(5, 60, 5)] == [False] * 11
    assert counting.reads_bindings(60, 8, 60)
    assert not counting.reads_bindings(65, 8, 65)


@pytest.mark.parametrize("transactions", [None, 7])
def test_counts_that_are_missing_or_old_are_no_sign_and_many_bindings_are_read_every_half_minute(broker: FakeManagement, transactions: int | None) -> None:
    counting = Counting(broker)
    read = [counting.reads_bindings(seconds, transactions, 0) for seconds in range(0, 60, 5)]
    assert read == [seconds in (0, 30) for seconds in range(0, 60, 5)]


def test_a_page_that_shows_bindings_has_them_read_every_half_minute(broker: FakeManagement) -> None:
    counting = Counting(broker)
    counting.reads_bindings(0, 7, 0)
    counting.memory.inventory.topology = type(counting.memory.inventory.topology)(NOON, 0.5, counting.memory.depths.definitions_sign)
    counting.reads_bindings(35, 7, 35)
    broker.requested()
    read_inventory(counting.api, after(35), counting.memory, viewed_exchanges=[("/", "orders")])
    assert "bindings" in broker.requested()


def page(rows: list[dict[str, Any]], pages: int) -> dict[str, Any]:
    return {"items": rows, "page_count": pages, "page_size": 500}


class Costly(InstantApi):
    """Each page of connections takes its broker half a second."""

    def connections_page(self, number: int) -> Any:
        self.said_seconds += 0.5
        return super().connections_page(number)


def test_many_connections_are_read_by_pages_over_several_rounds(broker: FakeManagement) -> None:
    broker.set_queues({})
    broker.set("overview", {**broker.overview, "object_totals": {"queues": 0, "connections": 1200}})
    rows = [{"vhost": "/", "name": f"c{number}"} for number in range(1200)]
    api, memory = Costly(broker.address()), PollMemory()
    memory.inventory.clients = type(memory.inventory.clients)(after(-3600))  # what was never read waits for no budget
    broker.set("connections", page(rows[:500], 3), page(rows[500:1000], 3), page(rows[1000:], 3))
    read, requested_at = {}, []
    for seconds in range(0, 60, 5):
        broker.requested()
        found = poll_once(api, after(seconds), memory)
        requested_at += [seconds] * broker.requested().count("connections")
        if found.connections is not None:
            read[seconds] = [client.name for client in found.connections]
    assert requested_at == [0, 5, 15]  # 10 s for half a second, 5 s of them in advance
    assert read == {15: [row["name"] for row in rows]}


def test_a_broker_without_pages_answers_the_first_with_all(broker: FakeManagement) -> None:
    broker.set("connections", [{"vhost": "/", "name": "c"}])
    found = broker.api().connections_page(1)
    assert ([client.name for client in found.rows], found.is_last) == (["c"], True)


def test_very_many_bindings_are_read_virtual_host_by_virtual_host(broker: FakeManagement) -> None:
    broker.set("vhosts", [{"name": "/"}, {"name": "shop"}])
    broker.set("exchanges", [{"vhost": vhost, "name": "", "type": "direct"} for vhost in ("/", "shop")])
    broker.set_queues({"mail": 0})
    api, memory = broker.api(), PollMemory()
    memory.inventory.binding_count = MANY_BINDINGS + 1
    broker.set("bindings//", many_bindings(3))
    broker.set("bindings/shop", many_bindings(2, "shop"))
    topologies = poll_once(api, NOON, memory).topologies
    assert topologies is not None
    assert {vhost: len(topology.bindings) for vhost, topology in topologies.items()} == {"/": 3, "shop": 2}


def test_a_queue_that_was_just_declared_is_shown_at_once_and_its_list_is_not_read_for_it(broker: FakeManagement) -> None:
    broker.set_queues(MANY)
    broker.set_metrics(dict.fromkeys(MANY, (1, 0, 0)))
    api, memory = broker.api(), PollMemory()
    poll_once(api, NOON, memory)
    more = MANY | {"new": 4}
    broker.set("overview", {**broker.overview, "object_totals": {"queues": len(more)}})
    broker.set_metrics(dict.fromkeys(more, (4, 0, 0)))
    broker.set("queues///new", queue("new", type="quorum"))
    broker.requested()
    stats = poll_once(api, after(5), memory).stats
    new = stats.queues["/", "new"]
    assert (new.ready, new.type, stats.depth_source, "queues" in broker.requested()) == (4, "quorum", "detailed", False)
    broker.set("overview", {**broker.overview, "object_totals": {"queues": len(MANY)}})
    broker.set_metrics(dict.fromkeys(MANY, (1, 0, 0)))
    stats = poll_once(api, after(10), memory).stats
    assert (("/", "new") in stats.queues, stats.lists_all, stats.depth_source) == (False, True, "detailed")


@pytest.mark.parametrize("listed", [True, False])
def test_consumers_of_many_queues_are_counted_when_a_total_changes_and_every_half_minute_where_they_are_not_listed(
    broker: FakeManagement, listed: bool
) -> None:  # fmt: skip
    broker.set_queues(MANY)
    if not listed:
        broker.fail("consumers", 500)
    api, memory = InstantApi(broker.address()), PollMemory()
    counted, consumers = [], []
    for seconds, total in ((0, 0), (5, 0), (10, 1), (15, 1), (40, 1)):
        broker.set("overview", {**broker.overview, "object_totals": {"queues": len(MANY), "consumers": total}})
        broker.set_metrics(dict.fromkeys(MANY, (1, 0, total)))
        broker.requested()
        stats = poll_once(api, after(seconds), memory).stats
        counted.append(any("queue_consumer_count" in request.query for request in broker.server.requests))
        consumers.append(stats.queues["/", "q1"].consumers)
    assert consumers == [0, 0, 1, 1, 1]
    assert counted == [True, False, True, False, not listed]


def test_consumers_of_many_queues_are_counted_when_their_list_changes_though_totals_do_not(broker: FakeManagement) -> None:
    broker.set_queues(MANY)
    broker.set_metrics(dict.fromkeys(MANY, (1, 0, 0)))
    api, memory, counted = InstantApi(broker.address()), PollMemory(), []
    for seconds, name in ((0, "q1"), (5, "q1"), (40, "q2"), (45, "q2"), (50, "q2"), (80, "q2"), (85, "q2")):
        broker.set("consumers", [{"queue": {"vhost": "/", "name": name}, "consumer_tag": "t", "channel_details": {}}])
        broker.requested()
        poll_once(api, after(seconds), memory)
        counted.append((seconds, any("queue_consumer_count" in request.query for request in broker.server.requests)))
    assert [seconds for seconds, was in counted if was] == [0, 5, 45]  # after the lists of 0 and of 40 s


@pytest.mark.django_db
def test_rows_of_a_virtual_host_that_is_no_longer_visible_are_kept_though_exchanges_are_many(broker: FakeManagement) -> None:
    exchanges = [{"vhost": vhost, "name": f"x{number}", "type": "topic"} for vhost in ("/", "shop") for number in range(FEW_EXCHANGES)]
    broker.set("vhosts", [{"name": "/"}, {"name": "shop"}])
    broker.set("exchanges", exchanges)
    both = [queue("mail", messages_ready=1), queue("orders", messages_ready=1) | {"vhost": "shop"}]
    row, memory, polls, api = store.ensure_brokers([broker.address()], NOON)["prod"], store.BrokerMemory(), PollMemory(), broker.api()
    for number in range(4):
        if number == 1:  # somebody takes the permissions away
            broker.set("exchanges", exchanges[:FEW_EXCHANGES])
        broker.set("queues", both[: 1 if number else 2])
        broker.set("overview", {**broker.overview, "object_totals": {"queues": 1 if number else 2}})
        save_whole_poll(row.pk, poll_once(api, after(5 * number), polls), after(5 * number), memory)
    assert sorted(Queue.objects.filter(gone_at=None).values_list("name", "ready")) == [("mail", 1), ("orders", None)]
    assert dict(VirtualHost.objects.values_list("name", "visible")) == {"/": True, "shop": False}


@pytest.mark.django_db
def test_another_password_is_a_change_of_its_user_and_nothing_of_it_is_stored(broker: FakeManagement) -> None:
    broker.set_queues({"mail": 1})
    broker.set("whoami", {"name": "ann", "tags": ["administrator"]})
    for path in ("permissions", "topic-permissions"):
        broker.set(path, [])
    row, memory, polls, api = store.ensure_brokers([broker.address()], NOON)["prod"], store.BrokerMemory(), PollMemory(), broker.api()
    for number, salted in enumerate(("b25l", "b25l", "dHdv", "dHdv")):
        broker.set("users", [{"name": "bob", "tags": [], "password_hash": salted}])
        save_whole_poll(row.pk, poll_once(api, after(40 * number), polls), after(40 * number), memory)
    assert [(one.name, one.text, one.earlier_at) for one in Change.objects.filter(kind="user")] == [("bob", "User bob has another password", after(40))]
    assert Broker.objects.get().users == {"bob": []}


@pytest.mark.django_db
def test_a_virtual_host_that_was_deleted_and_made_anew_gets_its_bindings_again(broker: FakeManagement) -> None:
    broker.set_queues({"mail": 3})
    broker.set("vhosts", [{"name": "/"}, {"name": "shop"}])
    broker.set("exchanges", [{"vhost": vhost, "name": "", "type": "direct"} for vhost in ("/", "shop")])
    broker.set_bindings([binding("", "mail", "mail") | {"vhost": "shop"}])
    pk = store.ensure_brokers([broker.address()], NOON)["prod"].pk
    loop = PollLoop(broker.address(), pk, "a", 5.0, api=broker.api())
    run_rounds(loop)
    assert Binding.objects.get(gone_at=None).vhost == "shop"
    broker.set("vhosts", [{"name": "/"}])
    loop.run_round()  # between two readings of the inventory
    assert not Binding.objects.filter(gone_at=None).exists()
    broker.set("vhosts", [{"name": "/"}, {"name": "shop"}])
    run_rounds(loop)
    assert Binding.objects.get(gone_at=None).vhost == "shop"


@pytest.mark.django_db
def test_what_a_poll_and_the_topology_cost_is_stored_with_when_it_was_read(broker: FakeManagement) -> None:
    class Slow(InstantApi):
        def get(self, path: str, params: Any = None) -> bytes:
            self.said_seconds += {"/api/overview": 0.25, "/api/bindings": 0.5}.get(path, 0.0)
            return ManagementApi.get(self, path, params)

    broker.set_bindings(many_bindings())
    broker.set_queues({"mail": 3})
    row = store.ensure_brokers([broker.address()], NOON)["prod"]
    save_whole_poll(row.pk, poll_once(Slow(broker.address()), NOON, PollMemory()), after(1), store.BrokerMemory())
    found = Broker.objects.get()
    assert (found.poll_busy_seconds, found.topology_busy_seconds, found.topology_every_seconds, found.topology_at) == (0.25, 0.5, 30.0, NOON)


def test_no_list_waits_for_ever_behind_a_costly_one(broker: FakeManagement) -> None:
    class Slow(InstantApi):
        def get(self, path: str, params: Any = None) -> bytes:
            self.said_seconds += 1.0 if path == "/api/bindings" else 0.0
            return ManagementApi.get(self, path, params)

    broker.set_bindings(many_bindings())
    api, memory, read = Slow(broker.address()), PollMemory(), {"bindings": 0, "consumers": 0}
    for number in range(60):  # queues come and go at each poll
        broker.set_queues({f"mail{number}": 0})
        broker.requested()
        poll_once(api, after(5 * number), memory)
        requested = broker.requested()
        read = {name: count + (name in requested) for name, count in read.items()}
    assert 10 <= read["bindings"] <= 300 / 20 + 1
    assert read["consumers"] >= 10
    assert parts.BINDINGS not in memory.unread


def test_a_queue_that_did_not_change_is_the_very_object_of_the_poll_before_and_one_on_an_open_page_is_not(broker: FakeManagement) -> None:
    broker.set_queues(MANY)
    broker.set("queues///q3", queue("q3", messages_ready=1, memory=9, message_stats={"publish": 4}))
    api, memory, found = broker.api(), PollMemory(), []
    for seconds, ready, viewed in ((0, 1, []), (5, 1, []), (10, 1, [("/", "q3")]), (15, 2, [])):  # the first poll learns what they are
        broker.set_metrics({name: (ready if name == "q1" else 1, 0, 0) for name in MANY})
        found.append(poll_once(api, after(seconds), memory, viewed_queues=viewed).stats.queues)
    first, second, third = found[1:]
    assert [second["/", name] is first["/", name] for name in ("q1", "q2", "q3")] == [True, True, False]
    assert [third["/", name] is second["/", name] for name in ("q1", "q2")] == [False, True]
    assert [queues["/", "q3"].published for queues in found[1:]] == [None, 4, None]
    assert [queues["/", "q1"].ready for queues in found] == [1, 1, 1, 2]


@pytest.mark.django_db(transaction=True)
def test_what_another_process_stored_meanwhile_is_stored_anew_though_the_lists_are_as_before(broker: FakeManagement) -> None:
    broker.set_queues({"mail": 0})
    loops = {name: PollLoop(broker.address(), store.ensure_brokers([broker.address()], NOON)["prod"].pk, name, 5.0, api=broker.api()) for name in "ab"}
    run_rounds(loops["a"])
    leases.release("poll prod", "a")  # stopped for longer than its lease lasts, without noticing
    broker.set_bindings([binding("orders", "mail", "added")])
    run_rounds(loops["b"])
    assert Binding.objects.filter(gone_at=None).count() == 1
    leases.release("poll prod", "b")
    broker.set_bindings([])
    run_rounds(loops["a"])
    assert not Binding.objects.filter(gone_at=None).exists()


def test_what_could_not_be_stored_is_read_again_within_the_budget(broker: FakeManagement) -> None:
    class Slow(InstantApi):
        def get(self, path: str, params: Any = None) -> bytes:
            self.said_seconds += 1.0 if path == "/api/bindings" else 0.0
            return ManagementApi.get(self, path, params)

    broker.set_bindings(many_bindings())
    broker.set_queues({"mail": 0})
    api, memory, read = Slow(broker.address()), PollMemory(), []
    for seconds in range(0, 40, 5):
        broker.requested()
        poll_once(api, after(seconds), memory)
        read += [seconds] * broker.requested().count("bindings")
        memory.inventory = memory.inventory.reset()  # as after each round of a database that can't be written
    assert read == [0, 15, 35]


@pytest.mark.parametrize(("policy_of_new", "read_at"), [(None, [0, 605]), ("p", [0])])
def test_policies_of_many_new_queues_are_read_within_ten_minutes_and_known_ones_are_not_read_again(
    broker: FakeManagement, policy_of_new: str | None, read_at: list[int]
) -> None:
    api, memory, found = broker.api(), PollMemory(), []
    new = {f"new{number}": 0 for number in range(30)}
    for seconds, names in ((0, MANY), (5, MANY | new), (300, MANY | new), (605, MANY | new), (610, MANY | new)):
        broker.set_queues(names)
        broker.set_metrics(dict.fromkeys(names, (1, 0, 0)))
        unknown = {} if policy_of_new else {"policy": None}
        listed = [{name: value for name, value in queue(each, **(unknown if each in new else {})).items() if value is not None} for each in names]
        broker.set("queues", listed)
        broker.requested()
        poll_once(api, after(seconds), memory)
        if any("effective_policy_definition" in request.query for request in broker.server.requests if request.path == "/api/queues"):
            found.append(seconds)
    assert found == read_at
