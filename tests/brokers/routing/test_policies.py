"""Which policy applies, and what it comes to with arguments."""

from __future__ import annotations

from typing import Any

import pytest

from brokers.routing.patterns import Patterns
from brokers.routing.policies import Effective, Policy, PolicySet, Target, effective
from brokers.routing.questions import answer


def settings(arguments: dict[str, Any], *policies: Policy, operator: tuple[Policy, ...] = (), name: str = "mail", kind: str = "classic") -> dict[str, Any]:
    return dict(effective(Target(name, "queue", kind), arguments, PolicySet(policies, operator), Patterns()).settings)


def policy(priority: int = 0, pattern: str = "^mail", apply_to: str = "queues", **definition: Any) -> Policy:
    return Policy(f"p{priority}", pattern, apply_to, priority, {key.replace("_", "-"): value for key, value in definition.items()})


@pytest.mark.parametrize("key", ["message-ttl", "max-length", "max-length-bytes", "expires"])
def test_of_limits_the_smaller_counts(key: str) -> None:
    assert settings({f"x-{key}": 5}, Policy("p", "", "all", 0, {key: 3})) == {key: 3}
    assert settings({f"x-{key}": 2}, Policy("p", "", "all", 0, {key: 3})) == {key: 2}


@pytest.mark.parametrize("key", ["dead-letter-exchange", "dead-letter-routing-key", "overflow"])
def test_otherwise_the_argument_wins(key: str) -> None:
    assert settings({f"x-{key}": "mine"}, Policy("p", "", "all", 0, {key: "theirs"})) == {key: "mine"}


def test_exchange_from_the_argument_and_key_from_the_policy() -> None:
    assert settings({"x-dead-letter-exchange": "dlx"}, policy(dead_letter_exchange="other", dead_letter_routing_key="k")) == {
        "dead-letter-exchange": "dlx",
        "dead-letter-routing-key": "k",
    }


def test_policies_are_not_merged_but_operator_policies_are() -> None:
    assert settings({}, policy(1, max_length=5), policy(2, message_ttl=9)) == {"message-ttl": 9}
    assert settings({}, policy(max_length=5, overflow="reject-publish"), operator=(policy(max_length=3, message_ttl=7),)) == {
        "max-length": 3,
        "overflow": "reject-publish",
        "message-ttl": 7,
    }


def test_patterns_are_searched_not_anchored_and_apply_to_kinds() -> None:
    assert settings({}, policy(pattern="ai", max_length=1)) == {"max-length": 1}
    assert settings({}, policy(apply_to="exchanges", max_length=1)) == {}
    assert settings({}, policy(apply_to="quorum_queues", max_length=1)) == {}
    assert settings({}, policy(apply_to="quorum_queues", max_length=1), kind="quorum") == {"max-length": 1}


def test_of_equal_priorities_the_first_in_the_brokers_order_wins_and_else_it_is_undefined() -> None:
    tied = (Policy("b", "", "all", 0, {"max-length": 1}), Policy("a", "", "all", 0, {"max-length": 2}))
    assert effective(Target("mail"), {}, PolicySet(tied), Patterns()) == Effective({"max-length": 1}, "b", merged={"max-length": 1})
    found = effective(Target("mail"), {}, PolicySet(tied, ordered=False), Patterns())
    assert "which one wins is undefined" in found.uncertainties[0]


def test_an_alternate_of_a_higher_policy_without_one_is_switched_off() -> None:
    policies = [
        {"name": "low", "pattern": ".*", "apply-to": "all", "priority": 1, "definition": {"alternate-exchange": "alt"}},
        {"name": "high", "pattern": "^d$", "apply-to": "all", "priority": 2, "definition": {"max-length": 5}},
    ]
    definitions = {
        "exchanges": [{"name": "d", "type": "direct"}, {"name": "e", "type": "direct"}, {"name": "alt", "type": "fanout"}],
        "queues": [{"name": "lost"}],
        "bindings": [{"source": "alt", "destination": "lost", "destination_type": "queue", "routing_key": ""}],
        "policies": policies,
    }
    step = answer({"definitions": definitions, "exchange": "e", "routing_key": "k"})["steps"][0]
    assert step["alternate"] == {"exchange": "alt", "from": "policy low", "used": True}
    assert [answer({"definitions": definitions, "exchange": name, "routing_key": "k"})["queues"] for name in ("d", "e", "")] == [[], ["lost"], []]


def test_an_operator_policy_hidden_in_parameters_counts() -> None:
    value = {"pattern": "^q", "apply-to": "queues", "priority": 0, "definition": {"message-ttl": 40}}
    definitions = {"queues": [{"name": "q", "arguments": {"x-message-ttl": 90}}], "parameters": [{"component": "operator_policy", "name": "o", "value": value}]}
    assert answer({"definitions": definitions, "exchange": "", "routing_key": "q"})["after"][0]["ttl_ms"] == 40


def test_an_export_of_one_virtual_host_names_it_only_in_its_policies() -> None:
    policy = {"vhost": "shop", "name": "p", "pattern": "^d$", "apply-to": "exchanges", "priority": 0, "definition": {"alternate-exchange": "alt"}}
    hidden = {"vhost": "shop", "component": "operator_policy", "name": "o", "value": {"pattern": "^lost$", "definition": {"message-ttl": 40}}}
    definitions = {
        "exchanges": [{"name": "d", "type": "direct"}, {"name": "alt", "type": "fanout"}],
        "queues": [{"name": "lost"}],
        "bindings": [{"source": "alt", "destination": "lost", "destination_type": "queue", "routing_key": ""}],
        "policies": [policy],
        "parameters": [hidden],
    }
    found = answer({"definitions": definitions, "exchange": "d", "routing_key": "k"})
    assert (found["queues"], found["after"][0]["ttl_ms"]) == (["lost"], 40)


def test_the_default_exchange_as_an_alternate_has_none_but_that_of_its_policy() -> None:
    definitions = {
        "exchanges": [{"name": "d", "type": "direct", "arguments": {"alternate-exchange": ""}}, {"name": "alt", "type": "fanout"}],
        "queues": [{"name": "k"}, {"name": "lost"}],
        "bindings": [{"source": "alt", "destination": "lost", "destination_type": "queue", "routing_key": ""}],
    }
    question = {"definitions": definitions, "exchange": "d", "routing_key": "k"}
    assert answer(question)["queues"] == []
    definitions["policies"] = [{"name": "all", "pattern": ".*", "definition": {"alternate-exchange": "alt"}}]
    found = answer(question)
    assert (found["queues"], found["steps"][0]["alternate"]) == (["lost"], {"exchange": "alt", "from": "policy all", "used": True})
    assert answer({**question, "exchange": ""})["queues"] == ["k"]
    assert answer({**question, "exchange": "", "routing_key": "nobody"})["queues"] == []
