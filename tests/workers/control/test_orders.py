"""One order to many worker nodes, which answer as nodes do, late, twice, in forms that can't be read, or not at all."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote

import amqp
import pytest

from tests.conftest import TestNode
from workers.amqp_connection import Target
from workers.control.orders import MOST_HOSTNAMES, Order, Ordering, give
from workers.control.replies import LARGEST_REPLY_BYTES, Reply, read_replies
from workers.redaction import Redaction

SECONDS = 60
SPARING = {"configure": "^hareline", "write": r"^(hareline\..*|celery\.pidbox)$", "read": r"^(hareline\..*|celery\.pidbox)$"}
Answers = Callable[[str, dict[str, Any]], list[tuple[bytes, str]]]
"""(body, ticket) of each message by which a node answers an order."""


def test_500_nodes_answer_as_they_like_and_each_is_counted_once(rabbitmq: TestNode, vhost: str) -> None:
    hostnames = tuple(f"celery@node-{number:03d}" for number in range(500))
    answering = [hostname for number, hostname in enumerate(hostnames) if number % 5]

    def answers(hostname: str, order: dict[str, Any]) -> list[tuple[bytes, str]]:
        good, ticket = json.dumps({hostname: {"ok": "pool will grow"}}).encode(), order["ticket"]
        odd = b"x" * (LARGEST_REPLY_BYTES + 1) if hostname == hostnames[1] else b"\xff\x00"
        return [
            [],  # never
            [(odd, ticket), (good, ticket)],
            [(good, "of another order"), (good, ticket)],
            [(json.dumps({"celery@stranger": {"ok": ""}}).encode(), ticket), (good, ticket)],
            [(good, ticket), (good, ticket)],
        ][int(hostname[-3:]) % 5]

    order = Order("pool_grow", {"n": 2}, hostnames)
    with stand_in(rabbitmq, vhost, hostnames, answers) as received:
        ordering = Ordering(targets(rabbitmq, vhost), order, "hareline.test.control", SECONDS)
        for _ in ordering.replies():
            if len(ordering.outcome.replies) == len(answering) and ordering.outcome.doubled:
                ordering.stop()
    outcome = ordering.outcome
    assert (outcome.sent, outcome.problem) == ("yes", "")
    assert sorted(outcome.replies) == answering
    assert outcome.replies[answering[0]] == Reply(answering[0], True, "pool will grow")
    assert sorted(outcome.unanswered) == [hostname for number, hostname in enumerate(hostnames) if not number % 5]
    assert (outcome.malformed, outcome.unexpected) == (200, 100)
    assert 1 <= outcome.doubled <= 100
    assert sorted(received) == sorted(hostnames), "each got it once"


def test_nobody_answers_and_nothing_is_left_in_the_broker(rabbitmq: TestNode, vhost: str) -> None:
    outcome = give(targets(rabbitmq, vhost), Order("shutdown", {}, ("celery@gone",)), "hareline.test.control", 0.2)
    assert (outcome.sent, outcome.replies, outcome.unanswered) == ("yes", {}, ("celery@gone",))
    assert [queue["name"] for queue in rabbitmq.api("GET", f"queues/{quote(vhost, safe='')}")] == []
    assert {exchange["name"] for exchange in rabbitmq.api("GET", f"exchanges/{quote(vhost, safe='')}")} & {"celery.pidbox", "reply.celery.pidbox"} == set()


def test_a_user_that_may_not_address_queues_sends_by_the_control_exchange_and_names_the_nodes(rabbitmq: TestNode, vhost: str) -> None:
    user, password = rabbitmq.new_user(permissions={vhost: SPARING})
    place = [Target(f"amqp://{user}:{password}@127.0.0.1:{rabbitmq.ports['amqp']}/{quote(vhost, safe='')}", vhost)]
    outcome = give(place, Order("ping", {}, ("a@h",)), "hareline.test.control", SECONDS)
    assert (outcome.sent, outcome.unanswered) == ("no", ("a@h",))
    assert outcome.problem == "there is no exchange celery.pidbox: no worker with remote control has been started here"
    orders: list[dict[str, Any]] = []

    def answers(hostname: str, order: dict[str, Any]) -> list[tuple[bytes, str]]:
        orders.append(order)
        return [(json.dumps({hostname: {"ok": ""}}).encode(), order["ticket"])] if hostname in order["destination"] else []

    with stand_in(rabbitmq, vhost, ("a@h", "b@h"), answers):
        outcome = give(place, Order("ping", {}, ("a@h",)), "hareline.test.control", SECONDS)
    assert list(outcome.replies) == ["a@h"]
    assert {tuple(order["destination"]) for order in orders} == {("a@h",)}


def test_an_address_that_answers_nothing_is_a_sentence() -> None:
    outcome = give([Target("amqp://u:secret-word@127.0.0.1:9/", "/")], Order("ping", {}, ("a@h",)), "hareline.test.control", 1)
    assert outcome.sent == "no"
    assert outcome.problem.startswith("no AMQP connection to 127.0.0.1:9: ")
    assert "secret-word" not in outcome.problem
    assert give([], Order("ping", {}, ("a@h",)), "hareline.test.control", 1).problem == "no address of the broker is known"


@pytest.mark.parametrize("hostnames", [(), ("a@h", "a@h"), tuple(f"w@{number}" for number in range(MOST_HOSTNAMES + 1))])
def test_an_order_goes_to_a_bounded_number_of_nodes_each_named_once(hostnames: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="each named once"):
        Ordering([], Order("ping", {}, hostnames), "hareline.test.control", 1)


def test_replies_are_read_in_every_form_that_workers_use() -> None:
    def read(value: Any) -> list[Reply]:
        return read_replies(json.dumps(value).encode(), "application/json", Redaction())

    assert read({"a@h": {"ok": "pool will grow"}}) == [Reply("a@h", True, "pool will grow")]
    assert read({"a@h": {"error": "ValueError('Autoscale not enabled')"}}) == [Reply("a@h", False, "Autoscale not enabled")]
    assert read({"a@h": ["id-1", "id-2"]}) == [Reply("a@h", True, "['id-1', 'id-2']")]
    assert read({"a@h": None}) == [Reply("a@h", True, "")]
    assert read({"a@h": {"ok": "x" * 5000}})[0].text == "x" * 2000
    assert read({"a@h": {"error": "no login for password='hunter2'"}})[0].text == "no login for password='[redacted]'"
    assert read({"a@h": {"ok": "nul \x00 here"}})[0].text == "nul � here"
    assert [read(value) for value in (None, [], "text", 7, {}, {"": {"ok": ""}}, {"h" * 256: {"ok": ""}})] == [[]] * 7
    assert read({f"w@{number}": {"ok": ""} for number in range(21)}) == []
    assert read_replies(b"\x80\x02}q\x00.", "text/plain", Redaction()) == []


def targets(node: TestNode, vhost: str) -> list[Target]:
    return [Target(node.amqp_url(vhost), vhost)]


@contextmanager
def stand_in(node: TestNode, vhost: str, hostnames: tuple[str, ...], answers: Answers) -> Iterator[list[str]]:
    """Control queues of these nodes, answered by a thread. Yields who received an order."""
    received: list[str] = []
    orders: list[tuple[str, dict[str, Any]]] = []
    ready, ended = threading.Event(), threading.Event()

    def serve() -> None:
        parts = {"userid": node.user, "password": node.password, "virtual_host": vhost}
        with amqp.Connection(f"127.0.0.1:{node.ports['amqp']}", **parts) as link:
            channel = link.channel()
            channel.exchange_declare("celery.pidbox", "fanout", durable=False, auto_delete=False)

            for hostname in hostnames:
                queue = f"{hostname}.celery.pidbox"
                channel.queue_declare(queue, durable=False, exclusive=True, auto_delete=True)
                channel.queue_bind(queue, "celery.pidbox")
                channel.basic_consume(queue, no_ack=True, callback=lambda message, hostname=hostname: orders.append((hostname, json.loads(message.body))))
            ready.set()
            while not ended.is_set():
                with suppress(TimeoutError):
                    link.drain_events(timeout=0.05)
                while orders:  # not in the callback: py-amqp takes the next messages while it publishes
                    hostname, order = orders.pop(0)
                    received.append(hostname)
                    for body, ticket in answers(hostname, order):
                        reply = amqp.Message(body, application_headers={"ticket": ticket}, content_type="application/json")
                        channel.basic_publish(reply, order["reply_to"]["exchange"], order["reply_to"]["routing_key"])
            channel.exchange_delete("celery.pidbox")

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        assert ready.wait(120)
        yield received
    finally:
        ended.set()
        thread.join(60)
