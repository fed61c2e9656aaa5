"""CC of a dead letter whose queue gives it a key of its own: on a real broker, over two hops, and where a headers exchange looks at CC."""

from __future__ import annotations

from typing import Any

from amqp.basic_message import Message as AmqpMessage

from brokers.routing.dead_lettering import EXPIRED, dead_letter_of, in_flight
from brokers.routing.refusals import Message
from brokers.routing.values import from_json
from brokers.routing.virtual_host import VirtualHostRouter
from tests.brokers.routing.publishing import connected, declare
from tests.conftest import TestNode
from tests.waiting import wait_until


def dying(exchange: str, key: str | None = None) -> dict[str, Any]:
    return {"x-message-ttl": 1, "x-dead-letter-exchange": exchange, **({} if key is None else {"x-dead-letter-routing-key": key})}


def bound(source: str, queue: str, key: str = "", **arguments: Any) -> dict[str, Any]:
    return {"source": source, "destination": queue, "destination_type": "queue", "routing_key": key, "arguments": arguments}


ENDS = ("last", "wrong1", "wrong2", "kept", "dropped")
MADE: dict[str, Any] = {
    "exchanges": [
        {"name": "one", "type": "direct"},
        {"name": "two", "type": "direct"},
        {"name": "h", "type": "headers", "arguments": {"alternate-exchange": "none"}},
        {"name": "none", "type": "fanout"},
    ],
    "queues": [
        {"name": "first", "arguments": dying("one", "own")},
        {"name": "second", "arguments": dying("two")},
        {"name": "third", "arguments": dying("h", "own")},
        *({"name": name} for name in ENDS),
    ],
    "bindings": [
        *(bound("one", queue, key) for queue, key in (("second", "own"), ("wrong1", "cc"))),
        *(bound("two", queue, key) for queue, key in (("last", "own"), ("wrong2", "cc"), ("wrong2", "first"))),
        bound("h", "kept", CC=None),
        bound("none", "dropped"),
    ],
}
HEADERS = {"CC": ["cc"]}


def predicted(router: VirtualHostRouter, queue: str) -> set[str]:
    """The queues where the message ends, once it has expired in each queue on its path."""
    message = in_flight(Message("", queue, {name: from_json(value) for name, value in HEADERS.items()}), router.version)
    ends, waiting = set[str](), [(queue, message)]
    while waiting:
        name, current = waiting.pop()
        letter = dead_letter_of(router, current, name, EXPIRED)
        if letter is None:
            ends.add(name)
            continue
        waiting += [(target, letter.message) for target in letter.queues]
    return ends


def test_the_key_of_its_own_alone_counts_on_every_hop(rabbitmq: TestNode, vhost: str) -> None:
    with connected(rabbitmq, vhost) as connection:
        declare(rabbitmq, vhost, connection, MADE)
        router = VirtualHostRouter.from_definitions(rabbitmq.api("GET", f"definitions/{vhost}"), rabbitmq.version)
        expected = predicted(router, "first") | predicted(router, "third")
        channel = connection.channel()
        for queue in ("first", "third"):
            channel.basic_publish(AmqpMessage("x", application_headers=HEADERS), "", queue)

        def arrived() -> set[str]:
            return {name for name in ENDS if channel.queue_declare(name, passive=True).message_count}

        wait_until(lambda: len(arrived()) >= len(expected))
        assert arrived() == expected
        assert all(channel.queue_declare(name, passive=True).message_count == 0 for name in ("first", "second", "third"))
