"""One task sent through Celery itself to a real broker and a real worker: what the broker has, what it gave back, and what can't be known."""

from __future__ import annotations

import json
import shlex
import socket
import threading
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import TestNode
from tests.waiting import wait_until
from tests.workers.conftest import Watching, Workers
from workers.amqp_connection import Target
from workers.models import Task
from workers.sending import sender
from workers.sending.sender import Sent

APP = "tests.workers.celery_app"


def target(node: TestNode, vhost: str) -> list[Target]:
    return [Target(node.amqp_url(vhost), vhost)]


def send(targets: list[Target], task: str = "a.b", args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None, **options: Any) -> Sent:
    return sender.send(targets, task, args, kwargs or {}, options, str(uuid4()), sender.SendsAs(""))


def declare(node: TestNode, vhost: str, name: str, **arguments: Any) -> None:
    node.api("PUT", f"queues/{vhost}/{name}", {"durable": True, "arguments": arguments})


def test_a_confirmed_task_is_in_its_queue_as_celery_wrote_it(rabbitmq: TestNode, vhost: str) -> None:
    declare(rabbitmq, vhost, "reports", **{"x-max-length": 10})
    sent = send(target(rabbitmq, vhost), "reports.render", ("<b>\x00", 1.0), {"k": None}, queue="reports", priority=3, expires=60)
    assert (sent.outcome, sent.confirmed, sent.exchange, sent.routing_key) == ("confirmed", True, "", "reports")
    found = rabbitmq.api("POST", f"queues/{vhost}/reports/get", {"count": 2, "ackmode": "ack_requeue_true", "encoding": "auto"})
    assert [message["properties"]["headers"]["id"] for message in found] == [sent.uuid]
    assert found[0]["properties"]["headers"]["task"] == "reports.render"
    assert found[0]["properties"]["priority"] == 3
    assert json.loads(found[0]["payload"])[:2] == [["<b>\x00", 1.0], {"k": None}]


def test_its_event_goes_to_the_applications_exchange_and_names_its_default_queue(rabbitmq: TestNode, vhost: str) -> None:
    for name in ("team.event", "orders"):
        rabbitmq.api("PUT", f"exchanges/{vhost}/{name}", {"type": "topic", "durable": True})
    for exchange, queue in (("team.event", "seen"), ("orders", "mail")):
        declare(rabbitmq, vhost, queue)
        rabbitmq.api("POST", f"bindings/{vhost}/e/{exchange}/q/{queue}", {"routing_key": "#"})
    options = {"exchange": "orders", "routing_key": "order.new"}
    assert sender.send(target(rabbitmq, vhost), "a.b", (), {}, options, "u1", sender.SendsAs("team.event", "jobs")).confirmed
    got = {"count": 2, "ackmode": "ack_requeue_true", "encoding": "auto"}
    (event,) = wait_until(lambda: rabbitmq.api("POST", f"queues/{vhost}/seen/get", got))  # it is sent without a confirmation
    sent = json.loads(event["payload"])
    assert (sent["type"], sent["queue"], sent["exchange"], sent["routing_key"]) == ("task-sent", "jobs", "orders", "order.new")


def test_nothing_is_declared_and_the_connection_is_closed(rabbitmq: TestNode, vhost: str) -> None:
    before = {exchange["name"] for exchange in rabbitmq.api("GET", f"exchanges/{vhost}")}
    assert send(target(rabbitmq, vhost), queue="nowhere").outcome == "returned"
    assert rabbitmq.api("GET", f"queues/{vhost}") == []
    assert {exchange["name"] for exchange in rabbitmq.api("GET", f"exchanges/{vhost}")} == before
    wait_until(lambda: not [each for each in rabbitmq.api("GET", "connections") if each.get("vhost") == vhost])


