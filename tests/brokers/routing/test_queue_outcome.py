"""Refusals in their order, what holds in queues, and what comes of dead letters."""

from __future__ import annotations

from typing import Any

import pytest

from brokers.routing.questions import answer
from brokers.routing.refusals import Message
from brokers.routing.virtual_host import VirtualHostRouter
from brokers.topology import PolicyDefinition
from tests.brokers.facts import a_topology
from tests.brokers.routing.simulation import Simulation


def definitions(*queues: tuple[str, dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"queues": [{"name": name, "arguments": arguments} for name, arguments in queues], **more}


def after(version: str, *queues: tuple[str, dict[str, Any]], **question: Any) -> dict[str, Any]:
    found = answer({"definitions": definitions(*queues), "broker_version": version, "exchange": "", "routing_key": "q", **question})
    return found["after"][0]


def test_a_queue_without_limits_keeps_what_it_gets() -> None:
    found = after("3.10.8", ("q", {}))
    assert {name: found[name] for name in ("ttl_ms", "max_length", "max_length_bytes", "overflow", "dead_letter", "consumers", "workers")} == dict.fromkeys(
        ("ttl_ms", "max_length", "max_length_bytes", "overflow", "dead_letter", "consumers", "workers")
    )


def test_the_smaller_time_counts_and_a_full_queue_drops_its_head() -> None:
    found = after("3.10.8", ("q", {"x-message-ttl": 900, "x-max-length": 3}), properties={"expiration": "50"})
    assert (found["ttl_ms"], found["max_length"], found["overflow"]) == (50, 3, "drop-head")


def test_a_dead_letter_is_followed_and_its_reasons_are_shown() -> None:
    dead = after("3.10.8", ("q", {"x-message-ttl": 9, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dl"}), ("dl", {}))["dead_letter"]
    assert dead == {"exchange": "", "keys": ["dl"], "reasons": ["expired", "rejected"], "queues": ["dl"], "cycle": False, "exists": True}


def test_a_queue_that_dead_letters_to_itself_is_a_cycle() -> None:
    dead = after("3.10.8", ("q", {"x-message-ttl": 9, "x-dead-letter-exchange": ""}))["dead_letter"]
    assert (dead["queues"], dead["cycle"]) == ([], True)
    dead = after("3.10.8", ("q", {"x-dead-letter-exchange": ""}))["dead_letter"]
    assert (dead["reasons"], dead["queues"], dead["cycle"]) == (["rejected"], ["q"], True)


def test_the_path_of_the_dead_letter_is_among_the_steps() -> None:
    found = answer({"definitions": definitions(("q", {"x-dead-letter-exchange": "amq.fanout"})), "exchange": "", "routing_key": "q"})
    assert [(step["exchange"], step["via"]) for step in found["steps"]] == [("", "publish"), ("amq.fanout", "dead-letter")]


def test_quorum_queues_have_a_delivery_limit_of_twenty_since_4_0() -> None:
    quorum = ("q", {"x-queue-type": "quorum", "x-dead-letter-exchange": "gone"})
    assert [after(version, quorum)["delivery_limit"] for version in ("3.10.8", "4.0.5")] == [None, 20]
    assert after("4.0.5", quorum)["dead_letter"]["reasons"] == ["delivery_limit", "rejected"]


def test_streams_have_no_dead_letters() -> None:
    assert after("4.0.5", ("q", {"x-queue-type": "stream", "x-dead-letter-exchange": "x"}))["dead_letter"] is None


@pytest.mark.parametrize(
    ("question", "refused", "reason"),
    [
        ({"exchange": "gone", "properties": {"expiration": "x"}}, "NOT_FOUND", "no exchange"),
        ({"exchange": "amq.rabbitmq.trace", "properties": {"user_id": "other"}}, "ACCESS_REFUSED", "internal"),
        ({"exchange": "amq.fanout", "properties": {"user_id": "other", "expiration": "x"}}, "PRECONDITION_FAILED", "user_id"),
        ({"exchange": "amq.fanout", "properties": {"expiration": "1.5"}, "headers": {"CC": "a"}}, "PRECONDITION_FAILED", "expiration"),
        ({"exchange": "amq.fanout", "headers": {"BCC": "a"}}, "PRECONDITION_FAILED", "BCC"),
        ({"exchange": "amq.fanout", "properties": {"delivery_mode": 9}}, "PRECONDITION_FAILED", "delivery_mode"),
    ],
)
def test_the_first_refusal_wins(question: dict[str, Any], refused: str, reason: str) -> None:
    found = answer({"definitions": definitions(("q", {})), "routing_key": "k", **question})
    assert (found["outcome"], found["refused"]) == ("refused", refused)
    assert reason in found["reason"]


def test_permissions_are_checked_where_they_are_known() -> None:
    known = definitions(
        ("q", {}),
        permissions=[{"user": "bob", "vhost": "/", "configure": "", "write": "^amq\\.topic$", "read": ""}],
        topic_permissions=[{"user": "bob", "vhost": "/", "exchange": "amq.topic", "write": "^a", "read": ""}],
    )
    question = {"definitions": known, "user": "bob", "routing_key": "a", "exchange": "amq.topic", "headers": {"CC": ["b"]}, "vhost": "/"}
    assert answer({**question, "exchange": "gone"})["refused"] == "ACCESS_REFUSED"
    assert answer({**question, "routing_key": "b"})["refused"] == "ACCESS_REFUSED"
    assert [answer({**question, "broker_version": version})["outcome"] for version in ("3.10.8", "4.0.5")] == ["unroutable", "refused"]
    unread = answer({"definitions": definitions(("q", {})), "exchange": "", "routing_key": "q", "user": "bob"})
    assert "unknown: needs administrator" in unread["text"]
    assert (unread["queues"], unread["certain"]) == (["q"], False)


def test_a_polled_topology_is_as_good_as_definitions() -> None:
    policies = (PolicyDefinition("p", "mail", "queues", 0, {"message-ttl": 5}), PolicyDefinition("o", "mail", "queues", 0, {"message-ttl": 3}, operator=True))
    router = VirtualHostRouter.from_topology(a_topology(("orders", "order.*", "mail"), policies=policies), "4.0.5")
    simulation = Simulation(router)
    assert simulation.publish(Message("orders", "order.new")).routed
    assert not simulation.publish(Message("orders", "stock.new")).routed
    assert router.queue_settings("mail").settings == {"message-ttl": 3}


def test_an_expired_message_behind_a_live_one_stays() -> None:
    simulation = Simulation(VirtualHostRouter.from_definitions(definitions(("q", {}))))
    simulation.publish(Message("", "q", properties={"expiration": "100"}))
    simulation.publish(Message("", "q", properties={"expiration": "10"}))
    simulation.wait(50)
    assert len(simulation.queues["q"]) == 2
    simulation.wait(51)
    assert simulation.queues["q"] == []


@pytest.mark.parametrize(("version", "limit", "stays"), [("3.10.8", {}, True), ("4.0.5", {}, False), ("4.0.5", {"x-delivery-limit": 30}, True)])
def test_a_quorum_queue_gives_up_a_message_that_comes_back_too_often(version: str, limit: dict[str, Any], stays: bool) -> None:
    simulation = Simulation(VirtualHostRouter.from_definitions(definitions(("q", {"x-queue-type": "quorum", **limit})), version))
    simulation.publish(Message("", "q"))
    for _ in range(21):
        simulation.requeue("q")
    assert bool(simulation.queues["q"]) == stays


@pytest.mark.parametrize(("version", "seen"), [("3.10.8", False), ("4.0.5", True)])
def test_a_dead_letter_key_routes_alone_and_3_10_drops_the_cc_header(version: str, seen: bool) -> None:
    work = ("q", {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dl"})
    router = VirtualHostRouter.from_definitions(definitions(work, ("dl", {}), ("copy", {})), version)
    simulation = Simulation(router)
    from brokers.routing.values import from_json

    simulation.publish(Message("", "q", {"CC": from_json(["copy"])}))
    simulation.reject("q")
    assert [len(simulation.queues[name]) for name in ("q", "dl", "copy")] == [0, 1, 1]
    assert ("CC" in simulation.headers_seen("dl", simulation.queues["dl"][0])) == seen


@pytest.mark.parametrize(("version", "count"), [("3.10.8", 8), ("4.0.5", 1)])
def test_only_3_10_trusts_a_clients_x_death(version: str, count: int) -> None:
    from brokers.routing.values import from_json

    claimed = from_json([{"queue": "q", "reason": "rejected", "count": 7, "exchange": "", "routing-keys": ["q"]}])
    router = VirtualHostRouter.from_definitions(definitions(("q", {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dl"}), ("dl", {})), version)
    simulation = Simulation(router)
    simulation.publish(Message("", "q", {"x-death": claimed}))
    simulation.reject("q")
    seen = simulation.headers_seen("dl", simulation.queues["dl"][0])
    assert seen["x-death"][0]["count"] == count
    assert ("x-first-death-queue" in seen) == (version == "4.0.5")
