"""Forms in which RabbitMQ exports definitions, and what follows from them: lists of pairs, default queue types, missing objects, unknown exchanges."""

from __future__ import annotations

import json
from typing import Any

import pytest

from brokers.routing.questions import answer_line


def answered(definitions: dict[str, Any], routing_key: str = "jobs", exchange: str = "", **question: Any) -> dict[str, Any]:
    line = {"definitions": {"exchanges": [], "bindings": [], **definitions}, "exchange": exchange, "routing_key": routing_key, **question}
    return answer_line(json.dumps(line).encode())


def in_queue(answer: dict[str, Any], name: str) -> Any:
    return answer["after"][0][name]


JOBS = {"name": "jobs", "vhost": "/", "durable": True, "auto_delete": False, "arguments": {}}
POLICY = {"vhost": "/", "name": "p", "pattern": "", "apply-to": "queues", "priority": 0, "definition": {"max-length": 9}}


@pytest.mark.parametrize(
    "definitions",
    [
        {"queues": [JOBS], "policies": [POLICY | {"definition": [["max-length", 9]]}]},
        {"queues": [JOBS | {"arguments": [["x-max-length", 9]]}]},
        {"queues": [JOBS], "operator_policies": [POLICY | {"definition": [["max-length", 9]]}]},
        {"queues": [JOBS], "parameters": [{"vhost": "/", "component": "operator_policy", "name": "o", "value": POLICY | {"definition": [["max-length", 9]]}}]},
        {"queues": [JOBS], "parameters": [{"component": "operator_policy", "name": "o", "value": [["pattern", "^jobs"], ["definition", [["max-length", 9]]]]}]},
    ],
)
def test_tables_may_be_lists_of_pairs_anywhere(definitions: dict[str, Any]) -> None:
    assert in_queue(answered(definitions), "max_length") == 9


def test_alternates_and_bindings_may_have_lists_of_pairs_too() -> None:
    exchanges = [{"name": "h", "type": "headers", "arguments": [["alternate-exchange", "alt"]]}, {"name": "alt", "type": "fanout", "arguments": []}]
    bindings = [{"source": "h", "destination": "jobs", "destination_type": "queue", "routing_key": "", "arguments": [["x-match", "all"], ["v", 1]]}]
    bindings.append({"source": "alt", "destination": "lost", "destination_type": "queue", "routing_key": "", "arguments": []})
    definitions = {"queues": [JOBS, JOBS | {"name": "lost"}], "exchanges": exchanges, "bindings": bindings}
    assert [answered(definitions, "", "h", headers={"v": value})["queues"] for value in (1, 2)] == [["jobs"], ["lost"]]


@pytest.mark.parametrize(
    "place",
    [
        {"vhosts": [{"name": "/", "default_queue_type": "quorum"}]},
        {"vhosts": [{"name": "/", "metadata": {"default_queue_type": "quorum"}}]},
        {"vhosts": [{"name": "other"}, {"name": "/", "default_queue_type": "undefined", "metadata": {"default_queue_type": "rabbit_quorum_queue"}}]},
        {"default_queue_type": "quorum"},
        {"metadata": {"default_queue_type": "quorum"}},
        {"metadata": [["default_queue_type", "quorum"]]},
    ],
)
def test_the_default_type_is_read_from_each_place(place: dict[str, Any]) -> None:
    policies = [POLICY | {"definition": {"delivery-limit": 7}}]
    answer = answered({"queues": [JOBS], "policies": policies, "rabbit_version": "4.0.5", **place})
    assert (in_queue(answer, "type"), in_queue(answer, "delivery_limit"), answer["certain"]) == ("quorum", 7, False)
    for classic in ({"durable": False}, {"auto_delete": True}, {"exclusive": True}, {"arguments": {"x-queue-type": "classic"}}, {"type": "classic"}):
        answer = answered({"queues": [JOBS | classic], "policies": policies, "rabbit_version": "4.0.5", **place})
        assert (in_queue(answer, "type"), in_queue(answer, "delivery_limit"), answer["certain"]) == ("classic", None, True), classic