@pytest.mark.parametrize(
    ("options", "outcome", "words"),
    [
        ({"queue": "nope"}, "returned", "It reached no queue and is gone: it was sent to the queue nope, and there is none of that name."),
        ({}, "returned", "the queue celery"),
        ({"exchange": "amq.topic", "routing_key": "a.b"}, "returned", "the exchange amq.topic with the key a.b, and no binding of it matches"),
        ({"exchange": "nox", "routing_key": "k"}, "not sent", "The broker refused it: there is no exchange nox."),
    ],
)
def test_what_no_queue_has_is_noticed(rabbitmq: TestNode, vhost: str, options: dict[str, Any], outcome: str, words: str) -> None:
    declare(rabbitmq, vhost, "full", **{"x-max-length": 0, "x-overflow": "reject-publish"})
    sent = send(target(rabbitmq, vhost), **options)
    assert (sent.outcome, sent.confirmed) == (outcome, False)
    assert words in sent.reason


def test_a_nack_leaves_it_unknown_since_another_queue_may_have_it(rabbitmq: TestNode, vhost: str) -> None:
    """A copy is in the queue beside the one that rejects it."""
    declare(rabbitmq, vhost, "full", **{"x-max-length": 0, "x-overflow": "reject-publish"})
    declare(rabbitmq, vhost, "mail")
    for queue in ("full", "mail"):
        rabbitmq.api("POST", f"bindings/{vhost}/e/amq.fanout/q/{queue}", {"routing_key": ""})
    sent = send(target(rabbitmq, vhost), exchange="amq.fanout", routing_key="k")
    assert (sent.outcome, sent.confirmed) == ("unknown", None)
    assert "the broker refused it (nack)" in sent.reason
    wait_until(lambda: rabbitmq.api("GET", f"queues/{vhost}/mail").get("messages") == 1)


def test_a_user_who_may_not_write_is_refused_with_the_brokers_reason(rabbitmq: TestNode, vhost: str) -> None:
    name, password = rabbitmq.new_user(permissions={vhost: {"configure": "", "write": "", "read": ".*"}})
    declare(rabbitmq, vhost, "mail")
    url = rabbitmq.amqp_url(vhost).replace(f"{rabbitmq.user}:{rabbitmq.password}", f"{name}:{password}")
    sent = send([Target(url, vhost)], queue="mail")
    assert sent.outcome == "not sent"
    assert "refused" in sent.reason
    assert f"the user {name} may not write to the default exchange (amq.default)" in sent.reason
    assert sent.grant.startswith(f"rabbitmqctl set_permissions -p {vhost} {name} ")
    assert password not in sent.reason
    configure, write, read = shlex.split(sent.grant)[-3:]
    rabbitmq.api("PUT", f"permissions/{vhost}/{name}", {"configure": configure, "write": write, "read": read})
    assert send([Target(url, vhost)], queue="mail").outcome == "confirmed"


def test_nothing_is_sent_to_an_address_that_is_refused() -> None:
    sent = send([Target("amqp://u@127.0.0.1:1//", "/", refusal="the AMQP port of prod is unknown")], queue="mail")
    assert (sent.outcome, sent.reason, sent.grant) == ("not sent", "Nothing was sent: the AMQP port of prod is unknown.", "")


@pytest.mark.parametrize("url", ["amqp://u:p@127.0.0.1:1//", "amqp://u:secret@127.0.0.1:{port}//"])
def test_without_a_connection_nothing_was_sent(rabbitmq: TestNode, url: str) -> None:
    sent = send([Target(url.format(port=rabbitmq.ports["amqp"]), "/")], queue="mail")
    assert (sent.outcome, sent.confirmed) == ("not sent", False)
    assert sent.reason.startswith("Nothing was sent: ")
    assert "secret" not in sent.reason


def test_a_node_that_does_not_answer_is_passed_over(rabbitmq: TestNode, vhost: str) -> None:
    declare(rabbitmq, vhost, "mail")
    assert send([Target("amqp://u:p@127.0.0.1:1//", vhost), *target(rabbitmq, vhost)], queue="mail").outcome == "confirmed"


