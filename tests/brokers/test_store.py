"""Storing polls: current rows, snapshots, changes, failures."""

from __future__ import annotations

import pytest

from brokers import parts, queries, store
from brokers.models import Broker, Queue, Snapshot
from brokers.scope import EVERYTHING
from brokers.stats import ExchangeStats, NodeStats, VhostStats
from brokers.store import BrokerMemory
from tests.brokers.facts import NOON, a_broker, a_poll, a_queue, a_topology, after

pytestmark = pytest.mark.django_db


def texts(broker: Broker) -> list[str]:
    return [change.text for change in queries.changes(EVERYTHING, broker.pk)]


def the_queue(name: str) -> Queue:
    return Queue.objects.get(name=name, gone_at=None)


def test_the_first_poll_makes_rows_and_no_rates() -> None:
    broker = a_broker()
    store.save_poll(broker.pk, a_poll(NOON, a_queue("mail", ready=3, unacknowledged=2, consumers=1, published=70)), NOON)
    queue, broker = the_queue("mail"), Broker.objects.get()
    assert (queue.depth, queue.highest_depth, queue.publish_per_second, queue.nobody_consumes_since) == (5, 5, None, None)
    assert (broker.state, broker.reason, broker.since, broker.polled_at, broker.revision) == ("up", "", NOON, NOON, 1)
    assert sorted(Snapshot.objects.values_list("kind", "is_key")) == [(kind, True) for kind in ("broker", "exchanges", "nodes", "queues", "vhosts")]
    assert texts(broker) == []
    assert queries.queues(EVERYTHING).items[0].broker.name == "prod"


def test_a_steady_flow_becomes_a_rate_with_the_memory_of_the_poller() -> None:
    broker, memory = a_broker(), BrokerMemory()
    for seconds in (0, 5, 10):
        store.save_poll(broker.pk, a_poll(after(seconds), a_queue("mail", published=24 * seconds)), after(seconds), memory)
    assert the_queue("mail").publish_per_second == 24.0


def test_numbers_that_the_broker_does_not_report_are_unknown_not_zero() -> None:
    broker = a_broker()
    store.save_poll(broker.pk, a_poll(NOON, a_queue("mail")), NOON)
    queue, broker = the_queue("mail"), Broker.objects.get()
    assert (queue.ready, queue.depth, queue.consumers, queue.memory_bytes, queue.highest_depth) == (None,) * 5
    assert (broker.ready, broker.publish_per_second) == (None, None)


def test_only_changed_rows_are_touched_and_every_poll_is_noted() -> None:
    broker, memory = a_broker(), BrokerMemory()
    for seconds, ready in ((0, 1), (5, 2), (10, 2)):
        store.save_poll(broker.pk, a_poll(after(seconds), a_queue("mail", ready=ready), a_queue("idle", ready=0)), after(seconds), memory)
    assert (the_queue("mail").changed_at, the_queue("idle").changed_at) == (after(5), NOON)
    broker = Broker.objects.get()
    assert (broker.polled_at, broker.revision) == (after(10), 3)
    assert [attempt.answered for attempt in queries.poll_attempts(EVERYTHING, broker.pk)] == [True] * 3
    assert Snapshot.objects.filter(kind="queues").count() == 3


def test_another_process_may_poll_in_between() -> None:
    broker, one, other = a_broker(), BrokerMemory(), BrokerMemory()
    store.save_poll(broker.pk, a_poll(NOON, a_queue("mail", ready=1)), NOON, one)
    store.save_poll(broker.pk, a_poll(after(5), a_queue("mail", ready=2), a_queue("new")), after(5), other)
    store.save_poll(broker.pk, a_poll(after(10), a_queue("mail", ready=1), a_queue("new")), after(10), one)
    assert (the_queue("mail").ready, Queue.objects.count()) == (1, 2)
    assert Snapshot.objects.filter(kind="queues", is_key=True).count() == 3