@pytest.mark.parametrize(
    ("definitions", "version", "kind", "certain"),
    [
        ({"default_queue_type": "quorum"}, "3.10.8", "classic", True),
        ({"default_queue_type": "quorum"}, "3.13.2", "classic", False),
        ({"default_queue_type": "undefined"}, "4.1.0", "classic", True),
        ({"default_queue_type": "stream", "metadata": {"default_queue_type": "quorum"}}, "4.0.5", None, False),
        ({"default_queue_type": "x-own"}, "4.0.5", None, False),
    ],
)
def test_a_type_that_definitions_do_not_decide_is_not_certain(definitions: dict[str, Any], version: str, kind: str | None, certain: bool) -> None:
    answer = answered({"queues": [JOBS], **definitions}, broker_version=version)
    assert (in_queue(answer, "type"), answer["certain"]) == (kind, certain)


def test_a_binding_to_a_missing_queue_keeps_no_alternate_away() -> None:
    exchanges = [{"name": "x", "type": "direct", "arguments": {"alternate-exchange": "alt"}}, {"name": "alt", "type": "fanout"}]
    bindings = [{"source": "x", "destination": name, "destination_type": kind, "routing_key": "k"} for name, kind in (("gone", "queue"), ("none", "exchange"))]
    bindings.append({"source": "alt", "destination": "jobs", "destination_type": "queue", "routing_key": ""})
    answer = answered({"queues": [JOBS], "exchanges": exchanges, "bindings": bindings}, "k", "x")
    assert (answer["queues"], answer["steps"][0]["bindings"], answer["certain"]) == (["jobs"], [], True)
    assert "x has 2 bindings that RabbitMQ drops at import" in answer["text"]


@pytest.mark.parametrize("kind", ["x-message-deduplication", "x-jms-topic", "x-rtopic", "x-lvc", "x-event-stream", "x-of-our-own"])
def test_an_unknown_exchange_is_never_unroutable(kind: str) -> None:
    exchanges: list[dict[str, Any]] = [{"name": "t", "type": "topic"}, {"name": "u", "type": kind}, {"name": "f", "type": "fanout"}]
    bound = (("t", "u", "exchange", "#"), ("t", "jobs", "queue", "a"), ("u", "f", "exchange", "z"), ("f", "far", "queue", ""))
    bindings = [{"source": source, "destination": target, "destination_type": what, "routing_key": key} for source, target, what, key in bound]
    definitions = {"queues": [JOBS, JOBS | {"name": "far"}], "exchanges": exchanges, "bindings": bindings}
    for key, exchange, reached in (("a", "t", ["jobs"]), ("b", "t", []), ("", "u", [])):
        answer = answered(definitions, key, exchange)
        assert (answer["outcome"], answer["queues"], answer["possible"], answer["certain"]) == ("unknown", reached, ["far"], False)
        assert kind in answer["reason"]
        assert [step["exchange"] for step in answer["steps"] if step["perhaps"]] == ["f"]
    assert answered(definitions | {"bindings": []}, "a", "u")["outcome"] == "unknown"
    exchanges[1]["arguments"] = {"alternate-exchange": "f"}
    assert answered(definitions | {"bindings": bindings[3:]}, "a", "u")["possible"] == ["far"]


@pytest.mark.parametrize(
    ("rules", "key", "outcome", "queues"),
    [
        ("direct", "a.b", "unroutable", []),
        ("direct", "a.*", "routed", ["jobs"]),
        ("topic", "a.b", "routed", ["jobs"]),
        ("fanout", "z", "routed", ["jobs"]),
        ("headers", "z", "routed", ["jobs"]),
        ("x-random", "z", "routed", ["jobs"]),
        (None, "a.b", "unknown", []),
        ("x-delayed-message", "a.b", "unknown", []),
        ("x-lvc", "a.b", "unknown", []),
        (5, "a.b", "unknown", []),
    ],
)
def test_a_delayed_exchange_routes_by_its_other_type(rules: Any, key: str, outcome: str, queues: list[str]) -> None:
    exchange = {"name": "d", "type": "x-delayed-message", "arguments": {} if rules is None else {"x-delayed-type": rules}}
    bindings = [{"source": "d", "destination": "jobs", "destination_type": "queue", "routing_key": "a.*"}]
    answer = answered({"queues": [JOBS], "exchanges": [exchange], "bindings": bindings}, key, "d")
    assert (answer["outcome"], answer["queues"], answer["steps"][0]["type"]) == (outcome, queues, "x-delayed-message")


def test_a_delayed_exchange_with_an_alternate_is_not_certain() -> None:
    exchange = {"name": "d", "type": "x-delayed-message", "arguments": {"x-delayed-type": "direct", "alternate-exchange": "amq.fanout"}}
    answer = answered({"queues": [JOBS], "exchanges": [exchange]}, "k", "d")
    assert (answer["outcome"], answer["certain"]) == ("unroutable", False)


