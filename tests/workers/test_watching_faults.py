"""What breaks between workers and us, with a real broker: rights, connections, garbage, lost events, the database."""

from __future__ import annotations

import contextlib
import json
import shlex
import time
import urllib.error
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from amqp import Connection
from amqp.basic_message import Message
from django.db import connection

from brokers import store as broker_store
from brokers.stats import Listener
from script.rabbitmq_machine import free_ports
from script.soak_parts.proxy import proxy_of
from tests.conftest import TestNode
from tests.waiting import wait_until
from tests.workers.conftest import Watching, Workers


class Sender:
    """Sends bodies to `celeryev`, as a worker (or anybody) may."""

    def __init__(self, node: TestNode, vhost: str) -> None:
        self.link = Connection(host=f"127.0.0.1:{node.ports['amqp']}", userid=node.user, password=node.password, virtual_host=vhost)
        self.link.connect()
        self.channel = self.link.channel()
        self.channel.exchange_declare("celeryev", "topic", durable=True, auto_delete=False)

    def send(self, body: bytes, content_type: str = "application/json") -> None:
        self.channel.basic_publish(Message(body, content_type=content_type), "celeryev", "worker.heartbeat")

    def heartbeat(self, hostname: str = "w@h", kind: str = "worker-heartbeat", **fields: object) -> None:
        fields = {"type": kind, "hostname": hostname, "timestamp": time.time(), "pid": 7, "freq": 2.0, "active": 0, **fields}
        self.send(json.dumps(fields).encode())


@pytest.fixture
def sender(rabbitmq: TestNode, vhost: str) -> Iterator[Sender]:
    found = Sender(rabbitmq, vhost)
    yield found
    found.link.close()


def permit(node: TestNode, grant: str) -> None:
    """Does what the command would."""
    words = shlex.split(grant)
    assert words[:3] == ["rabbitmqctl", "set_permissions", "-p"]
    vhost, user, configure, write, read = words[3:]
    node.api("PUT", f"permissions/{quote(vhost, safe='')}/{user}", {"configure": configure, "write": write, "read": read})


def test_each_level_of_permissions_names_what_the_next_needs_and_uses_it_without_a_restart(rabbitmq: TestNode, workers: Workers, watching: Watching) -> None:
    workers.start("t@here", "-E", "--pool", "threads", "--concurrency", "1", "-Q", "jobs")
    user, password = rabbitmq.new_user(permissions={watching.vhost: {"configure": "", "write": "", "read": ""}})
    watching.start(address=rabbitmq.address(user=user, password=password))
    refused = watching.wait_for_source(lambda source: source.state == "refused")
    assert "refused" in refused.reason
    permit(rabbitmq, refused.grant)
    source = watching.wait_for_source(lambda source: source.state == "receiving" and source.inspect_state == "refused")
    assert source.grant == ""
    silent = watching.wait_for("t@here", lambda worker: worker.state == "online" and worker.inspect_reason)
    assert silent.pool is None
    permit(rabbitmq, source.inspect_grant)
    assert watching.wait_for("t@here", lambda worker: worker.pool).inspect_reason == ""
    watching.wait_for_source(lambda source: (source.state, source.inspect_state) == ("receiving", "inspecting"))


def test_a_login_that_is_refused_needs_no_grant(rabbitmq: TestNode, watching: Watching) -> None:
    watching.start(address=rabbitmq.address(password="wrong"))
    found = watching.wait_for_source(lambda source: source.state == "refused")
    assert "login" in found.reason
    assert found.grant == ""


def test_no_exchange_is_unknown_and_noticed_when_it_comes(watching: Watching, rabbitmq: TestNode, vhost: str) -> None:
    watching.start(inspects=False)
    assert "celeryev" in watching.wait_for_source(lambda source: source.state == "unknown" and source.queue).reason
    late = Sender(rabbitmq, vhost)
    watching.wait_for_source(lambda source: source.state == "receiving")
    assert watching.source().inspect_state == "off"
    late.link.close()


def test_garbage_is_counted_with_an_example_and_stops_nothing(sender: Sender, watching: Watching) -> None:
    watching.start(inspects=False)
    watching.wait_for_source(lambda source: source.state == "receiving")
    bodies = [b"", b"null", b"[1, []]", b"[" * 100_000, b'{"type": 5, "hostname": {}}', b'{"type": "x", "hostname": "' + b"h" * 1000 + b'"}', b"\xff\xfe"]
    for body in bodies:
        sender.send(body)
    sender.send(b"\x80\x04N.", "application/x-python-serialize")
    sender.send(b'{"type": "worker-heartbeat", "hostname": "odd@h", "freq": NaN, "processed": 99999999999999999999, "loadavg": "high", "sw_ident": "\\ud800"}')
    sender.heartbeat("after@h", processed=3)
    watching.wait_for("after@h", lambda worker: worker.state == "online")
    assert watching.wait_for("odd@h", lambda worker: worker.state == "online").processed is None
    found = watching.wait_for_source(lambda source: source.refused_events >= 10)
    assert found.refused_example
    assert found.state == "receiving"


