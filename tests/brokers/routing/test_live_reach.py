"""Examples of reverse routing, published to a real broker: each arrives, from each exchange and after dead-lettering elsewhere."""

from __future__ import annotations

import random
from typing import Any

import amqp

from brokers.routing.answer import as_json
from brokers.routing.reverse_routing.reach import reach
from brokers.routing.reverse_routing.reach_text import reach_answer
from brokers.routing.virtual_host import VirtualHostRouter
from tests.brokers.routing.publishing import connected, declare, publish
from tests.brokers.routing.test_live_publishes import topology
from tests.conftest import TestNode
from tests.waiting import wait_until

EXPIRING = {"x-message-ttl": 0}


def examples(router: VirtualHostRouter, kind: str) -> dict[str, dict[str, Any]]:
    """By a name that ends in the queue where it should arrive."""
    found = {}
    for end in router.queues:
        for number, path in enumerate(as_json(reach_answer(router, reach(router, end)))[kind]):
            if path["example"]:
                found[f"{kind} {number} {end}"] = {**path["example"], "headers": path["example"]["headers"] or {}}
    return found


def test_every_example_arrives_in_a_real_broker(rabbitmq: TestNode, vhost: str) -> None:
    made = topology(random.Random(11))
    made["exchanges"] += [{"name": "letters", "type": "topic", "arguments": {}}]
    made["queues"] += [
        {"name": "kept", "arguments": {"x-dead-letter-exchange": "letters", **EXPIRING}},
        {"name": "given", "arguments": {"x-dead-letter-exchange": "x2", "x-dead-letter-routing-key": "order.new.eu", **EXPIRING}},
    ]
    made["bindings"] += [
        {"source": "letters", "destination": "q1", "destination_type": "queue", "routing_key": "order.#", "arguments": {}},
        {"source": "x2", "destination": "q2", "destination_type": "queue", "routing_key": "order.*.eu", "arguments": {}},
        {"source": "x3", "destination": "kept", "destination_type": "queue", "routing_key": "", "arguments": {}},
    ]
    with connected(rabbitmq, vhost) as connection:
        declare(rabbitmq, vhost, connection, made)
        router = VirtualHostRouter.from_definitions(rabbitmq.api("GET", f"definitions/{vhost}"), rabbitmq.version)
        lasting = [queue["name"] for queue in made["queues"] if queue["name"] not in ("kept", "given")]
        messages = {name: one for kind in ("ways", "dead_letters") for name, one in examples(router, kind).items() if name.split()[-1] in lasting}
        fate = publish(connection, messages, [])
        missing = dict.fromkeys(messages)
        wait_until(lambda: not still_missing(connection.channel(), lasting, missing), seconds=30)
    assert (fate.refused, fate.returned) == ({}, set())
    assert len(messages) > 30
    assert {name.split()[-1] for name in messages if name.startswith("dead_letters")} >= {"q1", "q2"}


def still_missing(channel: amqp.Channel, queues: list[str], missing: dict[str, None]) -> dict[str, None]:
    """Those of the messages that were not yet found in the queue that their names end in."""
    for queue in queues:
        while (got := channel.basic_get(queue, no_ack=True)) is not None:
            name = got.properties["message_id"]
            if name.split()[-1] == queue:
                missing.pop(name, None)
    channel.close()
    return missing
