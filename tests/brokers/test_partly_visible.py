"""What somebody sees of brokers who may view only some queues of a virtual host: nothing else is found by any query."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from brokers import queries
from brokers.errors import NotRecorded
from brokers.models import Broker
from brokers.queries import topologies
from brokers.scope import EVERYTHING, NOTHING, Place, Scope
from brokers.visible_reasons import without_address
from tests.secret_shop import SHOP, Shop, text_of

pytestmark = pytest.mark.django_db
ORDERS = Scope((Place(vhost=("/shop",), queue=("orders.*",)),))
WHOLE_SHOP = Scope((Place(vhost=("/shop",)),))


@pytest.fixture
def shop() -> Shop:
    return Shop()


def everything_found(scope: Scope, shop: Shop) -> dict[str, Any]:
    """What each query finds, as text."""
    pk, now = shop.broker.pk, shop.now
    calls: dict[str, Any] = {
        "brokers": lambda: queries.brokers(scope),
        "broker": lambda: queries.broker(scope, "prod"),
        "virtual_hosts": lambda: queries.virtual_hosts(scope),
        "attempts": lambda: queries.poll_attempts(scope),
        "nodes": lambda: queries.nodes(scope),
        "changes": lambda: queries.changes(scope),
        "queues": lambda: queries.queues(scope).items,
        "queue_names": lambda: queries.queue_names(scope),
        "queues_named": lambda: queries.queues_named(scope, pk, SHOP, list(shop.names)),
        "queues_by_ids": lambda: queries.queues_by_ids(scope, shop.keys("queue")),
        "queue": lambda: [queries.queue_by_id(scope, key) for key in shop.keys("queue")],
        "exchanges": lambda: queries.exchanges(scope).items,
        "exchange": lambda: [queries.exchange_by_id(scope, key) for key in shop.keys("exchange")],
        "exchanges_by_ids": lambda: queries.exchanges_by_ids(scope, shop.keys("exchange")),
        "exchanges_named": lambda: queries.exchanges_named(scope, pk, SHOP, shop.names),
        "bindings": lambda: queries.bindings(scope),
        "binding_page": lambda: queries.binding_page(scope, pk, SHOP).items,
        "binding_counts": lambda: queries.binding_counts(scope, pk),
        "policies": lambda: queries.policies(scope),
        "transfers": lambda: queries.transfers(scope, pk),
        "permissions": lambda: queries.permissions(scope, pk, SHOP),
        "consumers": lambda: queries.consumers(scope),
        "connections": lambda: queries.connections(scope),
        "connection_page": lambda: queries.connection_page(scope).items,
        "connections_by_ids": lambda: queries.connections_by_ids(scope, shop.keys("connection")),
        "connection_values": lambda: queries.connection_values(scope, "user"),
        "channels": lambda: queries.channels(scope),
        "channel_page": lambda: queries.channel_page(scope).items,
        "client_trends": lambda: queries.client_trends(scope),
        "deep_queues": lambda: queries.deep_queues(scope, shop.broker, 50),
        "past_bindings": lambda: queries.bindings(scope, at=now),
        "past_policies": lambda: queries.policies(scope, at=now),
        "topology": lambda: topologies.visible(scope, shop.broker, SHOP),
        "facts": lambda: topologies.visible_facts(scope, shop.broker, SHOP),
    }
    return {name: text_of(_found(call)) for name, call in calls.items()}


def _found(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except NotRecorded:
        return None


@pytest.mark.parametrize("scope", [ORDERS, WHOLE_SHOP], ids=["some queues", "a virtual host"])
def test_no_query_finds_a_name_outside_of_the_scope(shop: Shop, scope: Scope) -> None:
    hidden = "SECRET" if scope == ORDERS else "ELSEWHERE"
    found = everything_found(scope, shop)
    assert {name: text for name, text in found.items() if hidden in text} == {}
    assert all("orders" in found[name] for name in ("queues", "exchanges", "bindings", "consumers", "connections", "channels", "topology", "past_bindings"))


def test_the_planted_names_are_found_by_who_may_see_them(shop: Shop) -> None:
    found = everything_found(EVERYTHING, shop)
    never = {"facts"}
    assert [name for name, text in found.items() if "SECRET" not in text and name not in never] == []


def test_nothing_is_found_without_a_right(shop: Shop) -> None:
    found = everything_found(NOTHING, shop)
    assert {name: text for name, text in found.items() if "orders" in text or "SECRET" in text or "prod" in text} == {}


def test_exchanges_are_those_from_which_a_message_can_reach_a_visible_queue_and_the_default_one(shop: Shop) -> None:
    assert [one.name for one in queries.exchanges(ORDERS).items] == ["", "orders.fan", "orders.in"]
    found = [(one.source, one.destination) for one in queries.bindings(ORDERS)]
    assert found == [("", "orders.eu"), ("", "orders.us"), ("orders.fan", "orders.eu"), ("orders.in", "orders.fan")]
    assert queries.binding_counts(ORDERS, shop.broker.pk) == {(SHOP, ""): 2, (SHOP, "orders.fan"): 1, (SHOP, "orders.in"): 1}


def test_bindings_in_a_circle_end(shop: Shop) -> None:
    shop.bind("orders.fan", "orders.in", kind="exchange")
    assert [one.name for one in queries.exchanges(ORDERS).items] == ["", "orders.fan", "orders.in"]


def test_figures_are_summed_over_what_is_visible_and_unknown_where_they_can_not_be(shop: Shop) -> None:
    seen = queries.broker(ORDERS, "prod")
    assert seen is not None
    assert (seen.ready, seen.unacknowledged, seen.object_totals, seen.unroutable_per_second) == (7, 0, {"queues": 2}, None)
    assert [(one.name, one.ready) for one in queries.virtual_hosts(ORDERS)] == [(SHOP, 7)]
    whole = queries.broker(EVERYTHING, "prod")
    assert whole is not None
    assert (whole.ready, whole.object_totals) == (1000, {"queues": 77})


def test_virtual_hosts_without_a_visible_queue_are_left_out_where_the_right_names_none(shop: Shop) -> None:
    assert [one.name for one in queries.virtual_hosts(Scope((Place(queue=("orders.*",)),)))] == [SHOP]


def test_no_row_brings_a_broker_with_reasons_that_name_addresses(shop: Shop) -> None:
    failed = "connection refused at SECRET.example:15672 (GET http://SECRET.example:15672/api/overview)"
    Broker.objects.update(reason=failed, limits=[])
    rows: list[Any] = [*queries.channel_page(WHOLE_SHOP).items, *queries.client_trends(WHOLE_SHOP), *queries.transfers(WHOLE_SHOP, shop.broker.pk)]
    rows += [*queries.bindings(WHOLE_SHOP), *queries.changes(WHOLE_SHOP), *queries.queues(WHOLE_SHOP).items, *queries.exchanges(WHOLE_SHOP).items]
    assert {(row.broker.reason, "SECRET" in row.broker.depth_source_reason) for row in rows} == {("connection refused at the broker", False)}


@pytest.mark.parametrize(
    ("reason", "left"),
    [
        ("no complete answer within 15 s from h:1 (GET http://h:1/api)", "no complete answer within 15 s from the broker"),
        ("no connection to [::1]:15672 within 3 s", "no connection to the broker within 3 s"),
        ("no AMQP connection to h:5672: timed out", "no AMQP connection to the broker: timed out"),
        ("AMQP at h:5672 refused the login of the user u", "AMQP at the broker refused the login of the user u"),
        ("TLS with h failed: it closed the connection during the handshake", "TLS with the broker failed: it closed the connection during the handshake"),
        ("the host name of h:1 is not known", "the host name of the broker is not known"),
        ("the address h:1 can't be used (GET http://h:1/x)", "the address of the broker can't be used"),
        ("h:1 closed the connection before its answer was complete", "the broker closed the connection before its answer was complete"),
        ("h:1 speaks TLS: the address must begin with amqps://", "the broker speaks TLS: the address must begin with amqps://"),
        ("the broker’s node rabbit@a started at 12:00:00", "a node of the broker started at 12:00:00"),
        ("", ""),
    ],
)
def test_reasons_of_failures_name_no_address(reason: str, left: str) -> None:
    assert without_address(reason) == left


def test_the_order_of_exchanges_gives_no_hidden_figure_away(shop: Shop) -> None:
    busiest = queries.exchanges(ORDERS, sort="-publish_in_per_second").items
    assert (busiest[0].publish_in_per_second, busiest[-1].publish_in_per_second) == (3.0, None)
    assert queries.exchanges(EVERYTHING, sort="-publish_in_per_second").items[0].publish_in_per_second == 1000.0


def test_history_is_of_what_is_visible(shop: Shop) -> None:
    end = shop.now
    arguments = (["publish_in_per_second"], end - timedelta(minutes=1), end, 5.0)
    hidden, seen = shop.key("exchange", "SECRETexchange"), shop.key("exchange", "orders.in")
    assert set(queries.history(ORDERS, shop.broker.pk, "exchanges", hidden, *arguments).values["publish_in_per_second"]) == {None}
    assert 3.0 in queries.history(ORDERS, shop.broker.pk, "exchanges", seen, *arguments).values["publish_in_per_second"]
    both = queries.sparklines(ORDERS, shop.broker.pk, "exchanges", [hidden, seen], arguments[0][0], *arguments[1:3], 3)
    assert (both[hidden], both[seen][-1]) == ([None] * 3, 3.0)
    of_all = next(one for one in queries.exchanges(ORDERS).items if not one.name)
    assert of_all.publish_in_per_second is None
    assert set(queries.history(ORDERS, shop.broker.pk, "exchanges", of_all.pk, *arguments).values["publish_in_per_second"]) == {None}
    ready = (["ready"], end - timedelta(minutes=1), end, 5.0)
    assert set(queries.history(ORDERS, shop.broker.pk, "broker", None, *ready).values["ready"]) == {None}
    assert 1000 in queries.history(EVERYTHING, shop.broker.pk, "broker", None, *ready).values["ready"]


def test_the_same_names_in_another_broker_are_others(shop: Shop) -> None:
    other = Broker.objects.create(name="stage")
    shop.connect("orders@shop", broker=other)
    shop.exchange("orders.in", broker=other)
    scope = Scope((Place(broker=("prod",), vhost=("/shop",), queue=("orders.*",)),))
    assert {one.broker_id for one in queries.connections(scope)} == {shop.broker.pk}
    assert {one.broker_id for one in queries.exchanges(scope).items} == {shop.broker.pk}
