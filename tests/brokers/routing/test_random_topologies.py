"""What is predicted and what a real broker does, over topologies that hypothesis makes up in each run: all four types, exchanges bound in circles,
alternates by argument and by policy, CC and BCC, refusals. Explained from RabbitMQ's export and from what our poller reads."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, note, settings
from hypothesis import strategies as st

from brokers.management.management_api import ManagementApi
from brokers.polling.poll_memory import PollMemory
from brokers.routing.answer import as_json
from brokers.routing.questions import answer_in
from brokers.routing.virtual_host import VirtualHostRouter
from tests.brokers.facts import NOON
from tests.brokers.polled import poll_once
from tests.brokers.routing.publishing import connected, declare, different, publish
from tests.conftest import TestNode
from tests.hypothesis_profiles import examples

EXCHANGES = [f"x{number}" for number in range(5)]
QUEUES = [f"q{number}" for number in range(5)]
WORDS = ("order", "new", "eu", "")

KEYS = st.lists(st.sampled_from(WORDS), max_size=3).map(".".join)
PATTERNS = st.lists(st.sampled_from([*WORDS, "*", "#", "*", "#"]), max_size=4).map(".".join)
VALUES = st.sampled_from([1, 2, 1.0, "1", "web", True, None])
HEADERS = st.dictionaries(st.sampled_from(["v", "source", "x-level"]), VALUES, max_size=3)
ANY_EXCHANGE = st.sampled_from([*EXCHANGES, *EXCHANGES, "missing", ""])


@st.composite
def exchanges(draw: st.DrawFn) -> list[dict[str, Any]]:
    made = []
    for name in EXCHANGES:
        alternate = draw(st.none() | ANY_EXCHANGE)
        arguments = {} if alternate is None else {"alternate-exchange": alternate}
        type_ = draw(st.sampled_from(["topic", "headers", "direct", "fanout"]))
        internal = draw(st.sampled_from([False, False, False, True]))
        made.append({"name": name, "type": type_, "internal": internal, "arguments": arguments})
    return made


@st.composite
def bindings(draw: st.DrawFn, types: dict[str, str]) -> dict[str, Any]:
    source = draw(st.sampled_from(EXCHANGES))
    to_queue = draw(st.sampled_from([True, True, False]))
    matches = st.sampled_from([{}, *({"x-match": match} for match in ("all", "any", "all-with-x", "any-with-x"))])
    return {
        "source": source,
        "destination": draw(st.sampled_from(QUEUES if to_queue else EXCHANGES)),
        "destination_type": "queue" if to_queue else "exchange",
        "routing_key": draw(PATTERNS if types[source] == "topic" else KEYS),
        "arguments": draw(HEADERS) | draw(matches) if types[source] == "headers" else {},
    }


@st.composite
def topologies(draw: st.DrawFn) -> dict[str, Any]:
    """Policies have priorities of their own: among equal ones the broker takes any."""
    made = draw(exchanges())
    policy = st.fixed_dictionaries(
        {
            "pattern": st.sampled_from(["^x[01]", "x", ".*", "[24]$", "^$"]),
            "apply-to": st.sampled_from(["exchanges", "all", "queues"]),
            "definition": st.sampled_from(EXCHANGES).map(lambda name: {"alternate-exchange": name}),
        }
    )
    policies = [{"name": f"p{number}", "priority": number, **one} for number, one in enumerate(draw(st.lists(policy, max_size=3)))]
    for one in policies:
        if one["apply-to"] == "queues":
            one["definition"] = {"max-length": 1000}
    return {
        "exchanges": made,
        "queues": [{"name": name} for name in QUEUES],
        "bindings": draw(st.lists(bindings({one["name"]: one["type"] for one in made}), min_size=3, max_size=15)),
        "policies": policies,
    }


@st.composite
def messages(draw: st.DrawFn) -> dict[str, Any]:
    """One in some has more keys, which may also be of a type that the broker refuses."""
    exchange = draw(ANY_EXCHANGE)
    key = draw(KEYS if exchange else st.sampled_from([*QUEUES, "nowhere"]))
    headers = draw(HEADERS)
    more = draw(st.sampled_from([None, None, None, "CC", "BCC"]))
    if more:
        headers |= {more: draw(st.lists(KEYS | st.sampled_from([*QUEUES, 7]), max_size=2) | st.sampled_from(["eu", 5, None]))}
    return {"exchange": exchange, "routing_key": key, "headers": headers}


@settings(max_examples=examples(8, 100))
@given(made=topologies(), sent=st.lists(messages(), min_size=25, max_size=25))
def test_messages_over_any_topology_arrive_where_they_were_predicted(rabbitmq: TestNode, made: dict[str, Any], sent: list[dict[str, Any]]) -> None:
    note(json.dumps(made))
    vhost = rabbitmq.new_vhost()
    try:
        with connected(rabbitmq, vhost) as connection:
            declare(rabbitmq, vhost, connection, made)
            fate = publish(connection, published := {str(number): one for number, one in enumerate(sent)}, QUEUES)
        definitions = rabbitmq.api("GET", f"definitions/{vhost}")
        polled = poll_once(ManagementApi(rabbitmq.address()), NOON, PollMemory()).topologies or {}
    finally:
        rabbitmq.api("DELETE", f"vhosts/{vhost}")
    for router in (VirtualHostRouter.from_definitions(definitions, rabbitmq.version), VirtualHostRouter.from_topology(polled[vhost], rabbitmq.version)):
        answers = {name: as_json(answer_in(router, one)) for name, one in published.items()}
        assert different(published, answers, fate) == {}
        assert all(answer["certain"] for answer in answers.values())