@pytest.mark.parametrize(
    ("queue", "version", "named"),
    [
        ({"arguments": {"x-queue-type": "quorum", "x-max-priority": 5}}, "4.0.5", "the argument x-max-priority for a quorum queue"),
        ({"arguments": {"x-queue-type": "stream", "x-message-ttl": 5}}, "3.10.8", "the argument x-message-ttl for a stream"),
        ({"arguments": {"x-delivery-limit": 5}}, "4.0.5", "the argument x-delivery-limit for a classic queue"),
        ({"arguments": {"x-message-ttl": "60000"}}, "4.0.5", "x-message-ttl: it must be a whole number from 0"),
        ({"arguments": {"x-dead-letter-routing-key": "k"}}, "3.10.8", "x-dead-letter-routing-key without x-dead-letter-exchange"),
        ({"arguments": {"x-queue-type": "quorum"}, "durable": False}, "4.0.5", "a quorum queue that is not durable"),
    ],
)
def test_what_the_broker_would_refuse_is_named_and_not_certain(queue: dict[str, Any], version: str, named: str) -> None:
    answer = answered({"queues": [JOBS | queue]}, broker_version=version)
    assert f"RabbitMQ refuses {named}" in answer["text"]
    assert answer["certain"] is False
    assert (in_queue(answer, "ttl_ms"), in_queue(answer, "max_priority")) == (None, None)


@pytest.mark.parametrize(
    ("changed", "operator", "version", "named"),
    [
        ({"definition": {"max-priority": 5, "max-length": 9}}, False, "4.0.5", "policy p: its definition.max-priority is no key of a policy"),
        ({"definition": {"ha-mode": "all", "max-length": 9}}, False, "4.0.5", "its definition.ha-mode is no key of a policy any more"),
        ({"definition": {"max-length": 9, "overflow": "drop-head"}}, True, "3.10.8", "operator policy p: its definition.overflow is no key"),
        ({"apply-to": "classic_queues"}, False, "3.10.8", "its apply-to must be one of all, exchanges, queues"),
    ],
)
def test_a_policy_that_the_broker_would_refuse_is_named(changed: dict[str, Any], operator: bool, version: str, named: str) -> None:
    answer = answered({"queues": [JOBS], "operator_policies" if operator else "policies": [POLICY | changed]}, broker_version=version)
    assert named in answer["text"]
    assert answer["certain"] is False


def test_the_expiry_of_a_queue_is_the_smaller_but_for_quorum_queues_before_4() -> None:
    def expiry(kind: str, version: str) -> Any:
        queue = JOBS | {"arguments": {"x-queue-type": kind, "x-expires": 600000}}
        return in_queue(answered({"queues": [queue], "policies": [POLICY | {"definition": {"expires": 900000}}]}, broker_version=version), "expires_ms")

    assert [expiry(*one) for one in (("classic", "3.10.8"), ("quorum", "3.10.8"), ("quorum", "4.0.5"))] == [600000, 900000, 600000]
    answer = answered({"queues": [JOBS | {"arguments": {"x-expires": 60000}}]})
    assert "jobs itself is deleted, with its messages, after 1 min" in answer["text"]


@pytest.mark.parametrize(
    ("kind", "argument", "policy", "version", "expected"),
    [
        ("classic", {"x-overflow": "drop-head"}, {"overflow": "reject-publish"}, "4.0.5", "drop-head"),
        ("quorum", {"x-overflow": "drop-head"}, {"overflow": "reject-publish"}, "4.0.5", "reject-publish"),
        ("quorum", {}, {"overflow": "reject-publish-dlx", "max-length": 3}, "4.0.5", "drop-head"),
    ],
)
def test_overflow_is_the_arguments_or_of_quorum_queues_the_policys(kind: str, argument: Any, policy: Any, version: str, expected: str) -> None:
    queue = JOBS | {"arguments": {"x-queue-type": kind, **argument}}
    assert in_queue(answered({"queues": [queue], "policies": [POLICY | {"definition": policy}]}, broker_version=version), "overflow") == expected


def test_which_limit_of_a_stream_counts_is_not_certain() -> None:
    queue = JOBS | {"arguments": {"x-queue-type": "stream", "x-max-length-bytes": 5000}}
    for limit, certain in ((5000, True), (4000, False)):
        assert answered({"queues": [queue], "policies": [POLICY | {"definition": {"max-length-bytes": limit}}]})["certain"] is certain


