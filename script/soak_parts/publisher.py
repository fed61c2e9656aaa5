"""Publishes messages to `celeryev` with publisher confirms, and notes in the journal what the broker confirmed.

What was handed over when a connection broke is published again, as the broker may or may not have it; the journal counts the copies.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from amqp import Connection
from amqp.basic_message import Message as AmqpMessage
from amqp.channel import Channel
from amqp.exceptions import AMQPError

from script.soak_parts.fleet import Fleet, Message
from script.soak_parts.journal import Journal

EXCHANGE = "celeryev"
TICK_SECONDS = 0.05
CONFIRM_SECONDS = 10.0
PERSISTENT = 2


class Publisher:
    """One connection to a virtual host, made anew whenever it breaks. `declare` names queues that live as long as the connection."""

    def __init__(self, amqp_url: str, journal: Journal, declare: tuple[str, ...] = ()) -> None:
        self._url, self._journal, self._declare = urlsplit(amqp_url), journal, declare
        self._connection: Connection | None = None
        self._channel: Channel | None = None
        self._open: dict[int, Message] = {}  # by delivery tag
        self._waiting: list[Message] = []
        self._last_tag = 0
        self.published = 0

    def publish(self, messages: list[Message]) -> bool:
        """True once all of them, and those left from before, are confirmed and in the journal; False if the broker is away, they are kept then."""
        self._waiting += messages
        try:
            connection, channel = self._connected()
            waiting, self._waiting = self._waiting, []
            for position, message in enumerate(waiting):
                try:
                    self._hand_over(channel, message)
                except BaseException:
                    self._waiting = waiting[position + 1 :]
                    raise
            deadline = time.monotonic() + CONFIRM_SECONDS
            while self._open:
                if time.monotonic() > deadline:
                    raise TimeoutError("no confirm came")
                with contextlib.suppress(TimeoutError):
                    connection.drain_events(timeout=1)
        except (OSError, AMQPError):
            self._lose()
            return False
        return True

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(OSError, AMQPError):
                connection.close()

    def _connected(self) -> tuple[Connection, Channel]:
        if self._connection is not None and self._channel is not None:
            return self._connection, self._channel
        url = self._url
        connection = Connection(
            host=f"{url.hostname}:{url.port}",
            userid=unquote(url.username or ""),
            password=unquote(url.password or ""),
            virtual_host=unquote(url.path[1:]),
            connect_timeout=3,
            read_timeout=10,
            write_timeout=10,
            client_properties={"connection_name": "soak"},
        )
        try:
            connection.connect()
            channel = connection.channel()
            channel.exchange_declare(EXCHANGE, "topic", durable=True, auto_delete=False)
            for queue in self._declare:
                channel.queue_declare(queue, exclusive=True, auto_delete=True)
            channel.confirm_select()
            channel.events["basic_ack"].add(self._confirmed)
        except BaseException:
            connection.collect()
            raise
        self._connection, self._channel, self._last_tag = connection, channel, 0
        return connection, channel

    def _hand_over(self, channel: Channel, message: Message) -> None:
        self._last_tag += 1
        message.copies += 1
        self._open[self._last_tag] = message
        channel.basic_publish(
            AmqpMessage(message.body, content_type=message.content_type, content_encoding="utf-8", delivery_mode=PERSISTENT), EXCHANGE, message.routing_key
        )

    def _confirmed(self, tag: int, multiple: bool) -> None:
        for confirmed in [open_tag for open_tag in self._open if open_tag == tag or (multiple and open_tag < tag)]:
            message = self._open.pop(confirmed)
            self._journal.note(message.events, message.true_times, message.copies)
            self.published += len(message.events)

    def _lose(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        self._waiting = [*self._open.values(), *self._waiting]
        self._open = {}
        if connection is not None:
            connection.collect()


class Traffic:
    """A fleet at work in a thread of its own. `rate` may be changed at any time; at 0 only what began goes on, and heartbeats."""

    def __init__(self, fleet: Fleet, publisher: Publisher, rate: float, extra: Callable[[float], list[Message]] = lambda _: []) -> None:
        self.fleet, self.rate = fleet, rate
        self._publisher, self._extra = publisher, extra
        self._ended = threading.Event()
        self.failure: BaseException | None = None
        self.all_confirmed = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(30)
        self._publisher.close()

    def _run(self) -> None:
        try:
            while not self._ended.is_set():
                began = time.monotonic()
                now = time.time()
                self.all_confirmed = self._publisher.publish(self.fleet.advance(now, self.rate) + self._extra(now))
                if not self.all_confirmed:
                    self._ended.wait(0.5)
                self._ended.wait(max(0.0, TICK_SECONDS - (time.monotonic() - began)))
        except BaseException as error:
            self.failure = error
            raise


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311  (not a secret)
