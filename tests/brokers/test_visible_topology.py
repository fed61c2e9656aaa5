from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.scope import EVERYTHING, NOTHING, Place, Scope
from brokers.topology import BindingDefinition, ExchangeDefinition, PolicyDefinition, QueueDefinition, Topology
from brokers.visible_topology import settings_without_hidden_names, visible_topology

ORDERS = Scope((Place(queue=("orders.*",)),))
EXCHANGES, QUEUES = ("", "x", "y", "orders.a"), ("mail", "orders.a", "orders.b")
ENDS = st.tuples(st.sampled_from(QUEUES), st.just("queue")) | st.tuples(st.sampled_from(EXCHANGES[1:]), st.just("exchange"))  # brokers bind nothing to ""
BINDINGS = st.lists(st.builds(lambda source, end: BindingDefinition(source, *end, ""), st.sampled_from(EXCHANGES), ENDS), max_size=12)


def topology(*bindings: BindingDefinition, policies: tuple[PolicyDefinition, ...] = ()) -> Topology:
    exchanges = tuple(ExchangeDefinition(name, "topic") for name in EXCHANGES)
    return Topology("/", exchanges, tuple(QueueDefinition(name) for name in QUEUES), bindings, policies)


@pytest.mark.parametrize(
    ("settings", "left"),
    [
        ({}, {}),
        ({"x-dead-letter-exchange": "x", "x-dead-letter-routing-key": "mail"}, {"x-dead-letter-exchange": "x", "x-dead-letter-routing-key": "mail"}),
        ({"x-dead-letter-exchange": "y", "x-dead-letter-routing-key": "mail", "x-max-length": 1}, {"x-max-length": 1}),
        ({"dead-letter-exchange": "", "dead-letter-routing-key": "mail"}, {}),
        ({"dead-letter-exchange": "", "dead-letter-routing-key": "orders.a"}, {"dead-letter-exchange": "", "dead-letter-routing-key": "orders.a"}),
        ({"dead-letter-routing-key": "mail"}, {}),  # the exchange may be set by a policy: then it can't be known whether it is a queue's name
        ({"alternate-exchange": "y"}, {}),
        ({"alternate-exchange": "x", "dead-letter-exchange": 7}, {"alternate-exchange": "x"}),
    ],
)
def test_settings_name_nothing_that_is_not_visible(settings: dict[str, Any], left: dict[str, Any]) -> None:
    assert settings_without_hidden_names(settings, {"", "x"}.__contains__, {"orders.a"}.__contains__) == left


def test_all_of_a_virtual_host_is_the_same_object_and_nothing_of_it_is_empty() -> None:
    whole = topology(BindingDefinition("x", "mail", "queue", "k"))
    assert visible_topology(whole, EVERYTHING, "prod") is whole
    assert visible_topology(whole, NOTHING, "prod") == Topology("/")


def test_policies_are_those_that_match_something_visible_without_names_of_others() -> None:
    policies = (
        PolicyDefinition("a", "^orders", "queues", 0, {"max-length": 1, "dead-letter-exchange": "y"}),
        PolicyDefinition("b", "^mail", "all", 0, {"max-length": 2}),
        PolicyDefinition("c", "^x$", "exchanges", 0, {"alternate-exchange": "y"}),
        PolicyDefinition("d", "^x$", "queues", 0, {}),
        PolicyDefinition("e", "(", "all", 0, {}),
    )
    found = visible_topology(topology(BindingDefinition("x", "orders.a", "queue", ""), policies=policies), ORDERS, "prod").policies
    assert [(one.name, one.definition) for one in found] == [("a", {"max-length": 1}), ("c", {})]


@given(BINDINGS)
def test_every_visible_binding_leads_from_a_visible_exchange_to_something_visible(bindings: list[BindingDefinition]) -> None:
    seen = visible_topology(topology(*bindings), ORDERS, "prod")
    exchanges, queues = {one.name for one in seen.exchanges}, {one.name for one in seen.queues}
    assert queues == {"orders.a", "orders.b"}
    ends = {"queue": queues, "exchange": exchanges}
    assert [one for one in seen.bindings if one.source not in exchanges or one.destination not in ends[one.destination_type]] == []
    assert [one for one in bindings if one not in seen.bindings and one.destination in ends[one.destination_type]] == []