def test_a_queue_that_two_lists_lack_is_gone_and_one_recreated_is_a_new_row() -> None:
    broker, memory = a_broker(), BrokerMemory()
    for seconds, queues in ((0, [a_queue("mail")]), (5, []), (10, []), (15, [a_queue("mail")])):
        store.save_poll(broker.pk, a_poll(after(seconds), *queues), after(seconds), memory)
    first, second = Queue.objects.order_by("pk")
    assert (first.gone_at, second.gone_at, second.first_seen_at) == (after(10), None, after(15))
    assert texts(broker) == ["Queue mail added", "Queue mail deleted"]


def test_a_queue_that_is_missing_once_or_from_a_list_that_is_not_whole_stays_with_unknown_numbers() -> None:
    broker, memory = a_broker(), BrokerMemory()
    mail = a_queue("mail", ready=7, unacknowledged=0)
    lists = ([mail], [], [mail], None, None, None, [mail], [], None, [mail])
    depths = []
    for number, queues in enumerate(lists):
        at = after(5 * number)
        store.save_poll(broker.pk, a_poll(at, *(queues or []), lists_all=queues is not None), at, memory)
        depths.append(the_queue("mail").depth)
    assert depths == [7, None, 7, None, None, None, 7, None, None, 7]
    assert (Queue.objects.count(), texts(broker)) == (1, [])


def test_since_when_a_queue_with_messages_and_consumers_stands_still() -> None:
    broker, memory, found = a_broker(), BrokerMemory(), []
    polls = ((3, 0), (3, 0), (3, 0), (3, 0), (4, 1), (4, 1), (4, 1), (4, 1), (4, 1), (4, 1))
    for number, (delivered, acknowledged) in enumerate(polls):
        at = after(5 * number)
        counters = {"published": 9, "delivered": delivered, "acknowledged": acknowledged, "redelivered": 0}
        ready, consumers = 0 if number == 8 else 6, 0 if number == 9 else 1
        store.save_poll(broker.pk, a_poll(at, a_queue("mail", ready=ready, unacknowledged=3, consumers=consumers, **counters)), at, memory)
        found.append(the_queue("mail").still_since)
    moves = [None, None]  # the acknowledgement, and while its rate holds
    assert found == [None, after(5), after(5), after(5), *moves, after(30), after(30), None, None]


def test_when_something_was_last_published_to_a_queue_that_nobody_consumes() -> None:
    broker, memory, found = a_broker(), BrokerMemory(), []
    for number, (published, consumers) in enumerate(((3, 0), (4, 0), (4, 0), (4, 0), (4, 0), (5, 1))):
        at = after(5 * number)
        store.save_poll(broker.pk, a_poll(at, a_queue("mail", ready=6, unacknowledged=0, consumers=consumers, published=published)), at, memory)
        found.append(the_queue("mail").last_publish_at)
    assert (found[0], found[-1], found[1] is not None, found[-2] == found[-3]) == (None, None, True, True)


def test_a_queue_of_dead_letters_grows_though_nothing_is_published_to_it() -> None:
    broker, memory, found = a_broker(), BrokerMemory(), []
    for number in range(20):
        at = after(5 * number)
        depth = 2 * min(number, 8)
        store.save_poll(broker.pk, a_poll(at, a_queue("dead", ready=depth, unacknowledged=0, consumers=0)), at, memory)
        found.append((the_queue("dead").growth_per_second, the_queue("dead").last_publish_at))
    assert [growth for growth, _ in found[:2]] == [None, None]
    assert [growth for growth, _ in found[3:9]] == pytest.approx([0.4] * 6)
    assert found[-1] == (0.0, found[-2][1])
    assert found[8][1] == after(40)


