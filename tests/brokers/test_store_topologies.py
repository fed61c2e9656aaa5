"""Storing the shape of virtual hosts and who is connected."""

from __future__ import annotations

import pytest

from brokers import queries, store
from brokers.errors import NotRecorded
from brokers.models import Binding, Broker, Change, Exchange, Policy, TopologyVersion
from brokers.queries.compared import recorded_definitions
from brokers.scope import EVERYTHING
from brokers.stats import ChannelStats, ConnectionStats, ConsumerStats
from brokers.store import BrokerMemory
from brokers.topology import BindingDefinition, ExchangeDefinition, PolicyDefinition, QueueDefinition, Topology, WritePermission
from tests.brokers.facts import NOON, a_broker, a_poll, a_topology, after

pytestmark = pytest.mark.django_db


def texts(broker: Broker) -> list[str]:
    return [change.text for change in queries.changes(EVERYTHING, broker.pk)]


def test_rows_are_added_and_gone_and_sent() -> None:
    broker, memory = a_broker(), BrokerMemory()
    store.save_topology(broker.pk, {"/": a_topology(("orders", "a", "mail"))}, None, None, None, NOON, memory)
    assert texts(broker) == []
    store.save_topology(broker.pk, {"/": a_topology(("orders", "b", "mail"))}, None, None, None, after(30), memory)
    assert [binding.routing_key for binding in queries.bindings(EVERYTHING, source="orders")] == ["b"]
    assert Binding.objects.get(routing_key="a").gone_at == after(30)
    assert sorted(texts(broker)) == ["Binding added: orders → mail (key b)", "Binding removed: orders → mail (key a)"]
    assert [version.at for version in TopologyVersion.objects.order_by("at")] == [NOON, after(30)]
    assert Broker.objects.get().revision == 2


def test_the_same_topology_changes_nothing_with_and_without_a_memory() -> None:
    broker, memory = a_broker(), BrokerMemory()
    for kept in (memory, memory, None):
        topology = a_topology(("orders", "a", "mail"), policies=(PolicyDefinition("limits", "", "all", 0, {"max-length": 5}),))
        store.save_topology(broker.pk, {"/": topology}, None, None, None, NOON, kept)
    assert (Binding.objects.count(), Exchange.objects.count(), Policy.objects.count(), TopologyVersion.objects.count()) == (1, 2, 1, 1)


def test_what_clients_churn_makes_no_version() -> None:
    broker = a_broker()
    for number in range(3):
        queue = QueueDefinition(f"amq.gen-{number}", exclusive=True)
        binding = BindingDefinition("", queue.name, "queue", queue.name, {}, queue.name)
        store.save_topology(broker.pk, {"/": a_topology(queues=(queue,), bindings=(binding,))}, None, None, None, after(number), None)
    assert TopologyVersion.objects.count() == 1
    assert [found.destination for found in queries.bindings(EVERYTHING)] == ["amq.gen-2"]


def test_an_exchange_made_again_is_a_new_row() -> None:
    broker = a_broker()
    for at, kind in ((NOON, "topic"), (after(5), "fanout")):
        store.save_topology(broker.pk, {"/": Topology("/", (ExchangeDefinition("orders", kind),))}, None, None, None, at)
    assert list(Exchange.objects.order_by("pk").values_list("type", "gone_at")) == [("topic", after(5)), ("fanout", None)]


def test_consumers_connections_and_channels_keep_their_rows_while_they_are_equal() -> None:
    broker = a_broker()
    connection = ConnectionStats("/", "10.0.0.1:5 -> 10.0.0.2:5672", "worker", "10.0.0.1", peer_port=5)
    one, two = (ConsumerStats("/", "mail", tag, connection.name, arguments={"x": 1}) for tag in ("one", "two"))
    channel = ChannelStats("/", "1", connection.name, 1, prefetch=4)
    store.save_topology(broker.pk, None, [connection], [channel], [one, two], NOON)
    keys = {consumer.tag: consumer.pk for consumer in queries.consumers(EVERYTHING, broker.pk)}
    store.save_topology(broker.pk, None, None, [channel], [two], after(30))
    assert [(consumer.tag, consumer.pk) for consumer in queries.consumers(EVERYTHING, broker.pk)] == [("two", keys["two"])]
    assert len(queries.connections(EVERYTHING, broker.pk)) == len(queries.channels(EVERYTHING, broker.pk)) == 1
    store.save_topology(broker.pk, None, [], [], [], after(60))
    assert queries.connections(EVERYTHING) == queries.channels(EVERYTHING) == queries.consumers(EVERYTHING) == []


