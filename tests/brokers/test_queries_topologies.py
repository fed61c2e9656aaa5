"""The shape of a virtual host is kept while nothing of it changes, and read anew when anything does."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from brokers import queries, store
from brokers.models import Change, Queue
from brokers.routing.virtual_host import VirtualHostRouter
from brokers.scope import EVERYTHING, Place, Scope
from brokers.store import BrokerMemory
from brokers.topology import PolicyDefinition, Topology
from tests.brokers.facts import NOON, a_broker, a_poll, a_queue, a_topology, after

pytestmark = pytest.mark.django_db


@pytest.fixture
def memory() -> BrokerMemory:
    return BrokerMemory()


def stored(memory: BrokerMemory, *bindings: tuple[str, str, str], policies: tuple[PolicyDefinition, ...] = (), seconds: float = 0) -> int:
    broker = a_broker()
    store.save_topology(broker.pk, {"/": a_topology(*bindings, policies=policies)}, None, None, None, after(seconds), memory)
    return broker.pk


def test_what_did_not_change_is_not_read_again(memory: BrokerMemory, django_assert_max_num_queries: Any) -> None:
    broker = stored(memory, ("orders", "order.#", "mail"))
    first = queries.topology(broker, "/")
    assert [(one.source, one.destination, one.routing_key) for one in first.bindings] == [("orders", "mail", "order.#")]
    with django_assert_max_num_queries(6):
        assert queries.topology(broker, "/") is first
    assert queries.topology(broker, "other") == Topology("other")


def test_an_old_topology_is_not_kept_for_the_parts_that_were_made_of_it(memory: BrokerMemory) -> None:
    pk, scope = stored(memory, ("orders", "order.#", "mail")), Scope((Place(vhost=("/",), queue=("mail",)),))
    broker = queries.broker_by_id(scope, pk)
    assert broker is not None
    part = queries.visible_topology(scope, broker, "/")
    assert queries.visible_topology(scope, broker, "/") is part
    old = weakref.ref(queries.topology(pk, "/"))
    stored(memory, ("orders", "stock.#", "mail"), seconds=1)
    assert queries.topology(pk, "/").bindings[0].routing_key == "stock.#"
    gc.collect()
    assert old() is None


def test_a_change_of_any_kind_is_seen_at_once(memory: BrokerMemory) -> None:
    broker = stored(memory, ("orders", "order.#", "mail"))
    before = queries.topology(broker, "/")
    stored(memory, ("orders", "stock.#", "mail"), seconds=5)
    assert [one.routing_key for one in queries.topology(broker, "/").bindings] == ["stock.#"]
    stored(memory, ("orders", "stock.#", "mail"), policies=(PolicyDefinition("p", "", "all", 0, {"max-length": 5}),), seconds=10)
    assert [one.definition for one in queries.topology(broker, "/").policies] == [{"max-length": 5}]
    stored(memory, ("orders", "stock.#", "mail"), policies=(PolicyDefinition("p", "", "all", 0, {"max-length": 6}),), seconds=15)
    assert [one.definition for one in queries.topology(broker, "/").policies] == [{"max-length": 6}]
    assert before.policies == ()


def test_the_priorities_of_policies_are_kept_as_the_broker_has_them_fractions_too(memory: BrokerMemory) -> None:
    policies = tuple(PolicyDefinition(name, "^mail$", "queues", priority, {"max-length": 5}) for name, priority in (("high", 1.5), ("low", 1), ("none", -0.25)))
    store.save_poll(a_broker().pk, a_poll(NOON, a_queue("mail")), NOON, memory)
    broker = stored(memory, ("orders", "order.#", "mail"), policies=policies)
    found = queries.topology(broker, "/").policies
    assert found == policies and [type(one.priority) for one in found] == [float, int, float]
    assert [repr(one.priority) for one in queries.policies(EVERYTHING, broker)] == ["1.5", "1", "-0.25"]
    router = VirtualHostRouter.from_topology(queries.topology(broker, "/"), "3.10.8")
    assert router.queue_settings("mail").policy == "high"
    changes = Change.objects.count()
    stored(BrokerMemory(), ("orders", "order.#", "mail"), policies=policies, seconds=5)
    assert Change.objects.count() == changes


def test_what_is_learned_of_a_queue_later_counts_too(memory: BrokerMemory) -> None:
    broker = a_broker().pk
    store.save_poll(broker, a_poll(NOON, a_queue("mail", type="", arguments=None, durable=None)), NOON, memory)
    assert [(one.type, one.arguments) for one in queries.topology(broker, "/").queues] == [("", {})]
    store.save_poll(broker, a_poll(after(5), a_queue("mail", type="quorum", arguments={"x-max-length": 5})), after(5), memory)
    assert [(one.type, one.arguments) for one in queries.topology(broker, "/").queues] == [("quorum", {"x-max-length": 5})]
    store.save_poll(broker, a_poll(after(10), a_queue("mail", type="quorum", arguments={"x-max-length": 6})), after(10), memory)
    assert [one.arguments for one in queries.topology(broker, "/").queues] == [{"x-max-length": 6}]
    Queue.objects.update(gone_at=after(15))
    assert queries.topology(broker, "/").queues == ()