def test_a_queue_stands_still_for_longer_than_its_poller_runs() -> None:
    broker, found = a_broker(), []
    for memory in (BrokerMemory(), BrokerMemory()):
        for _ in range(2):
            at = after(5 * len(found))
            counters = {"published": 9, "delivered": 3, "acknowledged": 0, "redelivered": 0}
            store.save_poll(broker.pk, a_poll(at, a_queue("mail", ready=6, unacknowledged=3, consumers=1, **counters)), at, memory)
            found.append(the_queue("mail").still_since)
    assert found == [None, after(5), after(5), after(5)]


def test_the_figures_of_a_virtual_host_are_of_its_own_queues_without_what_streams_keep() -> None:
    broker, memory = a_broker(), BrokerMemory()
    queues = [a_queue("mail", ready=3, unacknowledged=1), a_queue("log", type="stream", ready=9_000, unacknowledged=0), a_queue("x", vhost="shop", ready=50)]
    for seconds in (0, 5):
        counters = {"/": VhostStats("/", None, 10 * seconds, 20 * seconds, 20 * seconds)}
        vhosts = {"vhosts": {"/": False, "shop": False, "hidden": False}, "visible_vhosts": frozenset({"/", "shop"}), "vhost_counters": counters}
        store.save_poll(broker.pk, a_poll(after(seconds), *queues, **vhosts), after(seconds), memory)
    found = {vhost.name: (vhost.ready, vhost.unacknowledged, vhost.publish_per_second) for vhost in queries.virtual_hosts(EVERYTHING, broker.pk)}
    assert found == {"/": (3, 1, 10.0), "shop": (50, None, None), "hidden": (None, None, None)}
    root = queries.virtual_host(EVERYTHING, broker.pk, "/")
    assert root is not None
    assert queries.history(EVERYTHING, broker.pk, "vhosts", root.pk, ["ready"], NOON, after(5), 5).values == {"ready": [3, 3]}


def test_a_queue_made_again_with_another_type_between_two_polls_is_a_new_row() -> None:
    broker, memory = a_broker(), BrokerMemory()
    store.save_poll(broker.pk, a_poll(NOON, a_queue("mail")), NOON, memory)
    store.save_poll(broker.pk, a_poll(after(5), a_queue("mail", type="quorum")), after(5), memory)
    assert list(Queue.objects.order_by("pk").values_list("type", "gone_at")) == [("classic", after(5)), ("quorum", None)]


def test_what_a_source_does_not_report_of_a_queue_stays_as_it_was_known() -> None:
    broker, memory = a_broker(), BrokerMemory()
    store.save_poll(broker.pk, a_poll(NOON, a_queue("mail", arguments={"x-max-length": 5}, policy="limits", node="rabbit@a")), NOON, memory)
    bare = a_queue("mail", type="", durable=None, arguments=None, policy=None, node="")
    store.save_poll(broker.pk, a_poll(after(5), bare), after(5), memory)
    queue = the_queue("mail")
    assert (queue.type, queue.durable, queue.arguments, queue.policy, queue.node) == ("classic", True, {"x-max-length": 5}, "limits", "rabbit@a")


def test_a_policy_that_applies_is_stored_when_it_changes() -> None:
    broker, memory = a_broker(), BrokerMemory()
    store.save_poll(broker.pk, a_poll(NOON, a_queue("mail", policy="")), NOON, memory)
    store.save_poll(broker.pk, a_poll(after(5), a_queue("mail", policy="limits", effective_policy={"max-length": 5})), after(5), memory)
    queue = the_queue("mail")
    assert (queue.policy, queue.effective_policy, queue.changed_at) == ("limits", {"max-length": 5}, after(5))


def test_a_virtual_host_that_may_no_longer_be_looked_into_has_unknown_numbers_and_its_queues_stay() -> None:
    broker, memory = a_broker(), BrokerMemory()
    store.save_poll(broker.pk, a_poll(NOON, a_queue("mail", ready=5, unacknowledged=0)), NOON, memory)
    store.save_poll(broker.pk, a_poll(after(5), visible_vhosts=frozenset()), after(5), memory)
    queue, vhost = the_queue("mail"), queries.virtual_hosts(EVERYTHING, broker.pk)[0]
    assert (queue.ready, queue.depth, vhost.visible) == (None, None, False)


