"""The five arrangements on a real broker: connections from several addresses of this machine, of which each stands for a machine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import amqp
import pytest

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
from workers.lab.source_address import Connection

pytestmark = [pytest.mark.nightly, pytest.mark.django_db]
BROKER, WEB, JOBS, PROXY = "127.0.0.1", "127.0.0.21", "127.0.0.22", "127.0.0.29"
SET_UP = dict(zip(FIVE, ((BROKER, BROKER), (BROKER, JOBS), (WEB, BROKER), (WEB, WEB), (WEB, JOBS)), strict=True))
"""By arrangement from where messages are published and consumed."""


class Shop:
    """A virtual host with flows, each of a queue and an exchange of its name."""

    def __init__(self, node: TestNode, vhost: str) -> None:
        self.node, self.vhost = node, vhost
        address = node.address()
        self.broker: Broker = store.ensure_brokers([address], datetime.now(UTC))[address.name]
        self.api, self.memory, self.stored = InstantApi(address), PollMemory(), store.BrokerMemory(5.0, statistics_seconds=5.0)
        self.links: list[Connection] = []
        self.exchanges: list[str] = []

    def channel(self, source: str) -> amqp.Channel:
        host = f"127.0.0.1:{self.node.ports['amqp']}"
        link = Connection(host, userid=self.node.user, password=self.node.password, virtual_host=self.vhost, source_address=source)
        link.connect()
        self.links.append(link)
        return link.channel()

    def flow(self, name: str, producer: str, consumer: str) -> None:
        publishing, consuming = self.channel(producer), self.channel(consumer)
        publishing.exchange_declare(name, "fanout", durable=True, auto_delete=False)
        publishing.queue_declare(name, durable=True, auto_delete=False)
        publishing.queue_bind(name, name)
        consuming.basic_consume(name, no_ack=True, callback=lambda _: None)
        publishing.basic_publish(amqp.Message("x"), name, "")
        self.exchanges.append(name)

    def words(self) -> dict[str, str]:
        """The arrangement of each queue, after another poll."""
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


def test_each_of_the_five_is_recognised_and_one_behind_a_proxy_is_unknown(shop: Shop, settings: Any) -> None:
    settings.MACHINES = {shop.broker.name: parse(f"mq={BROKER},web={WEB},jobs={JOBS},?={PROXY}")}
    for word, (producer, consumer) in SET_UP.items():
        shop.flow(word, producer, consumer)
    shop.flow("proxied", PROXY, JOBS)
    expected = {**{word: word for word in FIVE}, "proxied": "unknown"}
    latest: dict[str, str] = {}

    def is_expected() -> bool:
        latest.update(shop.words())
        return latest == expected

    wait_until(is_expected, 60)
    settings.MACHINES = {}
    assert set(shop.words().values()) == {"all_on_one"}  # whichever address of loopback: it is the broker's own machine
