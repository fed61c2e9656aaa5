"""A virtual host gathered for explanations: what is kept of the past, and what is not."""

from __future__ import annotations

import pytest

from brokers import parts, queries, store
from brokers.models import Broker
from brokers.scope import EVERYTHING, Place, Scope
from brokers.store import BrokerMemory
from brokers.topology import WritePermission
from dashboard.why import explanations, loaded_vhost
from tests.brokers.facts import NOON, a_broker, a_poll, a_queue, a_topology, after

pytestmark = pytest.mark.django_db


def test_permissions_of_the_past_are_not_checked_by_those_of_today() -> None:
    broker, memory = a_broker(), BrokerMemory()
    store.save_topology(broker.pk, {"/": a_topology(("orders", "order.#", "mail"))}, None, None, None, NOON, memory)
    store.save_poll(broker.pk, a_poll(NOON, a_queue("mail", ready=0, unacknowledged=0, consumers=0)), NOON, memory)
    store.save_permissions(broker.pk, [WritePermission("/", "bob", "")])
    outcome_of = {"exchange": "orders", "routing_key": "order.new", "user": "bob"}
    refused = explanations.explain_message(loaded_vhost.load(EVERYTHING, seen(broker), "/", after(5)), outcome_of)
    assert refused.refused == "ACCESS_REFUSED"
    then = explanations.explain_message(loaded_vhost.load(EVERYTHING, seen(broker), "/", after(5), NOON), outcome_of)
    assert (then.queues, then.certain) == (["mail"], False)
    assert "unknown: permissions of the past are not kept" in then.text


def test_a_router_serves_until_the_shape_or_the_rights_change() -> None:
    broker, memory = a_broker(), BrokerMemory()

    def outcome_of(key: str) -> tuple[list[str], object]:
        place = loaded_vhost.load(EVERYTHING, seen(broker), "/", after(5))
        return explanations.explain_message(place, {"exchange": "orders", "routing_key": key, "user": "bob"}).queues, place.router()

    for bound, at in (("order.#", NOON), ("stock.#", after(1))):
        store.save_topology(broker.pk, {"/": a_topology(("orders", bound, "mail"))}, None, None, None, at, memory)
        store.save_poll(broker.pk, a_poll(at, a_queue("mail", ready=0, unacknowledged=0, consumers=0)), at, memory)
        if at == NOON:
            queues, first = outcome_of("order.new")
            assert (queues, outcome_of("order.new")[1] is first) == (["mail"], True)
    queues, second = outcome_of("order.new")
    assert (queues, second is first) == ([], False)
    assert outcome_of("stock.new") == (["mail"], second)
    store.save_permissions(broker.pk, [WritePermission("/", "bob", "^other$")])
    assert outcome_of("stock.new")[0] == []


@pytest.mark.parametrize(("part", "certain"), [(parts.BINDINGS, False), (parts.QUEUE_COUNTERS, False), (parts.PUBLISHED, True), (parts.QUEUE_DETAILS, True)])
def test_only_parts_that_decide_where_a_message_goes_make_an_answer_uncertain(part: str, certain: bool) -> None:
    limit = {"part": part, "what": part, "why": "answered with status 500", "since": NOON.isoformat()}
    broker = Broker(name="prod", state=Broker.UP, polled_at=NOON, limits=[limit])
    assert (loaded_vhost._unknown(broker, "/", "", NOON, seen=True) == []) is certain


def test_loads_of_parts_push_out_none_of_a_whole_virtual_host() -> None:
    broker, memory = a_broker(), BrokerMemory()
    store.save_topology(broker.pk, {"/": a_topology(("orders", "order.#", "mail"))}, None, None, None, NOON, memory)
    for scope in (EVERYTHING, *(Scope((Place(vhost=("/",), queue=(f"q{number}",)),)) for number in range(loaded_vhost.MOST_KEPT))):
        loaded_vhost.load(scope, seen(broker), "/", after(5))
    assert (broker.pk, "/") in loaded_vhost.recent()


def seen(broker: Broker) -> Broker:
    found = queries.broker_by_id(EVERYTHING, broker.pk)
    assert found is not None
    return found
