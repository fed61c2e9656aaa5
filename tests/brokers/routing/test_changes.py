"""What if: changes to a virtual host that somebody only thinks about, read, applied and compared."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.routing.definitions import of_topology, read
from brokers.routing.questions import answer, answer_line
from brokers.routing.what_if.change_text import change_text
from brokers.routing.what_if.changed import changed, changed_topology
from brokers.routing.what_if.changes import MOST_CHANGES, read_changes
from brokers.topology import BindingDefinition, ExchangeDefinition, PolicyDefinition, QueueDefinition, Topology

EU = {"source": "orders", "destination": "orders.eu", "routing_key": "order.*.eu"}
US = {"source": "orders", "destination": "orders.us", "routing_key": "order.*.us"}
VIP = {"source": "heads", "destination": "vip", "routing_key": ""}
DEFINITIONS: dict[str, Any] = {
    "exchanges": [{"name": "orders", "type": "topic"}, {"name": "heads", "type": "headers"}, {"name": "lost", "type": "fanout"}],
    "queues": [{"name": "orders.eu"}, {"name": "orders.us"}, {"name": "dead"}, {"name": "vip"}],
    "bindings": [
        {**EU, "destination_type": "queue"},
        {**US, "destination_type": "queue"},
        {"source": "lost", "destination": "dead", "destination_type": "queue", "routing_key": ""},
        {**VIP, "destination_type": "queue", "arguments": {"level": 1}},
        {**VIP, "destination_type": "queue", "arguments": {"level": "gold"}},
    ],
    "policies": [{"name": "short", "pattern": "^dead$", "apply-to": "queues", "definition": {"message-ttl": 1000}}],
    "operator_policies": [{"name": "cap", "pattern": ".*", "apply-to": "queues", "definition": {"max-length": 9}}],
}
POLICY = {"change": "set_policy", "name": "p", "pattern": "^orders", "definition": {"message-ttl": 500}}
NO_ALTERNATE = {"change": "remove_alternate", "exchange": "orders"}


def what_if(*changes: dict[str, Any], exchange: str = "orders", routing_key: str = "order.new.us", **more: Any) -> dict[str, Any]:
    question = {"definitions": DEFINITIONS, "exchange": exchange, "routing_key": routing_key, "what_if": list(changes), **more}
    found: dict[str, Any] = answer(question)["what_if"]
    return found


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ([{"change": "replace_binding", **EU, "with": {"routing_key": "order.*.#"}}], "It would also reach queue orders.eu; orders.us still gets it."),
        ([{"change": "add_binding", **EU, "routing_key": "#.us"}], "It would also reach queue orders.eu; orders.us still gets it."),
        ([{"change": "remove_binding", **US}], "It would reach no queue instead of queue orders.us."),
        ([{"change": "remove_binding", **EU}], "Nothing would change: it would still reach queue orders.us."),
        (
            [{"change": "remove_binding", **US}, {"change": "replace_binding", **EU, "with": {"routing_key": "#"}}],
            "It would reach queue orders.eu, and no longer orders.us.",
        ),
        ([POLICY], "In orders.us it would expire after 500 ms instead of never."),
        (
            [{"change": "set_queue_argument", "queue": "orders.us", "argument": "x-dead-letter-exchange", "value": "lost"}],
            "Dead letters of orders.us would go to queue dead instead of being discarded.",
        ),
        (
            [{**POLICY, "definition": {"max-length": 3, "overflow": "reject-publish"}}],
            "orders.us would hold at most 3 messages (reject-publish) instead of 9 messages (drop-head).",
        ),
        ([{"change": "remove_policy", "name": "cap", "operator": True}], "orders.us would hold any number of messages instead of 9 messages (drop-head)."),
        ([{**POLICY, "operator": True, "name": "cap", "pattern": "x"}], "orders.us would hold any number of messages instead of 9 messages (drop-head)."),
        (
            [{"change": "set_queue_argument", "queue": "orders.us", "argument": "x-queue-type", "value": "quorum"}],
            "Nothing would change: it would still reach queue orders.us.",
        ),
        (
            [{"change": "set_queue_argument", "queue": "orders.us", "argument": "x-single-active-consumer", "value": True}],
            "orders.us would deliver to one consumer at a time.",
        ),
    ],
)
def test_what_a_change_would_do_is_described_in_a_sentence(changes: list[dict[str, Any]], text: str) -> None:
    assert what_if(*changes)["text"] == text


def test_what_is_gained_and_lost_is_listed_beside_the_whole_answer() -> None:
    found = what_if({"change": "remove_binding", **US}, {"change": "add_binding", **EU, "routing_key": "order.new.us"})
    assert (found["gained"], found["lost"], found["answer"]["queues"]) == (["orders.eu"], ["orders.us"], ["orders.eu"])
    assert "what_if" not in found["answer"]


def test_an_alternate_takes_what_matched_nothing_and_yields_to_bindings() -> None:
    alternate = {"change": "set_alternate", "exchange": "orders", "alternate": "lost"}
    assert what_if(alternate, routing_key="x")["text"].startswith("It would reach queue dead instead of no queue.")
    assert what_if(alternate)["gained"] == []
    assert what_if(alternate, NO_ALTERNATE, routing_key="x")["gained"] == []


def test_a_gained_queue_shows_when_messages_expire_there() -> None:
    found = what_if({"change": "set_alternate", "exchange": "orders", "alternate": "lost"}, routing_key="x")
    assert found["text"] == "It would reach queue dead instead of no queue. In dead it would expire after 1,000 ms."


def test_a_missing_exchange_stays_refused() -> None:
    assert what_if(POLICY, exchange="nowhere")["text"] == "Nothing would change: it would still be refused."


def test_a_binding_that_is_not_unique_is_chosen_by_its_arguments() -> None:
    question = {"exchange": "heads", "routing_key": "", "headers": {"level": 1}}
    assert what_if({"change": "remove_binding", **VIP, "arguments": {"level": 1}}, **question)["lost"] == ["vip"]
    assert what_if({"change": "remove_binding", **VIP, "arguments": {"level": "gold"}}, **question)["lost"] == []
    other = {"change": "replace_binding", **VIP, "arguments": {"level": 1}, "with": {"arguments": {"level": 2}}}
    assert what_if(other, **question)["lost"] == ["vip"]


def test_exact_types_count_in_a_changed_binding() -> None:
    exact = {"change": "add_binding", **EU, "source": "heads", "arguments_amqp": {"level": ["longstr", "1"]}}
    assert what_if(exact, exchange="heads", routing_key="", headers={"level": "1"})["gained"] == ["orders.eu"]
    assert what_if(exact, exchange="heads", routing_key="", headers={"level": 1})["gained"] == []


def test_the_predeclared_exchanges_can_be_bound_and_get_alternates() -> None:
    assert what_if({"change": "add_binding", **EU, "source": "amq.topic", "routing_key": "#"}, exchange="amq.topic")["gained"] == ["orders.eu"]
    assert what_if({"change": "set_alternate", "exchange": "amq.direct", "alternate": "lost"}, exchange="amq.direct")["gained"] == ["dead"]


def test_every_case_of_a_topology_takes_its_own_changes() -> None:
    cases = [{"exchange": "orders", "routing_key": "order.new.us", "what_if": [{"change": "remove_binding", **US}]}, {"exchange": "orders", "routing_key": "x"}]
    first, second = answer({"definitions": DEFINITIONS, "cases": cases})["results"]
    assert first["what_if"]["lost"] == ["orders.us"]
    assert "what_if" not in second


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({}, "what_if[0].change"),
        ({"change": "paint"}, "what_if[0].change"),
        ({"change": ["add_binding"]}, "what_if[0].change"),
        ({"change": "set_route", "name": "a", "route": {"queue": "b"}}, "what_if[0].change"),
        ({"change": "add_binding", **EU, "source": ""}, "what_if[0].source"),
        ({"change": "add_binding", **EU, "source": "nowhere"}, "what_if[0].source"),
        ({"change": "add_binding", **EU, "destination": "nowhere"}, "what_if[0].destination"),
        ({"change": "add_binding", **EU, "destination": "orders.eu", "destination_type": "exchange"}, "what_if[0].destination"),
        ({"change": "add_binding", **EU, "destination_type": "stream"}, "what_if[0].destination_type"),
        ({"change": "add_binding", **EU, "routing_key": "x" * 256}, "what_if[0].routing_key"),
        ({"change": "add_binding", **EU, "arguments": [1]}, "what_if[0].arguments"),
        ({"change": "add_binding", **EU, "arguments": {"a": 2**64}}, "what_if[0].arguments.a"),
        ({"change": "remove_binding", **EU, "routing_key": "other"}, "what_if[0]"),
        ({"change": "remove_binding", **VIP}, "what_if[0].arguments"),
        ({"change": "remove_binding", **VIP, "arguments": {"level": 1.0}}, "what_if[0]"),
        ({"change": "replace_binding", **EU}, "what_if[0].with"),
        ({"change": "replace_binding", **EU, "with": "order.#"}, "what_if[0].with"),
        ({"change": "replace_binding", **EU, "with": {"routing_key": 5}}, "what_if[0].with.routing_key"),
        ({**POLICY, "name": None}, "what_if[0].name"),
        ({**POLICY, "pattern": "("}, "what_if[0].pattern"),
        ({**POLICY, "pattern": 1}, "what_if[0].pattern"),
        ({**POLICY, "apply-to": "everything"}, "what_if[0].apply-to"),
        ({**POLICY, "priority": "high"}, "what_if[0].priority"),
        ({**POLICY, "definition": {}}, "what_if[0].definition"),
        ({**POLICY, "definition": [1]}, "what_if[0].definition"),
        ({**POLICY, "operator": "yes"}, "what_if[0].operator"),
        ({"change": "remove_policy", "name": "p"}, "what_if[0].name"),
        ({"change": "remove_policy", "name": "short", "operator": True}, "what_if[0].name"),
        ({"change": "set_alternate", "exchange": "nowhere", "alternate": "lost"}, "what_if[0].exchange"),
        ({"change": "set_alternate", "exchange": "", "alternate": "lost"}, "what_if[0].exchange"),
        ({"change": "set_alternate", "exchange": "orders"}, "what_if[0].alternate"),
        (NO_ALTERNATE, "what_if[0].exchange"),
        ({"change": "set_queue_argument", "queue": "nowhere", "argument": "x-message-ttl", "value": 1}, "what_if[0].queue"),
        ({"change": "set_queue_argument", "queue": "dead", "argument": "message-ttl", "value": 1}, "what_if[0].argument"),
        ({"change": "set_queue_argument", "queue": "dead", "argument": "x-message-ttl", "value": "1"}, "what_if[0].value"),
        ({"change": "set_queue_argument", "queue": "dead", "argument": "x-message-ttl", "value": -1}, "what_if[0].value"),
        ({"change": "set_queue_argument", "queue": "dead", "argument": "x-overflow", "value": "burst"}, "what_if[0].value"),
        ({"change": "set_queue_argument", "queue": "dead", "argument": "x-single-active-consumer", "value": 1}, "what_if[0].value"),
        ({"change": "set_queue_argument", "queue": "dead", "argument": "x-dead-letter-exchange"}, "what_if[0].value"),
        ({"change": "remove_queue_argument", "queue": "dead", "argument": "x-message-ttl"}, "what_if[0].argument"),
    ],
)
def test_a_change_that_does_not_fit_names_its_field(change: dict[str, Any], field: str) -> None:
    question = {"definitions": DEFINITIONS, "exchange": "orders", "routing_key": "a", "what_if": [change]}
    assert answer_line(json.dumps(question).encode())["error"]["field"] == field


@pytest.mark.parametrize("changes", [5, "x", [5], {"change": "paint"}, [POLICY] * (MOST_CHANGES + 1)])
def test_what_is_no_list_of_changes_names_the_field(changes: Any) -> None:
    question = {"definitions": DEFINITIONS, "exchange": "orders", "routing_key": "a", "what_if": changes}
    assert answer_line(json.dumps(question).encode())["error"]["field"].startswith("what_if")


def test_a_change_in_a_case_names_the_case() -> None:
    case = {"exchange": "orders", "routing_key": "a", "what_if": [{"change": "paint"}]}
    [result] = answer({"definitions": DEFINITIONS, "cases": [case]})["results"]
    assert result["error"]["field"] == "cases[0].what_if[0].change"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"change": "add_binding", **EU, "arguments": {"a": 1}}, 'A binding is added from `orders` to queue `orders.eu`: `order.*.eu`, `{"a": 1}`.'),
        ({"change": "remove_binding", **VIP}, "The binding the empty key from `heads` to queue `vip` is removed."),
        (
            {"change": "replace_binding", **EU, "with": {"routing_key": "#"}},
            "The binding `order.*.eu` from `orders` to queue `orders.eu` is changed to `#`.",
        ),
        (POLICY, 'Policy `p` applies to queues and exchanges matching `^orders`, priority 0: `{"message-ttl": 500}`.'),
        ({"change": "remove_policy", "name": "cap", "operator": True}, "Operator policy `cap` is removed."),
        ({"change": "set_alternate", "exchange": "orders", "alternate": "lost"}, "The alternate of `orders` is `lost`."),
        (NO_ALTERNATE, "Exchange `orders` has no alternate of its own."),
        ({"change": "set_queue_argument", "queue": "dead", "argument": "x-overflow", "value": "drop-head"}, 'Queue `dead` has `x-overflow`: `"drop-head"`.'),
        ({"change": "remove_queue_argument", "queue": "dead", "argument": "x-overflow"}, "Queue `dead` has no `x-overflow`."),
    ],
)
def test_a_change_is_described_in_a_sentence(change: dict[str, Any], sentence: str) -> None:
    [(read_change, _)] = read_changes([(change, "what_if[0]")])
    assert change_text(read_change) == sentence


def test_a_polled_topology_keeps_what_routing_does_not_look_at() -> None:
    topology = Topology(
        "/",
        (ExchangeDefinition("orders", "topic", durable=False),),
        (QueueDefinition("mail", durable=False, auto_delete=True, arguments={"x-expires": 5}),),
        (BindingDefinition("", "mail", "queue", "mail"), BindingDefinition("orders", "mail", "queue", "a", {"n": 1})),
        (PolicyDefinition("cap", "x", "queues", 1, {"max-length": 1}, operator=True),),
    )
    removed, path = {"change": "remove_binding", "source": "orders", "destination": "mail", "routing_key": "a"}, "what_if[0]"
    after = changed_topology(topology, read_changes([(removed, path)]))
    assert (after.exchanges, after.queues, after.policies, after.bindings) == (topology.exchanges, topology.queues, topology.policies, ())


keys = st.lists(st.sampled_from(["a", "b", "*", "#", ""]), min_size=1, max_size=3).map(".".join)


@given(st.lists(st.tuples(st.sampled_from(["orders.eu", "orders.us", "dead"]), keys), min_size=1, max_size=5), st.integers(0, 4), keys)
def test_a_replacement_is_a_removal_and_an_addition(bound: list[tuple[str, str]], place: int, key: str) -> None:
    """And what comes in stays as it was."""
    bindings = [{"source": "orders", "destination": queue, "destination_type": "queue", "routing_key": pattern} for queue, pattern in dict.fromkeys(bound)]
    definitions = {**DEFINITIONS, "bindings": bindings}
    before = copy.deepcopy(definitions)
    chosen = bindings[place % len(bindings)]
    replaced = [{"change": "replace_binding", **chosen, "with": {"routing_key": key}}]
    other = [{"change": "remove_binding", **chosen}, {"change": "add_binding", **chosen, "routing_key": key}]
    question = {"definitions": definitions, "exchange": "orders", "routing_key": "a.b"}
    assert answer({**question, "what_if": replaced})["what_if"]["answer"]["queues"] == answer({**question, "what_if": other})["what_if"]["answer"]["queues"]
    written = [{**one, "routing_key": key} if one is chosen else one for one in bindings]
    plain = answer({**question, "definitions": {**definitions, "bindings": written}})
    assert answer({**question, "what_if": replaced})["what_if"]["answer"] == plain
    assert definitions == before


def test_a_topology_and_its_definitions_change_alike() -> None:
    contents = read(DEFINITIONS)
    change = read_changes([(POLICY, "what_if[0]")])
    assert [policy.name for policy in changed(contents, change).policies] == ["short", "p"]
    topology = Topology("/", policies=(PolicyDefinition("short", "^dead$", "queues", 0, {"message-ttl": 1000}),))
    assert of_topology(changed_topology(topology, change)).policies == changed(contents, change).policies
