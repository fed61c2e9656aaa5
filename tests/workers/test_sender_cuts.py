"""Sending a task over a connection that is cut at every moment: the reported outcome against what the queue really has."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from uuid import uuid4

import pytest
from amqp import Connection

from tests.conftest import TestNode
from workers.amqp_connection import Target
from workers.sending import sender
from workers.sending.sender import Sent


class CutProxy:
    """To the broker. From one side it lets only so many bytes pass; after them it cuts, or goes silent."""

    def __init__(self, port: int, from_client: int | None = None, from_broker: int | None = None, silent: bool = False) -> None:
        self.port, self.silent = port, silent
        self.limits = {"client": from_client, "broker": from_broker}
        self.passed = {"client": 0, "broker": 0}
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address: int = self.listener.getsockname()[1]
        self.sockets: list[socket.socket] = []
        self.threads = [threading.Thread(target=self._serve)]
        self.threads[0].start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                broker = socket.create_connection(("127.0.0.1", self.port))
                self.sockets += [client, broker]
                for side, source, to in (("client", client, broker), ("broker", broker, client)):
                    self.threads.append(threading.Thread(target=self._pass, args=(side, source, to)))
                    self.threads[-1].start()

    def _pass(self, side: str, source: socket.socket, to: socket.socket) -> None:
        limit = self.limits[side]
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                left = len(data) if limit is None else max(0, limit - self.passed[side])
                to.sendall(data[:left])
                self.passed[side] += min(left, len(data))
                if left < len(data) and not self.silent:
                    break
        for each in (source, to):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        for each in (self.listener, *self.sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self.threads:
            thread.join(60)


@contextlib.contextmanager
def proxy(node: TestNode, **limits: int | bool | None) -> Iterator[CutProxy]:
    found = CutProxy(node.ports["amqp"], **limits)  # type: ignore[arg-type]
    try:
        yield found
    finally:
        found.close()


def sent_over(found: CutProxy, node: TestNode, vhost: str) -> Sent:
    url = node.amqp_url(vhost).replace(f":{node.ports['amqp']}", f":{found.address}")
    return sender.send([Target(url, vhost)], "mail.cut", (), {}, {"queue": "mail"}, str(uuid4()), sender.SendsAs(""))


def taken(node: TestNode, vhost: str) -> set[str]:
    """The ids of the tasks that are in the queue, taken out: by AMQP, which counts what the management API shows later."""
    with Connection(f"127.0.0.1:{node.ports['amqp']}", node.user, node.password, virtual_host=vhost) as link:
        channel, found = link.channel(), set()
        while message := channel.basic_get("mail", no_ack=True):
            found.add(message.headers["id"])
        return found


def test_whenever_the_connection_is_cut_the_reported_outcome_is_true(rabbitmq: TestNode, vhost: str) -> None:
    """Cut after each share of the bytes of a whole sending, from either side: never "not sent" with a message in the queue, nor "confirmed" without one."""
    rabbitmq.api("PUT", f"queues/{vhost}/mail", {"durable": True})
    with proxy(rabbitmq) as whole:
        sent = [sent_over(whole, rabbitmq, vhost)]
        assert sent[0].outcome == "confirmed"
        total = dict(whole.passed)
    cuts = [("from_client", total["client"] - back) for back in (0, 1, 9, 30, 60, 200, 400, 700)] + [("from_client", 0), ("from_client", 40)]
    cuts += [("from_broker", total["broker"] - back) for back in (0, 1, 15, 21, 22, 40, 60, 100)] + [("from_broker", 0)]
    for side, limit in cuts:
        with proxy(rabbitmq, **{side: max(0, limit)}) as cut:
            sent.append(sent_over(cut, rabbitmq, vhost))
    there = taken(rabbitmq, vhost)
    wrong = [one for one in sent if (one.outcome == "not sent" and one.uuid in there) or (one.outcome == "confirmed" and one.uuid not in there)]
    assert wrong == []
    assert {one.outcome for one in sent} == {"confirmed", "unknown", "not sent"}
    assert any(one.outcome == "unknown" and one.uuid in there for one in sent)


def test_what_took_too_long_to_begin_is_not_sent_later(rabbitmq: TestNode, vhost: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller was answered that nothing was sent, at the very moment before the message would have been written."""
    rabbitmq.api("PUT", f"queues/{vhost}/mail", {"durable": True})
    monkeypatch.setattr(sender, "LONGEST_SECONDS", 0.0)
    threads = set(threading.enumerate())
    with proxy(rabbitmq) as found:
        sent = [sent_over(found, rabbitmq, vhost) for _ in range(5)]
        for thread in set(threading.enumerate()) - threads:
            if thread.name.startswith("send "):
                thread.join(60)
    there = taken(rabbitmq, vhost)
    assert [one for one in sent if one.outcome == "not sent" and one.uuid in there] == []
    assert [one.outcome for one in sent] == ["not sent"] * 5


def test_a_sending_that_was_given_up_is_stopped_before_its_bytes() -> None:
    attempt = sender._Attempt(sender._Task("shop.pay", (), {}, {}, "u", sender.SendsAs()))
    producer = sender._Watched.__new__(sender._Watched)
    producer.attempt = attempt
    attempt.abandoned = True
    with pytest.raises(sender._Abandoned):
        attempt.begin(producer)
    assert producer.began is False