def test_a_virtual_host_that_was_deleted_takes_all_with_it() -> None:
    broker, memory = a_broker(), BrokerMemory()
    for at, vhosts in ((NOON, {"/": False, "shop": True}), (after(5), {"/": False})):
        queues = [a_queue("mail", vhost=vhost) for vhost in vhosts]
        store.save_poll(broker.pk, a_poll(at, *queues, vhosts=vhosts, visible_vhosts=frozenset(vhosts)), at, memory)
        if at == NOON:
            store.save_topology(broker.pk, {"shop": a_topology(("orders", "a", "mail"), vhost="shop")}, None, None, None, at, memory)
    assert [vhost.name for vhost in queries.virtual_hosts(EVERYTHING)] == ["/"]
    assert [queue.vhost for queue in queries.queues(EVERYTHING).items] == ["/"]
    assert queries.exchanges(EVERYTHING).total == len(queries.bindings(EVERYTHING)) == 0
    assert "Virtual host shop deleted" in texts(broker)


def test_since_when_nobody_consumes_a_queue() -> None:
    broker, memory, found = a_broker(), BrokerMemory(), []
    for number, consumers in enumerate((1, 0, 0, None, 0, 2)):
        at = after(5 * number)
        store.save_poll(broker.pk, a_poll(at, a_queue("mail", consumers=consumers)), at, memory)
        found.append(the_queue("mail").nobody_consumes_since)
    assert found == [None, after(5), after(5), None, after(20), None]


def test_the_highest_depth_of_a_day_is_kept_and_then_dropped() -> None:
    broker, memory, found = a_broker(), BrokerMemory(), []
    for hours, ready in ((0, 10), (1, 500), (2, 30), (24, 20), (25.5, 20), (27, 20)):
        at = after(3600 * hours)
        store.save_poll(broker.pk, a_poll(at, a_queue("mail", ready=ready, unacknowledged=0)), at, memory)
        found.append(the_queue("mail").highest_depth)
    assert found == [10, 500, 500, 500, 30, 20]


def test_memory_that_jitters_is_not_a_change() -> None:
    broker, memory = a_broker(), BrokerMemory()
    for number, size in enumerate((55_300, 57_000, 53_000)):
        at = after(5 * number)
        store.save_poll(broker.pk, a_poll(at, a_queue("idle", memory_bytes=size)), at, memory)
    assert (the_queue("idle").memory_bytes, the_queue("idle").changed_at) == (55_296, NOON)


def test_an_idle_queue_that_wakes_up_has_a_rate_over_the_moments_at_which_it_was_seen_idle() -> None:
    broker, memory, found = a_broker(), BrokerMemory(), []
    for number, published in enumerate((7, 7, 7, 7, 7, 57, 107)):
        at = after(5 * number)
        store.save_poll(broker.pk, a_poll(at, a_queue("mail", published=published, delivered=0)), at, memory)
        found.append(the_queue("mail").publish_per_second)
    assert found == [None, 0.0, 0.0, 0.0, 0.0, 5.0, 10.0]
    assert the_queue("mail").deliver_per_second == 0.0


def test_alarms_and_nodes_that_stop_are_changes() -> None:
    broker, memory = a_broker(), BrokerMemory()
    polls = [
        [NodeStats("rabbit@a", True, memory_alarm=False), NodeStats("rabbit@b", True)],
        [NodeStats("rabbit@a", True, memory_alarm=True), NodeStats("rabbit@b", False)],
        [NodeStats("rabbit@a", True, memory_alarm=False)],
    ]
    for number, nodes in enumerate(polls):
        store.save_poll(broker.pk, a_poll(after(5 * number), nodes=nodes), after(5 * number), memory)
        if number == 1:
            assert Broker.objects.get().alarms == [{"node": "rabbit@a", "resource": "memory", "since": after(5).isoformat()}]
    assert sorted(texts(broker)) == [
        "Memory alarm on rabbit@a cleared",
        "Memory alarm on rabbit@a: publishers are blocked",
        "Node rabbit@b is down",
        "Node rabbit@b left the cluster",
    ]
    assert [node.name for node in queries.nodes(EVERYTHING)] == ["rabbit@a"]