def test_publishers_are_stored_with_their_age_and_noticed() -> None:
    broker = a_broker()
    store.save_topology(broker.pk, {"/": a_topology(("orders", "a", "mail"))}, None, None, None, NOON)
    exchange = queries.exchange(EVERYTHING, broker.pk, "/", "orders")
    assert exchange is not None and exchange.publishers is None
    store.save_publishers(exchange.pk, [{"connection": "c", "host": "h", "user": "u", "per_second": 2.0}], after(5))
    exchange = queries.exchange_by_id(EVERYTHING, exchange.pk)
    assert exchange is not None and (exchange.publishers_at, exchange.publishers[0]["host"]) == (after(5), "h")
    assert queries.revisions() == {broker.pk: 2}


def test_permissions_are_replaced_and_forgotten_where_they_can_no_longer_be_read() -> None:
    broker, other = a_broker(), a_broker("other")
    assert not broker.permissions_known
    bob, topic = WritePermission("/", "bob", "^shop"), WritePermission("/", "bob", "^order", "shop.orders")
    store.save_permissions(other.pk, [bob])
    store.save_permissions(broker.pk, [bob, topic, WritePermission("shop", "bob", "")])
    assert [(one.user, one.write, one.exchange) for one in queries.permissions(EVERYTHING, broker.pk, "/")] == [
        ("bob", "^shop", None),
        ("bob", "^order", "shop.orders"),
    ]
    kept = queries.permissions(EVERYTHING, broker.pk, "/")[0].pk
    store.save_permissions(broker.pk, [bob])
    assert [one.pk for one in queries.permissions(EVERYTHING, broker.pk, "/")] == [kept]
    assert queries.permissions(EVERYTHING, broker.pk, "shop") == []
    store.save_permissions(broker.pk, None)
    assert queries.permissions(EVERYTHING, broker.pk, "/") == []
    assert dict(Broker.objects.values_list("name", "permissions_known")) == {"prod": False, "other": True}
    assert len(queries.permissions(EVERYTHING, other.pk, "/")) == 1


def test_a_virtual_host_that_is_made_again_has_nothing_of_the_one_before() -> None:
    broker, memory = a_broker(), BrokerMemory()
    policy = PolicyDefinition("all", ".*", "queues", 1, {"max-length": 5})
    definitions = Topology("shop", (ExchangeDefinition("", "direct"), ExchangeDefinition("orders", "topic")), policies=(policy,))

    def poll(seconds: int, *vhosts: str) -> None:
        store.save_poll(broker.pk, a_poll(after(seconds), vhosts=dict.fromkeys(vhosts, False), visible_vhosts=frozenset(vhosts)), after(seconds), memory)

    poll(0, "shop")
    store.save_topology(broker.pk, {"shop": definitions}, None, None, None, after(1), memory)
    poll(5)
    assert not Policy.objects.exists()
    poll(10, "shop")
    now = queries.topology(broker.pk, "shop")
    assert (now.exchanges, now.policies) == ((), ())
    then = [queries.topology_as_it_was(EVERYTHING, broker, "shop", after(seconds)) for seconds in (0, 3, 7, 12)]
    assert [len(one.exchanges) for one in then] == [0, 2, 0, 0]
    with pytest.raises(NotRecorded):
        recorded_definitions(EVERYTHING, broker, "shop", after(12))
    store.save_topology(broker.pk, {"shop": definitions}, None, None, None, after(15), memory)  # the same, and recorded anew all the same
    assert [name.name for name in queries.topology_as_it_was(EVERYTHING, broker, "shop", after(16)).exchanges] == ["", "orders"]
    assert [one.exchanges for one in recorded_definitions(EVERYTHING, broker, "shop", after(16)).topologies] == [definitions.exchanges]
    assert queries.topology(broker.pk, "shop").policies == definitions.policies
    store.save_topology(broker.pk, {"shop": definitions}, None, None, None, after(20), BrokerMemory())
    assert TopologyVersion.objects.count() == 2
    poll(25)
    poll(30, "shop")
    store.save_topology(broker.pk, {"shop": Topology("shop", definitions.exchanges[:1])}, None, None, None, after(31), memory)
    texts = Change.objects.order_by("pk").values_list("text", flat=True)
    assert [text for text in texts if "olicy" in text or "xchange" in text] == [], "they went with their virtual host"
