"""Peeking at messages in a real queue: they are shown, and are there as before."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import amqp
import pytest

from tests.conftest import TestNode
from tests.waiting import wait_until
from workers import peek
from workers.amqp_connection import Target
from workers.errors import NothingThere, Refused, Unreachable, WatchError

QUORUM = {"x-queue-type": "quorum"}


class Shop:
    """A virtual host of the broker with a connection that publishes and declares."""

    def __init__(self, node: TestNode, vhost: str) -> None:
        self.node, self.vhost = node, vhost
        self.target = [Target(node.amqp_url(vhost), vhost)]
        self.connection = amqp.Connection(f"127.0.0.1:{node.ports['amqp']}", node.user, node.password, virtual_host=vhost)
        self.connection.connect()
        self.channel = self.connection.channel()
        self.channel.confirm_select()

    def queue(self, name: str, count: int = 0, body: bytes = b"", arguments: dict[str, Any] | None = None, **properties: Any) -> str:
        """Declares a queue with `count` messages, whose bodies are 0, 1, … unless given."""
        self.channel.queue_declare(name, durable=True, auto_delete=False, arguments=arguments or {})
        for number in range(count):
            self.channel.basic_publish_confirm(amqp.Message(body or str(number).encode(), **properties), routing_key=name)
        return name

    def look(self, queue: str, count: int = 10) -> peek.Peek:
        return peek.peek(self.target, queue, count)

    def bodies(self, queue: str, count: int = 10) -> list[bytes]:
        return [message.body for message in self.look(queue, count).messages]


@pytest.fixture
def shop(rabbitmq: TestNode, vhost: str) -> Iterator[Shop]:
    made = Shop(rabbitmq, vhost)
    yield made
    made.connection.collect()


def test_the_first_messages_are_shown_and_lie_there_as_before(shop: Shop) -> None:
    shop.queue("mail", 3)
    first = shop.look("mail", 2)
    assert [(message.body, message.redelivered) for message in first.messages] == [(b"0", False), (b"1", False)]
    assert (first.behind, first.stopped) == (1, "")
    again = shop.look("mail")
    assert [(message.body, message.redelivered) for message in again.messages] == [(b"0", True), (b"1", True), (b"2", False)]
    assert again.behind == 0


def test_a_quorum_queue_keeps_its_order_and_counts_the_delivery(shop: Shop) -> None:
    shop.queue("mail", 3, arguments=QUORUM)
    assert shop.bodies("mail", 2) == [b"0", b"1"]
    found = wait_until(lambda: (shown := shop.look("mail").messages) and len(shown) == 3 and shown)
    assert [message.body for message in found] == [b"0", b"1", b"2"]
    assert found[0].redelivered and found[0].headers["x-delivery-count"] >= 1


def test_an_empty_queue_has_nothing_to_show(shop: Shop) -> None:
    assert shop.look(shop.queue("mail")) == peek.Peek([], 0)


def test_a_message_is_shown_with_its_properties_and_headers(shop: Shop) -> None:
    shop.queue("mail")
    shop.channel.exchange_declare("orders", "topic", durable=True, auto_delete=False)
    shop.channel.queue_bind("mail", "orders", "order.#")
    headers = {"text": "1", "whole": 1, "real": 1.0, "no": None, "yes": True, "inner": {"a": [1, {"b": "c"}]}}
    message = amqp.Message(b"{}", content_type="application/json", priority=3, expiration="60000", application_headers=headers)
    shop.channel.basic_publish_confirm(message, "orders", "order.new.eu")
    found = shop.look("mail").messages[0]
    assert (found.exchange, found.routing_key, found.headers, found.exact) == ("orders", "order.new.eu", headers, None)
    assert found.properties == {"content_type": "application/json", "priority": 3, "expiration": "60000"}
    assert type(found.headers["whole"]) is int and type(found.headers["real"]) is float


def test_a_header_that_json_has_no_form_for_keeps_its_type(shop: Shop) -> None:
    headers = {"at": datetime(2026, 11, 24, tzinfo=UTC), "price": Decimal("3.14"), "raw": b"\xff", "deep": [{"a": 1}]}
    shop.queue("mail", 1, application_headers=headers)
    found = shop.look("mail").messages[0]
    assert found.exact is not None
    assert (found.exact["at"], found.exact["price"]) == (["timestamp", 1795478400], ["decimal", [2, 314]])
    assert found.exact["deep"] == ["array", [["table", {"a": ["signedint", 1]}]]]
    assert found.headers["at"] == 1795478400
    assert found.as_json()["headers_amqp"] == found.exact


def test_a_large_body_is_cut_and_no_more_are_taken(shop: Shop) -> None:
    shop.queue("mail", 3, body=b"x" * 9_000_000)
    found = shop.look("mail")
    assert [(len(message.body), message.body_bytes) for message in found.messages] == [(65_536, 9_000_000)] * 2
    assert (found.behind, found.stopped) == (1, "These have 16 MiB together, so no more were taken.")
    assert found.messages[0].as_json()["payload_truncated"] is True


def test_bytes_that_are_no_text_are_base64(shop: Shop) -> None:
    shop.queue("mail", 1, body=b"\xff\x00", content_encoding="utf-8")
    shown = shop.look("mail").messages[0].as_json()
    assert (shown["payload"], shown["payload_encoding"], shown["payload_bytes"]) == (base64.b64encode(b"\xff\x00").decode(), "base64", 2)


@pytest.mark.parametrize(
    ("queue", "error", "words"),
    [
        ("nope", NothingThere, "no queue 'nope'"),
        ("stream", Unreachable, "not supported by stream queues"),
        ("mine", Unreachable, "exclusive access to locked queue"),
    ],
)
def test_a_queue_that_cannot_be_peeked_at_has_a_reason(shop: Shop, queue: str, error: type[WatchError], words: str) -> None:
    shop.queue("stream", arguments={"x-queue-type": "stream"})
    shop.channel.queue_declare("mine", exclusive=True)
    with pytest.raises(error) as raised:
        shop.look(queue)
    assert words in str(raised.value)


def test_without_read_permission_the_error_names_the_queue(shop: Shop) -> None:
    shop.queue("mail", 1)
    user, password = shop.node.new_user(permissions={shop.vhost: {"configure": "", "write": "", "read": ""}})
    target = Target(f"amqp://{user}:{password}@127.0.0.1:{shop.node.ports['amqp']}", shop.vhost)
    with pytest.raises(Refused) as raised:
        peek.peek([target], "mail", 1)
    assert "access to queue 'mail'" in str(raised.value) and password not in str(raised.value)
    assert shop.bodies("mail") == [b"0"]


def test_an_unreachable_broker_has_a_reason() -> None:
    with pytest.raises(Unreachable, match=r"no AMQP connection to 127\.0\.0\.1:1"):
        peek.peek([Target("amqp://u:p@127.0.0.1:1", "/")], "mail", 1)
    with pytest.raises(Unreachable, match="no address"):
        peek.peek([], "mail", 1)


@pytest.mark.parametrize("count", [0, 11, -1])
def test_ten_at_most(count: int) -> None:
    with pytest.raises(ValueError):
        peek.peek([], "mail", count)