class CutAtPublish:
    """A proxy to the broker that lets a conversation pass until the task's message is in it, and then ends it."""

    def __init__(self, port: int, marks: bytes, passes_on: bool) -> None:
        self.port, self.marks, self.passes_on = port, marks, passes_on
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.conversations = 0
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.conversations += 1
            broker = socket.create_connection(("127.0.0.1", self.port))
            back = threading.Thread(target=self._back, args=(broker, client), daemon=True)
            back.start()
            self._forth(client, broker)
            back.join(60)
            client.close()
            broker.close()

    def _forth(self, client: socket.socket, broker: socket.socket) -> None:
        while data := client.recv(65536):
            if self.marks in data:
                if self.passes_on:
                    broker.sendall(data)
                client.shutdown(socket.SHUT_RDWR)
                broker.shutdown(socket.SHUT_WR)
                return
            broker.sendall(data)

    @staticmethod
    def _back(broker: socket.socket, client: socket.socket) -> None:
        try:
            while data := broker.recv(65536):
                client.sendall(data)
        except OSError:
            return

    def close(self) -> None:
        self.listener.close()


@pytest.mark.parametrize("arrives", [True, False])
def test_a_connection_cut_mid_send_leaves_it_unknown_and_is_never_repeated(rabbitmq: TestNode, vhost: str, arrives: bool) -> None:
    declare(rabbitmq, vhost, "mail")
    proxy = CutAtPublish(rabbitmq.ports["amqp"], b"mail.cut", arrives)
    try:
        url = rabbitmq.amqp_url(vhost).replace(str(rabbitmq.ports["amqp"]), str(proxy.listener.getsockname()[1]))
        sent = send([Target(url, vhost)], "mail.cut", queue="mail")
        assert (sent.outcome, sent.confirmed) == ("unknown", None)
        assert sent.reason.startswith("It is not known whether it arrived: ")
        assert proxy.conversations == 1
    finally:
        proxy.close()
    if arrives:
        wait_until(lambda: rabbitmq.api("GET", f"queues/{vhost}/mail").get("messages") == 1)


@pytest.fixture
def watched(workers: Workers, watching: Watching) -> Iterator[Workers]:
    workers.start("a@web-1", "--pool=solo", "-E", "-Q", "jobs")
    watching.start()
    watching.wait_for_source(lambda source: source.state == "receiving")
    yield workers


def ended(watching: Watching, sent: Sent, *states: str) -> Task:
    def found() -> Task | None:
        return Task.objects.filter(broker=watching.broker, uuid=sent.uuid).first()

    try:
        wait_until(lambda: (task := found()) and task.state in states, 25)
    except AssertionError as error:
        raise AssertionError(f"{error}; {vars(task) if (task := found()) else sent}") from None
    task = found()
    assert task is not None
    return task


@pytest.mark.django_db(transaction=True)
def test_a_real_worker_runs_it_and_its_events_show_how_it_ended(watched: Workers, watching: Watching, rabbitmq: TestNode, vhost: str) -> None:
    targets = target(rabbitmq, vhost)

    def ordered(task: str, args: tuple[Any, ...], **options: Any) -> Sent:
        return sender.send(targets, f"{APP}.{task}", args, {}, {"queue": "jobs", **options}, str(uuid4()))

    added = ended(watching, ordered("add", (1, 2)), "SUCCESS")
    assert (added.sent_queue, added.exchange, added.routing_key, added.result) == ("jobs", "", "jobs", "3")
    assert added.sent_at is not None
    failed = ended(watching, ordered("fail", ()), "FAILURE")
    assert "as requested" in str(failed.exception)
    assert "Traceback" in str(failed.traceback)
    misfit = ended(watching, ordered("add", (1,)), "FAILURE")
    assert "missing 1 required positional argument" in str(misfit.exception)
    later = ended(watching, ordered("add", (3, 4), countdown=1.5), "SUCCESS")
    assert later.eta is not None
    assert later.started_at is not None
    assert later.started_at >= later.eta
