"""Changes as sentences."""

from __future__ import annotations

from typing import Any

from brokers.diff import queue_changes, topology_changes
from brokers.topology import BindingDefinition, ExchangeDefinition, PolicyDefinition, QueueDefinition, Topology
from tests.brokers.facts import a_topology


def changes(earlier: Topology, later: Topology) -> list[str]:
    return [change.text for change in topology_changes(earlier, later)]


def with_policy(**definition: Any) -> Topology:
    return a_topology(policies=(PolicyDefinition("limits", "^mail", "queues", 0, definition),))


def test_equal_topologies_have_no_changes() -> None:
    assert changes(a_topology(("orders", "a", "mail")), a_topology(("orders", "a", "mail"))) == []


def test_a_binding_added_and_one_removed() -> None:
    earlier = a_topology(("shop.orders", "order.*", "audit"), ("shop.orders", "order.new", "receipts"))
    later = a_topology(("shop.orders", "order.paid.*", "receipts"), ("shop.orders", "order.*", "audit"))
    assert changes(earlier, later) == [
        "Binding added: shop.orders → receipts (key order.paid.*)",
        "Binding removed: shop.orders → receipts (key order.new)",
    ]


def test_arguments_and_exchanges_as_destination_are_shown() -> None:
    exchanges = tuple(ExchangeDefinition(name, "headers") for name in ("a", "b"))
    binding = BindingDefinition("a", "b", "exchange", "", {"x-match": "all", "kind": "pdf"}, "~1")
    assert changes(Topology("/", exchanges), Topology("/", exchanges, bindings=(binding,))) == ["Binding added: a → exchange b (all of kind=pdf)"]


def test_exchanges_that_come_go_and_are_made_again() -> None:
    def one(name: str, kind: str, policy: str = "") -> Topology:
        return Topology("/", (ExchangeDefinition(name, kind, policy=policy),))

    assert changes(one("a", "topic"), one("b", "fanout")) == ["Exchange b (fanout) added", "Exchange a deleted"]
    assert changes(one("a", "topic"), one("a", "fanout")) == ["Exchange a recreated, fanout instead of topic"]
    assert changes(one("a", "topic"), one("a", "topic", "ae")) == ["Exchange a now has policy ae"]
    assert changes(one("a", "topic", "ae"), one("a", "topic")) == ["Exchange a no longer has policy ae"]


def test_a_binding_deleted_with_its_queue_is_not_a_change_of_its_own() -> None:
    earlier = a_topology(("orders", "a", "mail"), ("orders", "b", "audit"))
    assert changes(earlier, a_topology(("orders", "b", "audit"))) == []


def test_changes_of_policies_name_what_changed_in_them() -> None:
    assert changes(a_topology(), with_policy(ttl=1)) == ["Policy limits for ^mail added"]
    assert changes(with_policy(ttl=1), a_topology()) == ["Policy limits removed"]
    assert changes(with_policy(ttl=1, old=2), with_policy(ttl=5, new=True)) == ["Policy limits changed: new True, no old, ttl 5 instead of 1"]


def test_our_own_objects_and_churning_ones_are_no_changes() -> None:
    churning = Topology("/", queues=(QueueDefinition("amq.gen-1", exclusive=True), QueueDefinition("tmp", auto_delete=True)))
    assert changes(a_topology(("orders", "a", "mail")), a_topology(("orders", "a", "mail"), ("orders", "#", "hareline.ab12.events"))) == []
    assert changes(Topology("/"), churning) == []
    assert [change.text for change in queue_changes("/", {"hareline.ab12.events": None}, {})] == []


def test_queues_that_came_and_went() -> None:
    changes = queue_changes("shop", dict.fromkeys(("b", "a")), {"ü": None})
    assert [(change.what, change.vhost, change.text) for change in changes] == [
        ("added", "shop", "Queue a added"),
        ("added", "shop", "Queue b added"),
        ("gone", "shop", "Queue ü deleted"),
    ]


def test_very_many_changes_at_once_are_one_sentence() -> None:
    assert [change.text for change in queue_changes("/", {f"q{number}": None for number in range(10_000)}, {})] == ["10,000 queues added in /"]
