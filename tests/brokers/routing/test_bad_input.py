"""Whatever comes in is answered, or an error names the field; in bounded time."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.routing.questions import answer_line
from tests.hypothesis_profiles import examples

GOOD: dict[str, Any] = {
    "definitions": {
        "exchanges": [{"name": "t", "type": "topic"}, {"name": "h", "type": "headers"}],
        "queues": [{"name": "q"}],
        "bindings": [
            {"source": "t", "destination": "q", "destination_type": "queue", "routing_key": "a.#"},
            {"source": "h", "destination": "q", "destination_type": "queue", "routing_key": "", "arguments": {"v": 1}},
        ],
        "policies": [],
    },
    "exchange": "t",
    "routing_key": "a.b",
}


def answer_for(**changed: Any) -> dict[str, Any]:
    return answer_line(json.dumps({**GOOD, **changed}).encode())


def defined(**changed: Any) -> dict[str, Any]:
    return answer_for(definitions={**GOOD["definitions"], **changed})


def field(answer: dict[str, Any]) -> str:
    assert set(answer) == {"error"}, answer
    assert answer["error"]["message"].startswith(answer["error"]["field"])
    return answer["error"]["field"]


@pytest.mark.parametrize("line", [b"{", b"", b"[]", b"1", b"null", b"\xff\xfe", b'"x"', b"[" * 100_000, b'{"a":' * 100_000, b'{"definitions": NaN}', b"{} {}"])
def test_a_line_that_is_no_question(line: bytes) -> None:
    assert field(answer_line(line)) in ("line", "definitions")


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"exchange": None}, "exchange"),
        ({"exchange": 5}, "exchange"),
        ({"exchange": "x" * 256}, "exchange"),
        ({"routing_key": ["a"]}, "routing_key"),
        ({"routing_key": "é" * 128}, "routing_key"),
        ({"headers": "a: b"}, "headers"),
        ({"headers": [1]}, "headers"),
        ({"headers": {"a": 2**64}}, "headers.a"),
        ({"headers": {"a": "x" * 10_000_000}}, "headers"),
        ({"headers_amqp": {"a": 1}}, "headers_amqp.a"),
        ({"headers_amqp": {"a": ["int", 1]}}, "headers_amqp.a"),
        ({"headers_amqp": {"a": [["long"], 1]}}, "headers_amqp.a"),
        ({"headers_amqp": {"a": ["byte", 300]}}, "headers_amqp.a"),
        ({"headers_amqp": {"a": ["float", 1e300]}}, "headers_amqp.a"),
        ({"headers_amqp": {"a": ["table", {"b": ["bool", 1]}]}}, "headers_amqp.a.b"),
        ({"headers_amqp": {"a": ["decimal", [1]]}}, "headers_amqp.a"),
        ({"properties": "x"}, "properties"),
        ({"properties": {"user_id": 5}}, "properties.user_id"),
        ({"properties": {"delivery_mode": "2"}}, "properties.delivery_mode"),
        ({"user": 5}, "user"),
        ({"verdicts": "some"}, "verdicts"),
        ({"broker_version": 4}, "broker_version"),
        ({"broker_version": "new"}, "broker_version"),
        ({"vhost": 1}, "vhost"),
        ({"cases": {}}, "cases"),
        ({"definitions": None}, "definitions"),
        ({"definitions": []}, "definitions"),
        ({"definitions": {"error": "not_authorised"}}, "definitions"),
    ],
)
def test_a_wrong_field_is_named(changed: dict[str, Any], named: str) -> None:
    assert field(answer_for(**changed)) == named


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"exchanges": {}}, "definitions.exchanges"),
        ({"exchanges": ["t"]}, "definitions.exchanges[0]"),
        ({"exchanges": [{"name": "t"}]}, "definitions.exchanges[0].type"),
        ({"exchanges": [{"type": "topic"}]}, "definitions.exchanges[0].name"),
        ({"exchanges": [{"name": "t", "type": "topic"}, {"name": "t", "type": "direct"}]}, "definitions.exchanges[1].name"),
        ({"exchanges": [{"name": "t", "type": "topic", "internal": "yes"}]}, "definitions.exchanges[0].internal"),
        ({"exchanges": [{"name": "t", "type": "topic", "arguments": {"alternate-exchange": 1}}]}, "definitions.exchanges[0].arguments.alternate-exchange"),
        ({"queues": [{"name": None}]}, "definitions.queues[0].name"),
        ({"queues": [{"name": "q", "arguments": 3}]}, "definitions.queues[0].arguments"),
        ({"bindings": [{"source": "t", "destination": "q", "destination_type": "topic"}]}, "definitions.bindings[0].destination_type"),
        ({"bindings": [{"source": "t"}]}, "definitions.bindings[0].destination"),
        ({"bindings": [{"source": "t", "destination": "q", "arguments_amqp": {"v": 1}}]}, "definitions.bindings[0].arguments_amqp.v"),
        ({"bindings": [{}] * 100_001}, "definitions.bindings"),
        ({"policies": [{"name": "p", "pattern": 1}]}, "definitions.policies[0].pattern"),
        ({"policies": [{"name": "p", "pattern": "x", "priority": "high"}]}, "definitions.policies[0].priority"),
        ({"parameters": [{"component": "operator_policy", "name": "o", "value": {}}]}, "definitions.parameters[0].value.pattern"),
    ],
)
def test_a_wrong_field_of_the_definitions_is_named(changed: dict[str, Any], named: str) -> None:
    assert field(defined(**changed)) == named


def test_deep_headers_end_in_an_error() -> None:
    deep: Any = 1
    for _ in range(40):
        deep = {"a": deep}
    assert field(answer_for(headers=deep)).startswith("headers.a.a")


def test_unknown_fields_missing_objects_and_doubles_are_no_obstacle() -> None:
    bindings = [*GOOD["definitions"]["bindings"], *GOOD["definitions"]["bindings"]]
    bindings += [{"source": "gone", "destination": "q"}, {"source": "t", "destination": "gone", "routing_key": "#"}]
    found = defined(bindings=bindings, queues=[{"name": "q"}, {"name": "q"}], federation=[1], rabbit_version="3.10.8")
    assert found["queues"] == ["q"]
    assert [binding["destination"] for binding in found["steps"][0]["bindings"]] == ["q"]


def test_one_bad_case_leaves_the_others_answered() -> None:
    found = answer_line(json.dumps({"id": 7, "definitions": GOOD["definitions"], "cases": [{"exchange": 1}, {"exchange": "", "routing_key": "q"}]}).encode())
    assert found["id"] == 7
    assert field(found["results"][0]) == "cases[0].exchange"
    assert found["results"][1]["queues"] == ["q"]


def test_an_export_of_several_virtual_hosts_wants_one_named() -> None:
    two = {"exchanges": [], "bindings": [], "queues": [{"name": "q", "vhost": "/"}, {"name": "q", "vhost": "b", "arguments": {"x-message-ttl": 5}}]}
    question = {"definitions": two, "exchange": "", "routing_key": "q"}
    assert field(answer_for(**question)) == "vhost"
    assert field(answer_for(**question, vhost="c")) == "vhost"
    assert answer_for(**question, vhost="b")["after"][0]["ttl_ms"] == 5


def test_cycles_of_exchanges_and_alternates_end() -> None:
    exchanges = [{"name": name, "type": "fanout", "arguments": {"alternate-exchange": other}} for name, other in ("ab", "bc", "ca")]
    bindings = [{"source": source, "destination": target, "destination_type": "exchange", "routing_key": ""} for source, target in ("ab", "ba")]
    found = answer_for(definitions={"exchanges": exchanges, "queues": [], "bindings": bindings}, exchange="c")
    assert (found["outcome"], [step["exchange"] for step in found["steps"]]) == ("unroutable", ["c", "a", "b"])


@pytest.mark.parametrize("pattern", ["(a+)+$", "(", "[", "a" * 3000, "(?:a|a?)*b"])
def test_a_policy_pattern_that_can_not_be_evaluated_stops_nothing(pattern: str) -> None:
    started = time.monotonic()
    long = "a" * 200 + "!"
    found = answer_for(
        definitions={"exchanges": [{"name": long, "type": "fanout"}], "queues": [], "policies": [{"name": "p", "pattern": pattern, "apply-to": "all"}]},
        exchange=long,
    )
    assert found["outcome"] == "unroutable"
    assert time.monotonic() - started < 5


def test_a_hundred_evil_patterns_are_given_up_together() -> None:
    policies = [{"name": f"p{number}", "pattern": f"(a+)+{number}$", "apply-to": "all"} for number in range(100)]
    started = time.monotonic()
    found = answer_for(definitions={"exchanges": [{"name": "a" * 200, "type": "fanout"}], "queues": [], "policies": policies}, exchange="a" * 200)
    assert found["outcome"] == "unroutable"
    assert time.monotonic() - started < 20


def test_dead_letters_of_very_many_queues_end() -> None:
    queues = [{"name": f"q{number}", "arguments": {"x-message-ttl": 5, "x-dead-letter-exchange": "f"}} for number in range(3000)]
    bindings = [{"source": "f", "destination": queue["name"], "destination_type": "queue", "routing_key": ""} for queue in queues]
    started = time.monotonic()
    found = answer_for(definitions={"exchanges": [{"name": "f", "type": "fanout"}], "queues": queues, "bindings": bindings}, exchange="f")
    assert len(found["after"]) == 3000
    assert time.monotonic() - started < 60


def test_many_hashes_and_words_are_answered_in_bounded_time() -> None:
    pattern = ".".join(["#", "a"] * 60)
    bindings = [{"source": "t", "destination": "q", "destination_type": "queue", "routing_key": f"{pattern}.{number}"} for number in range(200)]
    started = time.monotonic()
    found = defined(bindings=bindings) | answer_for(definitions={**GOOD["definitions"], "bindings": bindings}, routing_key=".".join("a" * 127))
    assert found["outcome"] == "unroutable"
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("kind", ["topic", "direct", "headers", "fanout", "x-consistent-hash"])
def test_very_many_bindings_are_answered(kind: str) -> None:
    arguments = (lambda number: {"v": number}) if kind == "headers" else (lambda number: {})
    bindings = [
        {"source": "x", "destination": f"q{number % 100}", "destination_type": "queue", "routing_key": f"order.{number}.eu", "arguments": arguments(number)}
        for number in range(examples(10_000, 100_000))
    ]
    definitions = {"exchanges": [{"name": "x", "type": kind}], "queues": [{"name": f"q{number}"} for number in range(100)], "bindings": bindings}
    started = time.monotonic()
    found = answer_for(definitions=definitions, exchange="x", routing_key="order.77.eu", headers={"v": 77})
    assert len(found["queues"]) == (100 if kind in ("fanout", "x-consistent-hash") else 1)
    assert time.monotonic() - started < 60


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
PATHS = [(), ("exchange",), ("routing_key",), ("headers",), ("headers_amqp",), ("properties",), ("definitions",), ("user",), ("vhost",), ("cases",)]
PATHS += [("definitions", name) for name in ("exchanges", "queues", "bindings", "policies", "parameters", "operator_policies", "permissions", "vhosts")]
PATHS += [("definitions", "bindings", 0, name) for name in ("source", "destination", "arguments", "arguments_amqp", "routing_key")]
PATHS += [("definitions", "exchanges", 0, name) for name in ("name", "type", "arguments", "internal", "vhost")]
PATHS += [("properties", name) for name in ("headers", "expiration", "delivery_mode", "user_id", "priority", "reply_to")]


@given(st.sampled_from(PATHS), JSON)
def test_nothing_that_stands_anywhere_is_an_exception(path: tuple[Any, ...], value: Any) -> None:
    question: Any = json.loads(json.dumps({**GOOD, "properties": {}}))
    place = question
    for name in path[:-1]:
        place = place[name]
    if path:
        place[path[-1]] = value
    found = answer_line(json.dumps(question if path else value).encode())
    assert "error" in found or "results" in found or found["outcome"] in ("routed", "unroutable", "refused", "unknown")