def test_the_rates_of_exchanges_are_kept_through_polls_that_did_not_request_them() -> None:
    broker, memory = a_broker(), BrokerMemory()
    store.save_topology(broker.pk, {"/": a_topology(("orders", "a", "mail"))}, None, None, None, NOON, memory)
    for number, exchanges in enumerate(([ExchangeStats("/", "orders", 0, 0)], [ExchangeStats("/", "orders", 50, 100)], [])):
        store.save_poll(broker.pk, a_poll(after(5 * number), exchanges=exchanges), after(5 * number), memory)
    exchange = queries.exchange(EVERYTHING, "prod", "/", "orders")
    assert exchange is not None
    assert (exchange.publish_in_per_second, exchange.publish_out_per_second) == (10.0, 20.0)


def test_detail_requests_expire() -> None:
    broker = a_broker()
    store.save_detail_request(broker.pk, "queue", "/", "mail", after(15))
    store.save_detail_request(broker.pk, "queue", "/", "mail", after(40))
    assert [request.name for request in queries.active_detail_requests(broker.pk, after(39))] == ["mail"]
    assert queries.active_detail_requests(broker.pk, after(40)) == []


def test_brokers_that_are_no_longer_named_stay_but_are_not_shown() -> None:
    old = a_broker("old")
    assert [broker.name for broker in queries.brokers(EVERYTHING)] == ["old"]
    a_broker("new")
    assert [broker.name for broker in queries.brokers(EVERYTHING)] == ["new"]
    assert a_broker("old").pk == old.pk
    assert store.installation_id(NOON) == store.installation_id(after(5)) == queries.installation_id()


def test_history_is_trimmed_but_what_is_kept_stays_readable() -> None:
    broker, memory = a_broker(), BrokerMemory()
    for number in range(0, 3601, 60):
        queues = [a_queue("mail", ready=number), *([a_queue("old")] if number < 60 else [])]
        memory.poll_seconds = 60
        store.save_poll(broker.pk, a_poll(after(number), *queues), after(number), memory)
    gone = Queue.objects.get(name="old")
    assert store.trim_history(after(3600), raw_hours=0.5) > 0
    assert Snapshot.objects.order_by("at")[0].at == after(1800)
    assert not Queue.objects.filter(pk=gone.pk).exists()
    found = queries.history(EVERYTHING, broker.pk, "queues", the_queue("mail").pk, ["ready"], after(1800), after(3600), 900)
    assert found.values == {"ready": [1800, 2700, 3600]}
    assert store.trim_history(after(3600), raw_hours=0.5) == 0
    store.trim_history(after(40 * 86400), raw_hours=0.5)
    assert texts(broker) == [] == queries.poll_attempts(EVERYTHING)


def test_the_default_queue_type_of_a_virtual_host_follows_the_broker_and_is_kept_while_the_list_cant_be_read() -> None:
    broker, memory = a_broker(), BrokerMemory()
    found = []
    for seconds, reported in enumerate(("", "undefined", "quorum", None, "classic")):
        listed = {} if reported is None else {"/": VhostStats("/", False, default_queue_type=reported)}
        failed = frozenset({parts.VHOSTS} if reported is None else ())
        store.save_poll(broker.pk, a_poll(after(seconds), vhost_counters=listed, failed=failed), after(seconds), memory)
        found.append(queries.virtual_hosts(EVERYTHING, broker.pk)[0].default_queue_type)
    assert found == ["", "undefined", "quorum", "quorum", "classic"]