def test_an_unlimited_delivery_limit_loses_to_any_number() -> None:
    def limit(argument: dict[str, int], policy: dict[str, int], operator: dict[str, int]) -> Any:
        policies = {
            "policies": [POLICY | {"definition": policy}] if policy else [],
            "operator_policies": [POLICY | {"definition": operator}] if operator else [],
        }
        return in_queue(
            answered({"queues": [JOBS | {"arguments": {"x-queue-type": "quorum", **argument}}], **policies}, broker_version="4.0.5"), "delivery_limit"
        )

    assert limit({}, {}, {}) == 20
    assert limit({}, {"delivery-limit": -1}, {}) is None
    assert limit({"x-delivery-limit": 4}, {"delivery-limit": -1}, {}) == 4
    assert limit({}, {"delivery-limit": -1}, {"delivery-limit": 6}) == 6


@pytest.mark.parametrize(("pattern", "found"), [("^..$", True), ("^.$", False), ("^é$", True), ("^[é]$", False), ("(?i)^É$", False), ("", True)])
def test_patterns_match_bytes(pattern: str, found: bool) -> None:
    answer = answered({"queues": [JOBS | {"name": "é"}], "policies": [POLICY | {"pattern": pattern}]}, "é")
    assert in_queue(answer, "policy") == ("p" if found else None)


@pytest.mark.parametrize(("low", "high"), [(1.49, 1.5), (-3, -2.5), (0, 10**30)])
def test_priorities_may_be_fractions_negative_and_huge(low: float, high: float) -> None:
    policies = [POLICY | {"name": "low", "priority": low}, POLICY | {"name": "high", "priority": high}]
    assert in_queue(answered({"queues": [JOBS], "policies": policies}), "policy") == "high"


@pytest.mark.parametrize(
    ("users", "user", "outcome"),
    [
        ([], None, "refused"),
        ([], "shop", "routed"),
        ([{"name": "mover", "tags": ["impersonator"]}], "mover", "routed"),
        ([{"name": "mover", "tags": "monitoring,impersonator"}], "mover", "routed"),
        ([{"name": "mover", "tags": ["monitoring"]}], "mover", "refused"),
    ],
)
def test_user_id_is_compared_with_who_publishes(users: list[Any], user: str | None, outcome: str) -> None:
    named = {} if user is None else {"user": user}
    permissions = [{"vhost": "/", "user": name, "write": ".*"} for name in ("shop", "mover")]
    answer = answered({"queues": [JOBS], "users": users, "permissions": permissions}, properties={"user_id": "shop"}, **named)
    assert (answer["outcome"], answer["certain"]) == (outcome, True)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"routingkey": "a"}, "routingkey"),
        ({"header": {}}, "header"),
        ({"properties": {"expiratoin": "5"}}, "properties.expiratoin"),
        ({"what_if": [{"change": "remove_policy", "nam": "p"}]}, "what_if[0].nam"),
        ({"what_if": [{"change": "set_policy", "name": "p", "pattern": "", "definition": {"max-length": 1}, "priorty": 1}]}, "what_if[0].priorty"),
    ],
)
def test_a_misspelt_field_is_an_error_that_names_it(changed: dict[str, Any], field: str) -> None:
    answer = answered({"queues": [JOBS], "policies": [POLICY]}, **changed)
    assert answer["error"]["field"] == field
    assert "is no field of" in answer["error"]["message"]


@pytest.mark.parametrize(
    ("change", "field", "named"),
    [
        ({"change": "set_queue_argument", "queue": "jobs", "argument": "x-delivery-limit", "value": 3}, "argument", "x-delivery-limit for a classic queue"),
        ({"change": "set_queue_argument", "queue": "ranked", "argument": "x-queue-type", "value": "quorum"}, "value", "x-max-priority for a quorum queue"),
        ({"change": "set_policy", "name": "o", "pattern": "", "definition": {"max-priority": 3}}, "definition.max-priority", "argument of the queue"),
        ({"change": "set_policy", "name": "o", "operator": True, "pattern": "", "definition": {"queue-mode": "lazy"}}, "definition.queue-mode", "operator"),
    ],
)
def test_a_hypothetical_change_that_the_broker_would_refuse_is_an_error(change: dict[str, Any], field: str, named: str) -> None:
    ranked = JOBS | {"name": "ranked", "arguments": {"x-max-priority": 3}}
    answer = answered({"queues": [JOBS, ranked]}, what_if=[change])
    assert answer["error"]["field"] == f"what_if[0].{field}"
    assert named in answer["error"]["message"]
