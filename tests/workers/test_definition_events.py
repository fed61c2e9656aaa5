"""What a broker's event exchange names as changed: the plugin itself, and what goes wrong with it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from amqp import Connection
from amqp.basic_message import Message
from django.db import connection
from django.test.utils import CaptureQueriesContext

from brokers import queries, store
from brokers.addresses import BrokerAddress
from brokers.models import Binding, Broker, Change, DefinitionEvents, Exchange, VirtualHost
from brokers.polling.poll_loop import PollLoop
from brokers.stats import Listener
from tests.conftest import TestNode
from tests.waiting import wait_until
from workers.amqp_connection import Target
from workers.receiving.definition_events import named_vhost
from workers.receiving.definition_watch import DefinitionWatch
from workers.receiving.definition_watches import DefinitionWatches

OURS = "hareline.test.definitions.1"


@pytest.mark.parametrize(
    ("routing_key", "headers", "vhost"),
    [
        ("queue.created", {"vhost": "fire", "name": "q1", "owner_pid": "", "durable": True}, "fire"),
        ("queue.policy.updated", {"vhost": "fire", "name": "q1", "pattern": "^q"}, "fire"),
        ("binding.created", {"vhost": "fire", "source_name": "t", "destination_name": "q1", "destination_kind": "queue"}, "fire"),
        ("binding.created", {"vhost": "/", "source_name": "amq.rabbitmq.event", "destination_name": OURS, "destination_kind": "queue"}, None),
        ("policy.set", {"vhost": "fire", "name": "pol", "apply-to": "queues"}, "fire"),
        ("vhost.updated", {"name": "fire", "tracing": False}, None),
        ("parameter.set", {"name": "cluster_name"}, None),
        ("exchange.deleted", {"vhost": b"\xff"}, None),
        ("", {}, None),
    ],
)
def test_the_virtual_host_that_an_event_names(routing_key: str, headers: dict[str, Any], vhost: str | None) -> None:
    assert named_vhost(routing_key, headers, OURS) == vhost


@pytest.fixture
def broker(transactional_db: None) -> int:
    return store.ensure_brokers([BrokerAddress("test", ("http://h:1",), "u", "p")], datetime.now(UTC))["test"].pk


@pytest.fixture
def run() -> Iterator[Callable[[Any], None]]:
    running: list[tuple[Any, threading.Thread]] = []

    def begin(work: Any) -> None:
        thread = threading.Thread(target=work.run)
        running.append((work, thread))
        thread.start()

    yield begin
    for work, _ in running:
        work.stop()
    for _, thread in running:
        thread.join()


def named(broker: int, vhost: str) -> int:
    """How many events have named it."""
    found = queries.named_changes(broker, datetime.now(UTC))
    return 0 if found is None else found.counts.get(vhost, 0)


def problem(broker: int) -> str:
    row = DefinitionEvents.objects.filter(broker_id=broker).first()
    return row.problem if row else ""


class Events:
    """An exchange of a virtual host of the test's own, in the place of the plugin's, and what is published there."""

    def __init__(self, node: TestNode, vhost: str) -> None:
        self.node, self.vhost = node, vhost
        node.api("PUT", f"exchanges/{vhost}/events", {"type": "topic"})

    def queues(self) -> list[str]:
        return [found["name"] for found in self.node.api("GET", f"queues/{self.vhost}")]

    def publish(self, routing_key: str, **headers: object) -> None:
        with Connection(
            host=f"127.0.0.1:{self.node.ports['amqp']}", userid=self.node.user, password=self.node.password, virtual_host=self.vhost
        ) as link:  # fmt: skip
            link.channel().basic_publish(Message("", application_headers=headers), "events", routing_key)

    def watch(self, broker: int, url: str | None = None) -> DefinitionWatch:
        return DefinitionWatch(broker, [Target(url or self.node.amqp_url(self.vhost), self.vhost)], "events", "hareline.test.definitions.")


def is_of_definitions(found: dict[str, Any]) -> bool:
    return found.get("client_properties", {}).get("connection_name") == "hareline definitions"


def test_changes_are_named_and_after_a_broken_connection_everything_is(rabbitmq: TestNode, vhost: str, broker: int, run: Callable[[Any], None]) -> None:
    events = Events(rabbitmq, vhost)
    run(events.watch(broker))
    first = wait_until(lambda: queries.named_changes(broker, datetime.now(UTC)))
    assert (first.everything, first.counts) == (1, {})
    (queue,) = wait_until(events.queues)
    facts = rabbitmq.api("GET", f"queues/{vhost}/{queue}")
    assert (facts["exclusive"], facts["auto_delete"], facts["arguments"]["x-max-length"]) == (True, True, 10_000)
    VirtualHost.objects.create(broker_id=broker, name="shop", first_seen_at=datetime.now(UTC))
    events.publish("binding.created", vhost="shop")
    events.publish("connection.created", vhost="shop")  # not bound
    wait_until(lambda: named(broker, "shop") == 1)
    for name in wait_until(lambda: [found["name"] for found in rabbitmq.api("GET", f"vhosts/{vhost}/connections") if is_of_definitions(found)]):
        rabbitmq.api("DELETE", f"connections/{quote(name, safe='')}")
    wait_until(lambda: (found := queries.named_changes(broker, datetime.now(UTC))) and found.everything == 2)
    events.publish("queue.deleted", vhost="shop")
    wait_until(lambda: named(broker, "shop") == 2)


def test_what_is_refused_is_a_sentence_and_nothing_counts_as_named(rabbitmq: TestNode, vhost: str, broker: int, run: Callable[[Any], None]) -> None:
    user, password = rabbitmq.new_user(permissions={vhost: {"configure": "", "write": "", "read": ""}})
    events = Events(rabbitmq, vhost)
    url = rabbitmq.amqp_url(vhost).replace(f"{rabbitmq.user}:{rabbitmq.password}@", f"{user}:{password}@")
    run(events.watch(broker, url))
    assert "refused" in wait_until(lambda: problem(broker))
    assert queries.named_changes(broker, datetime.now(UTC)) is None


def test_an_exchange_that_is_gone_is_a_sentence(rabbitmq: TestNode, vhost: str, broker: int, run: Callable[[Any], None]) -> None:
    run(DefinitionWatch(broker, [Target(rabbitmq.amqp_url(vhost), vhost)], "events", "hareline.test.definitions."))
    assert "is gone" in wait_until(lambda: problem(broker))


def test_without_the_plugin_or_permission_nothing_is_kept(broker: int) -> None:
    store.note_definition_events(broker, "/", datetime.now(UTC), everything=1)
    DefinitionWatches(BrokerAddress("test", ("http://h:1",), "u", "p"), broker, "test", is_allowed=True).keep(())
    assert not DefinitionEvents.objects.exists()
    now = datetime.now(UTC)
    Exchange.objects.create(
        broker_id=broker,
        vhost="/",
        name=queries.EVENT_EXCHANGE,
        type="topic",
        durable=True,
        auto_delete=False,
        internal=True,
        first_seen_at=now,
        changed_at=now,
    )
    store.note_definition_events(broker, "/", now, everything=1)
    watches = DefinitionWatches(BrokerAddress("test", ("http://h:1",), "u", "p"), broker, "test", is_allowed=False)
    watches.keep(())
    assert not DefinitionEvents.objects.exists()
    with CaptureQueriesContext(connection) as captured:
        watches.keep(())
    assert [query["sql"].split()[0] for query in captured.captured_queries] == ["SELECT"], "no lock for writing every two seconds"


def test_counts_of_virtual_hosts_that_are_gone_go_once_everything_is_read_anew(broker: int) -> None:
    now = datetime.now(UTC)
    for name, gone_at in (("shop", None), ("left", now), ("made again", now), ("made again", None)):
        VirtualHost.objects.create(broker_id=broker, name=name, first_seen_at=now, gone_at=gone_at)
    store.note_definition_events(broker, "/", now, {"shop": 2, "left": 1, "made again": 3, "never polled": 1})
    store.note_definition_events(broker, "/", now, {"shop": 1, "new": 1})
    assert DefinitionEvents.objects.get().counts == {"shop": 3, "left": 1, "made again": 3, "never polled": 1, "new": 1}
    store.note_definition_events(broker, "/", now, {"new": 1}, everything=1)
    assert DefinitionEvents.objects.get().counts == {"shop": 3, "made again": 3, "new": 1}


class FailingWatch(DefinitionWatch):
    def _receive_until_stopped(self) -> None:
        raise KeyError("not foreseen")


def test_an_error_in_hareline_is_logged_and_a_sentence_and_ends_no_thread(broker: int, caplog: pytest.LogCaptureFixture) -> None:
    watch = FailingWatch(broker, [Target("amqp://h:1", "/")], "events", "hareline.test.definitions.")
    thread = threading.Thread(target=watch.run)
    thread.start()
    try:
        assert wait_until(lambda: problem(broker)) == "Hareline’s thread that receives them ended by an error (KeyError); the log has it"
        assert thread.is_alive()
        assert "not foreseen" in caplog.text
    finally:
        watch.stop()
        thread.join()


def test_a_binding_is_read_when_the_plugin_names_it_and_not_at_the_next_poll(rabbitmq: TestNode, vhost: str, run: Callable[[Any], None], broker: int) -> None:
    if not any(found["name"] == queries.EVENT_EXCHANGE for found in rabbitmq.api("GET", "exchanges/%2F")):
        pytest.skip("this broker has no event exchange")
    Broker.objects.filter(pk=broker).update(name="test")
    loop = PollLoop(rabbitmq.address(), broker, "test", poll_seconds=3600)
    watches = DefinitionWatches(rabbitmq.address(), broker, "test", is_allowed=True)
    try:
        loop.run_round()
        loop.inventory.run_round()
        watches.keep((Listener("rabbit@h", "amqp", rabbitmq.ports["amqp"]), Listener("rabbit@h", "http", rabbitmq.ports["management"])))
        wait_until(lambda: queries.named_changes(broker, datetime.now(UTC)))
        loop.inventory.run_round()
        run(loop.inventory)
        for key in ("a.change", "another"):  # the first may be read by the round of the poll
            rabbitmq.api("POST", f"bindings/{vhost}/e/amq.topic/e/amq.fanout", {"routing_key": key})
            wait_until(lambda key=key: Binding.objects.filter(vhost=vhost, routing_key=key, gone_at=None).exists())  # type: ignore[misc]
        wait_until(lambda: named(broker, vhost) == 2)
        wait_until(lambda: Change.objects.filter(vhost=vhost, kind="binding").count() == 2)
        assert set(Change.objects.filter(vhost=vhost, kind="binding").values_list("what", "name", "who")) == {
            ("added", "amq.topic → amq.fanout", rabbitmq.user)
        }
    finally:
        watches.end()
        connection.close()
