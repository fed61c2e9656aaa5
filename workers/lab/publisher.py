"""The publisher of an experiment: sends Celery's messages at its rate, and takes their replies. Where the broker goes away it connects again."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator
from itertools import count
from typing import Any, NoReturn

import msgspec
from celery import Celery
from kombu.connection import Connection
from kombu.entity import Queue
from kombu.exceptions import KombuError
from kombu.messaging import Consumer

from workers.lab.node import TASK
from workers.lab.orders import Pause
from workers.lab.place import TRANSPORT, Place
from workers.lab.plan import PublisherPlan
from workers.lab.reports import PUBLISHER, Kind, Report, line, message_id

AGAIN_SECONDS = 1.0
CONFIRM_SECONDS = 10.0


class Publisher:
    """`reports`: the descriptor that takes lines; `orders`: the one that `Pause` comes from."""

    def __init__(self, place: Place, plan: PublisherPlan, round_number: int, reports: int, orders: int) -> None:
        self._place, self._plan, self._round, self._reports, self._orders = place, plan, round_number, reports, orders
        self._app = Celery("lab", broker="memory://", set_as_current=False)
        self._next = self._messages()
        self._paused = False

    def run(self) -> NoReturn:
        """Until the process is ended."""
        while True:
            link = self._connection()
            try:
                link.connect()
                self._report("ready", text=str(link.connection.sock.getsockname()[0]))
                self._publish(link)
            except (*link.recoverable_connection_errors, *link.recoverable_channel_errors, KombuError, OSError) as error:
                self._report("away", text=f"{type(error).__name__}: {error}"[:200])
                if link.connected:
                    link.connection.collect()  # not closed in good order: a broker that hangs never answers that
                time.sleep(AGAIN_SECONDS)

    def _publish(self, link: Connection) -> None:
        producer, due = link.Producer(auto_declare=False), time.monotonic()
        replies = self._replies(link)
        while True:
            if not self._paused:
                number, variant = next(self._next)
                self._send(producer, message_id(self._round, variant, number), variant)
            due = max(due + 1 / self._plan.rate, time.monotonic() - 1)
            self._wait(link, due, replies is not None)

    def _send(self, producer: Any, message: str, variant: int) -> None:
        about, at = self._plan.variants[variant], time.time()
        made = self._app.amqp.as_task_v2(message, TASK, origin="hareline-lab", argsrepr="()", kwargsrepr="{}")
        properties = {**made.properties, "reply_to": self._plan.reply_queue or "nobody"}
        producer.publish(
            made.body,
            exchange=self._plan.exchange,
            routing_key=about.routing_key,
            serializer="json",
            headers={**made.headers, **about.headers},
            priority=about.priority,
            confirm_timeout=CONFIRM_SECONDS,
            **properties,
        )
        self._report("sent", message, at=at)

    def _wait(self, link: Connection, due: float, replies: bool) -> None:
        """Until the next message is due: takes replies and orders meanwhile."""
        while (left := due - time.monotonic()) > 0:
            readable, _, _ = select.select([self._orders, *([link.connection.sock] if replies else [])], [], [], left)
            if self._orders in readable:
                self._take_orders()
            if link.connection.sock in readable:
                try:
                    link.drain_events(timeout=0.05)
                except TimeoutError:
                    continue

    def _take_orders(self) -> None:
        for text in os.read(self._orders, 4096).splitlines():
            self._paused = msgspec.json.decode(text, type=Pause).pause

    def _replies(self, link: Connection) -> Consumer | None:
        if not self._plan.reply_queue:
            return None
        consumer = Consumer(link.default_channel, [Queue(self._plan.reply_queue, no_declare=True)], no_ack=True, accept=["json"], on_message=self._reply)
        consumer.consume()
        return consumer

    def _reply(self, message: Any) -> None:
        self._report("reply", str(message.properties.get("correlation_id", "")))

    def _messages(self) -> Iterator[tuple[int, int]]:
        """(number, variant) in turn, forever."""
        for number in count(1):
            yield number, (number - 1) % len(self._plan.variants)

    def _connection(self) -> Connection:
        options = self._place.options(PUBLISHER, self._plan.address)
        return Connection(self._place.full_url, transport=TRANSPORT, ssl=self._place.tls, transport_options=options, connect_timeout=5)

    def _report(self, kind: Kind, message: str = "", text: str = "", at: float | None = None) -> None:
        os.write(self._reports, line(Report(kind, time.time() if at is None else at, PUBLISHER, message, text)))
