"""Receives Celery's events of one virtual host from a durable queue of our own, over AMQP.

The queue outlives a restart of ours, unlike Celery's own event queues, so nothing is lost meanwhile: messages are acknowledged only when
what they told is stored. `celeryev` itself is never declared here, only looked at. Nothing here understands the bodies.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence

import msgspec
from amqp import Connection
from amqp.basic_message import Message
from amqp.channel import Channel
from amqp.exceptions import NotFound, PreconditionFailed

from workers.amqp_connection import Target, close_connection, explained, open_connection, raw_channel
from workers.errors import NothingThere, Unreachable

EXCHANGE = "celeryev"
PREFETCH = 20_000
REBIND_SECONDS = 30.0
HEARTBEAT_CHECK_SECONDS = 1.0
QUEUE_ARGUMENTS = {
    "x-expires": 60 * 60 * 1000,
    "x-message-ttl": 30 * 60 * 1000,
    "x-max-length-bytes": 64 * 1024 * 1024,
    "x-overflow": "drop-head",
}


class Delivery(msgspec.Struct, gc=False):
    body: bytes
    content_type: str | None
    again: bool  # applied already, and delivered again since its acknowledgement was lost with a connection


class EventFeed:
    """The connection of one virtual host. Every method but `close` raises `workers.errors.WatchError`, after which `connect` is due again."""

    def __init__(self, targets: Sequence[Target], queue: str) -> None:
        self.targets, self.queue = targets, queue
        self._connection: Connection | None = None
        self._channel: Channel | None = None
        self._arrived: list[Delivery] = []
        self._last_tag = 0
        self._unacknowledged: set[int] = set()  # fingerprints of what was handed out
        self._acknowledged: set[int] = set()  # and of the last lot that was acknowledged: the broker may not have heard it
        self._next_check = self._next_rebind = 0.0
        self._cancelled = False

    @property
    def connected(self) -> bool:
        return self._connection is not None

    def connect(self) -> None:
        """Connects, makes sure that the queue exists and is bound, and consumes it."""
        self.close()
        with self._explained():
            self._connection = open_connection(self.targets, "events")
            self._channel = self._channel_of(self._connection)
            self._channel.basic_qos(0, PREFETCH, False)
            self._cancelled = False
            self._last_tag = 0
            self._channel.basic_consume(self.queue, callback=self._arrive, on_cancel=self._note_cancel)
        self._next_rebind = time.monotonic() + REBIND_SECONDS

    def receive(self, seconds: float, most: int) -> list[Delivery]:
        """What arrives within `seconds`, at most about `most` messages; ends early after them."""
        connection = self._connection
        if connection is None:
            raise Unreachable("not connected")
        arrived: list[Delivery] = []
        self._arrived = arrived
        deadline = time.monotonic() + seconds
        with self._explained():
            self._keep_up()
            # one time-out for all reads: setting it for each frame halves the speed
            with contextlib.suppress(TimeoutError), connection.transport.having_timeout(max(seconds, 0.001)):
                while len(arrived) < most and time.monotonic() < deadline:
                    connection.drain_events()
            if self._cancelled:
                raise Unreachable(f"the queue {self.queue} was deleted")
        return arrived

    def acknowledge(self) -> None:
        """Everything handed out so far is stored: the broker may forget it."""
        if not self._last_tag or self._channel is None:
            return
        with self._explained():
            self._channel.basic_ack(self._last_tag, multiple=True)
        self._last_tag = 0
        self._acknowledged, self._unacknowledged = self._unacknowledged, set()

    def close(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        self._last_tag = 0
        if connection is not None:
            close_connection(connection)

    def _channel_of(self, connection: Connection) -> Channel:
        """A channel on which our queue exists and is bound. If the queue has other settings (an earlier version's), it is taken as it is."""
        channel = raw_channel(connection)
        try:
            channel.exchange_declare(EXCHANGE, "topic", passive=True)
        except NotFound:
            raise NothingThere(f"the exchange {EXCHANGE} is gone: no worker has sent events since the broker lost it") from None
        try:
            channel.queue_declare(self.queue, durable=True, auto_delete=False, arguments=QUEUE_ARGUMENTS)
        except PreconditionFailed:
            channel = raw_channel(connection)
            channel.queue_declare(self.queue, passive=True)
        channel.queue_bind(self.queue, EXCHANGE, "#")
        return channel

    def _keep_up(self) -> None:
        """Heartbeats; and now and then the binding again, which goes when somebody deletes and remakes the exchange."""
        now = time.monotonic()
        if now >= self._next_check and self._connection is not None:
            self._next_check = now + HEARTBEAT_CHECK_SECONDS
            self._connection.heartbeat_tick()
        if now >= self._next_rebind and self._channel is not None:
            self._next_rebind = now + REBIND_SECONDS
            self._channel.queue_bind(self.queue, EXCHANGE, "#")

    def _arrive(self, message: Message) -> None:
        body = message.body or b""  # py-amqp gives "" for an empty one
        fingerprint = hash(body)
        information = message.delivery_info
        again = information["redelivered"] and (fingerprint in self._unacknowledged or fingerprint in self._acknowledged)
        self._unacknowledged.add(fingerprint)
        self._last_tag = information["delivery_tag"]
        self._arrived.append(Delivery(body, message.properties.get("content_type"), again))

    def _note_cancel(self, _tag: str) -> None:
        self._cancelled = True

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            with explained(self.targets[0]):
                yield
        except BaseException:
            self.close()
            raise