def test_events_that_were_dropped_are_counted_per_worker(sender: Sender, watching: Watching, rabbitmq: TestNode) -> None:
    watching.start(inspects=False)
    watching.wait_for_source(lambda source: source.state == "receiving")

    def work(first: int, last: int) -> None:
        for _ in range(first, last):
            sender.send(b'{"type": "task-started", "hostname": "w@h", "uuid": "u"}')
            sender.heartbeat(processed=_ + 1)

    sender.heartbeat(processed=0)
    work(0, 5)
    watching.wait_for("w@h", lambda worker: worker.processed == 5 and worker.event_counts == {"task-started": 5})
    watching.stop()
    work(5, 12)
    queue = f"queues/{watching.vhost}/hareline.test.events"
    wait_until(lambda: rabbitmq.api("GET", queue).get("messages") == 14)  # the broker has them all
    rabbitmq.api("DELETE", f"{queue}/contents")
    watching.start(inspects=False)
    watching.wait_for_source(lambda source: source.state == "receiving")
    work(12, 18)
    found = watching.wait_for("w@h", lambda worker: worker.processed == 18)
    assert (found.lost_events, found.event_counts["task-started"]) == (7, 11)
    assert watching.wait_for_source(lambda source: source.lost_events == 7)


def test_a_deleted_queue_is_made_again(sender: Sender, watching: Watching, rabbitmq: TestNode) -> None:
    watching.start(inspects=False)
    watching.wait_for_source(lambda source: source.state == "receiving")
    rabbitmq.api("DELETE", f"queues/{watching.vhost}/hareline.test.events")
    watching.wait_for_source(lambda source: source.state == "unreachable")
    watching.wait_for_source(lambda source: source.state == "receiving")
    sender.heartbeat()
    watching.wait_for("w@h", lambda worker: worker.state == "online")


def test_what_the_database_could_not_take_is_stored_once_it_can(sender: Sender, watching: Watching) -> None:
    watching.start(inspects=False)
    watching.wait_for_source(lambda source: source.state == "receiving")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE workers_worker RENAME TO workers_out_of_reach")
    for _ in range(30):
        sender.send(b'{"type": "task-started", "hostname": "w@h"}')
    sender.heartbeat(processed=30)
    queue = f"queues/{watching.vhost}/hareline.test.events"
    wait_until(lambda: counts(watching, queue) == (0, 31))
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE workers_out_of_reach RENAME TO workers_worker")
    assert watching.wait_for("w@h", lambda worker: worker.processed == 30).event_counts == {"task-started": 30}
    wait_until(lambda: counts(watching, queue) == (0, 0))


def counts(watching: Watching, queue: str) -> tuple[int, int]:
    """(ready, unacknowledged) of our queue."""
    found = watching.node.api("GET", queue)
    return found.get("messages_ready", -1), found.get("messages_unacknowledged", -1)


def test_a_broker_that_goes_makes_its_workers_unknown_and_comes_back_by_itself(rabbitmq: TestNode, watching: Watching) -> None:
    """As it looks from here when a broker stops in good order: it closes the connections, takes no new ones, and is there again."""
    port = free_ports({})["amqp"]  # no outgoing connection takes it while nobody listens
    with proxy_of(rabbitmq.ports["amqp"], port) as before:
        watching.start(listeners=(Listener("", "amqp", port),))
        is_there_before(watching)
        before.refuse()
        end_connections(rabbitmq, watching.vhost)
    is_away(watching)  # one that was just being opened is cut
    with proxy_of(rabbitmq.ports["amqp"], port):
        is_there_again(watching)
        watching.stop()


@pytest.mark.nightly  # the same with a node that really stops and starts
def test_a_real_broker_that_stops_makes_its_workers_unknown_and_comes_back_by_itself(own_rabbitmq: TestNode, transactional_db: None) -> None:
    vhost, address = own_rabbitmq.new_vhost(), own_rabbitmq.address("own")
    broker = broker_store.ensure_brokers([address], datetime.now(UTC))["own"]
    watching = Watching(own_rabbitmq, address, broker, vhost)
    watching.start()
    try:
        is_there_before(watching)
        own_rabbitmq.stop()  # in good order; faults/test_kills.py kills one
        is_away(watching)
        own_rabbitmq.start()
        is_there_again(watching)
    finally:
        watching.stop()


def end_connections(node: TestNode, vhost: str) -> None:
    """Closes those of a virtual host as a broker does that stops: with the AMQP error CONNECTION_FORCED."""
    path = f"vhosts/{vhost}/connections"
    for link in wait_until(lambda: node.api("GET", path)):
        with contextlib.suppress(urllib.error.HTTPError):  # it closed itself meanwhile
            node.api("DELETE", f"connections/{quote(link['name'], safe='')}")


def is_there_before(watching: Watching) -> None:
    early = Sender(watching.node, watching.vhost)
    watching.wait_for_source(lambda source: source.state == "receiving")
    early.heartbeat(freq=600.0)
    watching.wait_for("w@h", lambda worker: worker.state == "online")
    early.link.close()


def is_away(watching: Watching) -> None:
    assert "no AMQP connection" in watching.wait_for("w@h", lambda worker: worker.state == "unknown").reason
    watching.wait_for_source(lambda source: (source.state, source.inspect_state) == ("unreachable", "unreachable"))


def is_there_again(watching: Watching) -> None:
    watching.wait_for_source(lambda source: source.state in ("receiving", "unknown"))
    late = Sender(watching.node, watching.vhost)
    watching.wait_for_source(lambda source: source.state == "receiving")
    late.heartbeat()
    watching.wait_for("w@h", lambda worker: worker.state == "online")
    late.link.close()
