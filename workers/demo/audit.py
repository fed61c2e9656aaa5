"""Consumers that are not Celery: an audit log of orders, two caches of prices, a mailing list and the office's doors, as most real brokers have some."""

from __future__ import annotations

import threading
from typing import Any

from kombu.connection import Connection
from kombu.entity import Queue
from kombu.message import Message
from kombu.messaging import Consumer
from kombu.mixins import ConsumerMixin

from workers.demo import shop
from workers.demo.plants import protocol

QUEUES = ("orders.audit", "cache.web-1", "cache.web-2", "unrouted")
CANCELLED_AT_TIMES = "newsletter"
"""Has a consumer unless it is planted that it was cancelled."""


def run(amqp_url: str, ended: threading.Event) -> None:
    """Consumes until `ended`. Raises kombu's errors when the broker goes away."""
    office = Audit(shop.connection(amqp_url, "/", "doors@office-1"), ended, ("office.doors",))
    thread = threading.Thread(target=office.run, name="office", daemon=True)
    thread.start()
    Audit(shop.connection(amqp_url, shop.VHOST, "audit@batch-1"), ended, (*QUEUES, CANCELLED_AT_TIMES)).run()
    thread.join(5)


class Audit(ConsumerMixin):
    """Takes every message and acknowledges it; connects again by itself."""

    def __init__(self, connection: Connection, ended: threading.Event, queues: tuple[str, ...]) -> None:
        self.connection = connection
        self._ended = ended
        self._queues = queues
        self._plants = protocol.of_environment()
        self._by_queue: dict[str, Consumer] = {}
        self._cancelled = False

    def on_iteration(self) -> None:
        self.should_stop = self._ended.is_set()
        consumer = self._by_queue.get(CANCELLED_AT_TIMES)
        wanted = self._plants.flag("cancelled") is not None
        if consumer is not None and wanted != self._cancelled:
            self._cancelled = wanted
            if wanted:
                consumer.cancel()
            else:
                consumer.consume()

    def get_consumers(self, consumer: type[Consumer], channel: Any) -> list[Consumer]:
        self._cancelled = False
        self._by_queue = {name: consumer([Queue(name, no_declare=True)], callbacks=[self.take], prefetch_count=20, tag_prefix="audit") for name in self._queues}
        return list(self._by_queue.values())

    def take(self, _: Any, message: Message) -> None:
        message.ack()
