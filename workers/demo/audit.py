"""Consumers that are not Celery: an audit log of orders and two caches of prices, as most real brokers have some."""

from __future__ import annotations

import threading
from typing import Any

from kombu.connection import Connection
from kombu.entity import Queue
from kombu.message import Message
from kombu.messaging import Consumer
from kombu.mixins import ConsumerMixin

QUEUES = ("orders.audit", "cache.web-1", "cache.web-2")


class Audit(ConsumerMixin):
    """Takes every message and acknowledges it; connects again by itself."""

    def __init__(self, connection: Connection, ended: threading.Event) -> None:
        self.connection = connection
        self._ended = ended

    def on_iteration(self) -> None:
        self.should_stop = self._ended.is_set()

    def get_consumers(self, consumer: type[Consumer], channel: Any) -> list[Consumer]:
        return [consumer([Queue(name, no_declare=True)], callbacks=[self.take], prefetch_count=20, tag_prefix="audit") for name in QUEUES]

    def take(self, _: Any, message: Message) -> None:
        message.ack()
