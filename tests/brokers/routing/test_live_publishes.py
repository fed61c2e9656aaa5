"""What is predicted and what a real broker does: 200 random messages over a random topology, those that reach nothing included."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from brokers.routing.answer import as_json
from brokers.routing.questions import answer_in
from brokers.routing.virtual_host import VirtualHostRouter
from tests.brokers.routing.publishing import connected, declare, different, publish
from tests.conftest import TestNode

PUBLISHES = 200
WORDS = ("order", "new", "eu", "us", "")
PATTERNS = (*WORDS, "*", "#")
VALUES: tuple[Any, ...] = (1, 2, "1", "web", True, None)
TYPES = ("direct", "topic", "topic", "fanout", "headers", "headers")
MATCHES = ("all", "any", "all-with-x", "any-with-x")


def dotted(rng: random.Random, words: tuple[str, ...]) -> str:
    return ".".join(rng.choice(words) for _ in range(rng.randint(1, 4)))


def headers(rng: random.Random) -> dict[str, Any]:
    return {name: rng.choice(VALUES) for name in rng.sample(("v", "source", "x-level"), rng.randint(0, 3))}


def topology(rng: random.Random) -> dict[str, list[dict[str, Any]]]:
    """Exchanges bound to queues and to each other, in circles too, some with an alternate exchange."""
    exchanges: list[dict[str, Any]] = [{"name": f"x{number}", "type": TYPES[number % len(TYPES)], "arguments": {}} for number in range(8)]
    for exchange in exchanges:
        if rng.random() < 0.4:
            exchange["arguments"]["alternate-exchange"] = rng.choice(exchanges)["name"]
    exchanges.append({"name": "lone", "type": "direct", "arguments": {}})
    queues = [{"name": f"q{number}", "arguments": {}} for number in range(8)]
    bindings: dict[str, dict[str, Any]] = {}
    for _ in range(40):
        source = rng.choice(exchanges[:8])
        to_exchange = rng.random() < 0.2
        key = dotted(rng, PATTERNS if source["type"] == "topic" else WORDS[:4])
        arguments = {**headers(rng), "x-match": rng.choice(MATCHES)} if source["type"] == "headers" else {}
        found = {
            "source": source["name"],
            "destination": rng.choice(exchanges[:8] if to_exchange else queues)["name"],
            "destination_type": "exchange" if to_exchange else "queue",
            "routing_key": key,
            "arguments": arguments,
        }
        bindings[json.dumps(found, sort_keys=True)] = found
    return {"exchanges": exchanges, "queues": queues, "bindings": list(bindings.values())}


def message(rng: random.Random, made: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Mostly near what is bound, so that half and half reach something."""
    exchange = rng.choice(["", *(each["name"] for each in made["exchanges"])])
    key = rng.choice([*(queue["name"] for queue in made["queues"]), "nowhere"]) if not exchange else dotted(rng, WORDS)
    return {"exchange": exchange, "routing_key": key, "headers": headers(rng)}


@pytest.mark.parametrize("seed", [7, 2026])
def test_two_hundred_random_messages_arrive_where_they_were_predicted(rabbitmq: TestNode, vhost: str, seed: int) -> None:
    rng = random.Random(seed)
    made = topology(rng)
    messages = {str(number): message(rng, made) for number in range(PUBLISHES)}
    with connected(rabbitmq, vhost) as connection:
        declare(rabbitmq, vhost, connection, made)
        fate = publish(connection, messages, [queue["name"] for queue in made["queues"]])
    router = VirtualHostRouter.from_definitions(rabbitmq.api("GET", f"definitions/{vhost}"), rabbitmq.version)
    predicted = {number: as_json(answer_in(router, one)) for number, one in messages.items()}
    assert different(messages, predicted, fate) == {}
    assert all(answer["certain"] for answer in predicted.values())
    assert 20 < len(fate.returned) < 180
