"""The five arrangements set up on a real broker, as connections from addresses of this machine, of which each stands for one machine."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import amqp
import pytest
from amqp.transport import TCPTransport

from brokers import store
from brokers.models import Broker
from brokers.polling.poll_memory import PollMemory
from brokers.scope import EVERYTHING
from dashboard.arrangements.arrangement import FIVE
from dashboard.arrangements.declared import parse
from dashboard.arrangements.loaded import loaded
from tests.brokers.management import InstantApi
from tests.brokers.polled import poll_once, save_whole_poll
from tests.conftest import TestNode
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db
BROKER, WEB, JOBS, PROXY = "127.0.0.1", "127.0.0.21", "127.0.0.22", "127.0.0.29"
SET_UP = dict(zip(FIVE, ((BROKER, BROKER), (BROKER, JOBS), (WEB, BROKER), (WEB, WEB), (WEB, JOBS)), strict=True))
"""From where it is published and consumed, by arrangement."""


class _Transport(TCPTransport):
    source = ""

    def _connect(self, host: str, port: int, timeout: float) -> None:
        self.sock = socket.create_connection((host, port), timeout, source_address=(self.source, 0))


class ConnectionFrom(amqp.Connection):
    """A connection from an address of its own."""

    def __init__(self, source: str, **given: Any) -> None:
        self.source = source
        super().__init__(**given)

    def Transport(self, host: str, connect_timeout: float, ssl: Any = False, *timeouts: Any, **given: Any) -> TCPTransport:
        made = _Transport(host, connect_timeout, *timeouts, **given)
        made.source = self.source
        return made


class Differing:
    """What was found, true once it is as expected: for the message of a test that waits for it too long."""

    def __init__(self, found: dict[str, str], expected: dict[str, str]) -> None:
        self.found, self.expected = found, expected

    def __bool__(self) -> bool:
        return self.found == self.expected

    def __repr__(self) -> str:
        return str(self.found)


class Shop:
    """A virtual host with a queue and an exchange for each arrangement, named after it."""

    def __init__(self, node: TestNode, vhost: str) -> None:
        self.node, self.vhost, self.links = node, vhost, []
        address = node.address()
        self.broker: Broker = store.ensure_brokers([address], datetime.now(UTC))[address.name]
        self.api, self.memory, self.stored = InstantApi(address), PollMemory(), store.BrokerMemory(5.0, statistics_seconds=5.0)
        self.exchanges: list[str] = []

    def channel(self, source: str) -> amqp.Channel:
        host = f"127.0.0.1:{self.node.ports['amqp']}"
        link = ConnectionFrom(source, host=host, userid=self.node.user, password=self.node.password, virtual_host=self.vhost)
        link.connect()
        self.links.append(link)
        return link.channel()

    def flow(self, name: str, producer: str, consumer: str) -> None:
        self.exchanges.append(name)
        publishing, consuming = self.channel(producer), self.channel(consumer)
        publishing.exchange_declare(name, "fanout", durable=True, auto_delete=False)
        publishing.queue_declare(name, durable=True, auto_delete=False)
        publishing.queue_bind(name, name)
        consuming.basic_consume(name, no_ack=True)
        publishing.basic_publish(amqp.Message("x"), name, "")

    def words(self) -> dict[str, str]:
        """By queue, after another poll."""
        now = datetime.now(UTC)
        found = poll_once(self.api, now, self.memory, viewed_exchanges=[(self.vhost, name) for name in self.exchanges])
        assert save_whole_poll(self.broker.pk, found, now, self.stored)
        (place,) = loaded(EVERYTHING, [Broker.objects.get(pk=self.broker.pk)], self.vhost, now)[0]
        return {name: flow.arrangement.word for flow in place.flows for _, name in flow.queues}

    def end(self) -> None:
        for link in self.links:
            link.close()


@pytest.fixture
def shop(rabbitmq: TestNode, vhost: str) -> Iterator[Shop]:
    found = Shop(rabbitmq, vhost)
    yield found
    found.end()


def test_each_of_five_arrangements_is_named_right_and_one_behind_a_proxy_is_unknown(shop: Shop, settings: Any) -> None:
    settings.MACHINES = {shop.broker.name: parse(f"mq={BROKER},web={WEB},jobs={JOBS},?={PROXY}")}
    for word, (producer, consumer) in SET_UP.items():
        shop.flow(word, producer, consumer)
    shop.flow("proxied", PROXY, JOBS)
    expected = {**{word: word for word in FIVE}, "proxied": "unknown"}
    wait_until(lambda: Differing(shop.words(), expected), 60)
    settings.MACHINES = {}
    without = shop.words()  # loopback is the broker's own machine, whichever address of it
    assert set(without.values()) == {"all_on_one"}
