"""Requests to workers reach these alone, and a queue of ours where the worker is gone: none is unroutable, by the broker's own count."""

from __future__ import annotations

import json
import threading
from queue import SimpleQueue
from typing import Any
from urllib.parse import quote

import amqp
import msgspec
import pytest

from tests.conftest import TestNode
from tests.waiting import wait_until
from workers.amqp_connection import Target
from workers.inspection.inspector import Answer, Inspector

EVERYTHING = {"configure": ".*", "write": ".*", "read": ".*"}
NOT_THE_DEFAULT_EXCHANGE = {"configure": "^hareline", "write": r"^(hareline\..*|celery\.pidbox)$", "read": r"^(hareline\..*|celery\.pidbox)$"}


@pytest.mark.parametrize("rights", [EVERYTHING, NOT_THE_DEFAULT_EXCHANGE], ids=["any exchange", "not the default exchange"])
def test_a_request_to_a_worker_that_is_gone_is_not_unroutable_and_one_that_is_there_gets_its_own(
    rabbitmq: TestNode, vhost: str, rights: dict[str, str]
) -> None:
    user, password = rabbitmq.new_user(permissions={vhost: rights})
    port = rabbitmq.ports["amqp"]
    with amqp.Connection(f"127.0.0.1:{port}", userid=rabbitmq.user, password=rabbitmq.password, virtual_host=vhost) as link:
        channel = link.channel()
        channel.exchange_declare("celery.pidbox", "fanout", durable=False, auto_delete=False)
        inspector = Inspector([Target(f"amqp://{user}:{password}@127.0.0.1:{port}/{quote(vhost, safe='')}", vhost)], "hareline.test", SimpleQueue())
        thread = threading.Thread(target=inspector.run)
        inspector.expect({"gone@here": True}, all_known=True)
        thread.start()
        try:
            wait_until(lambda: published(rabbitmq, vhost) >= 2)  # to ourselves, whether we may; and to the one that is gone
            channel.queue_declare("w@here.celery.pidbox", auto_delete=False)
            channel.queue_bind("w@here.celery.pidbox", "celery.pidbox")
            inspector.expect({"gone@here": True, "w@here": True}, all_known=True)
            request = wait_until(lambda: channel.basic_get("w@here.celery.pidbox", no_ack=True))
        finally:
            inspector.stop()
            thread.join(60)
        assert "BCC" not in request.headers
        channel.basic_publish(amqp.Message("x"), "", "nowhere")
        assert wait_until(lambda: unroutable(rabbitmq, vhost)) == 1  # ours


def test_forged_answers_neither_stop_the_inspection_nor_make_nodes(rabbitmq: TestNode, vhost: str) -> None:
    port, place = rabbitmq.ports["amqp"], quote(vhost, safe="")
    with amqp.Connection(f"127.0.0.1:{port}", userid=rabbitmq.user, password=rabbitmq.password, virtual_host=vhost) as link:
        channel = link.channel()
        channel.exchange_declare("celery.pidbox", "fanout", durable=False, auto_delete=False)
        channel.queue_declare("w@here.celery.pidbox", auto_delete=False)
        channel.queue_bind("w@here.celery.pidbox", "celery.pidbox")
        answers: SimpleQueue[Answer] = SimpleQueue()
        inspector = Inspector([Target(f"amqp://{rabbitmq.user}:{rabbitmq.password}@127.0.0.1:{port}/{place}", vhost)], "hareline.test", answers)
        thread = threading.Thread(target=inspector.run)
        inspector.expect({"w@here": True}, all_known=True)
        thread.start()
        try:
            request = wait_until(lambda: channel.basic_get("w@here.celery.pidbox", no_ack=True), 60)
            order = json.loads(request.body)
            queue, ticket = order["reply_to"]["routing_key"], order["ticket"]

            def reply(body: bytes, ticket: Any = ticket, content_type: str = "application/json") -> None:
                channel.basic_publish(amqp.Message(body, content_type=content_type, application_headers={"ticket": ticket}), "", queue)

            good = {"ok": "pong"}
            for odd in (["a"], {"a": 1}, 7, True, "", "of nobody"):
                reply(json.dumps({"forged@here": good}).encode(), odd)
            reply(json.dumps({f"forged-{number}@here": good for number in range(1000)}).encode())
            reply(json.dumps({"forged\0@here": good, "": good, "x" * 300: good}).encode())
            reply(msgspec.msgpack.encode({7: good, b"w": good}), content_type="application/x-msgpack")
            for body in (b"[]", b"null", b"\xff", b"{" * 100_000, b'{"forged": '):
                reply(body)
            reply(json.dumps({"w@here": good}).encode())
            assert answers.get(timeout=240).hostname == "w@here"
            assert inspector.error is None and answers.empty()
        finally:
            inspector.stop()
            thread.join(60)


def test_where_nobody_has_a_control_queue_nothing_is_sent_to_everybody(rabbitmq: TestNode, vhost: str) -> None:
    user, password = rabbitmq.new_user(permissions={vhost: {"configure": "^hareline", "write": r"^(hareline\..*|celery\.pidbox)$", "read": "^hareline"}})
    port = rabbitmq.ports["amqp"]
    with amqp.Connection(f"127.0.0.1:{port}", userid=rabbitmq.user, password=rabbitmq.password, virtual_host=vhost) as link:
        channel = link.channel()
        channel.exchange_declare("celery.pidbox", "fanout", durable=False, auto_delete=False)
        inspector = Inspector([Target(f"amqp://{user}:{password}@127.0.0.1:{port}/{quote(vhost, safe='')}", vhost)], "hareline.test", SimpleQueue())
        thread = threading.Thread(target=inspector.run)
        inspector.expect({}, all_known=True)
        thread.start()
        try:
            wait_until(lambda: not inspector.subscription.reason)
            channel.basic_publish(amqp.Message("x"), "", "nowhere")
            assert wait_until(lambda: unroutable(rabbitmq, vhost)) == 1  # ours
        finally:
            inspector.stop()
            thread.join(60)


def counted(node: TestNode, vhost: str) -> dict[str, Any]:
    found: dict[str, Any] = node.api("GET", f"vhosts/{quote(vhost, safe='')}").get("message_stats", {})
    return found


def published(node: TestNode, vhost: str) -> int:
    return int(counted(node, vhost).get("publish", 0))


def unroutable(node: TestNode, vhost: str) -> int:
    return int(counted(node, vhost).get("drop_unroutable", 0))
