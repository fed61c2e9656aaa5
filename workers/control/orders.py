"""Sends one command of Celery's remote control to some worker nodes of a virtual host, and collects their replies.

On a connection of its own, closed at the end. Replies arrive in a queue of our own name; nothing else is declared, and Celery's exchanges never. Each node
is addressed by its control queue alone, through the header BCC of a message to our own queue (RabbitMQ's sender-selected distribution), so that none is
unroutable where a node is gone. Where the default exchange may not be written to, the control exchanges are used, with the nodes named as `destination`.

An order is sent once, with publisher confirms, and never repeated: most change something each time. It expires in a queue that nobody reads. A node that is
busy (the solo pool runs a task) may have it already and carry it out later, though it has not answered in time.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec
from amqp import Connection
from amqp.basic_message import Message
from amqp.channel import Channel

from workers.amqp_connection import Target, can_address, close_connection, existing_exchanges, explained, open_connection, raw_channel
from workers.celery_names import DEFAULT, CeleryNames
from workers.control.replies import LARGEST_REPLY_BYTES, Reply, read_replies
from workers.errors import NothingThere, Unreachable, WatchError
from workers.inspection import formats
from workers.inspection.audience import JSON
from workers.redaction import Redaction

MOST_HOSTNAMES = 1000
MOST_KEYS = 200
"""In the header of one message, of at most 131,072 bytes."""
MOST_SECONDS = 60.0
CONFIRM_SECONDS = 5.0
ROUND_SECONDS = 0.5
MOST_MESSAGES_EACH = 4
"""So many replies a node are taken from the queue; the broker drops what comes beyond."""


class Order(msgspec.Struct, frozen=True):
    """`command` is the name that workers register it by, such as `pool_grow` or `revoke`; `arguments` are its keyword arguments, in JSON's types."""

    command: str
    arguments: Mapping[str, Any]
    hostnames: tuple[str, ...]


class Outcome(msgspec.Struct):
    """What came of an order. `sent`: whether the broker has it: "no", "yes", or "unknown" where the connection broke before the broker confirmed it.

    `problem` is a sentence where it could not be sent, or where no more replies can arrive; "" otherwise. The counts are of messages in the reply queue
    that are no reply: a node's second one, one from a node that was not addressed, and what can't be read.
    """

    replies: dict[str, Reply] = msgspec.field(default_factory=dict)
    unanswered: tuple[str, ...] = ()
    sent: Literal["no", "yes", "unknown"] = "no"
    problem: str = ""
    refusal: str = ""  # what the broker refused: as `workers.errors.Refused.action`
    doubled: int = 0
    unexpected: int = 0
    malformed: int = 0


class Ordering:
    """One order on its course. Iterate over `replies()` once; `outcome` is whole when it ends. Nothing that the broker or a worker does raises."""

    def __init__(
        self, targets: Sequence[Target], order: Order, reply_prefix: str, seconds: float, names: CeleryNames = DEFAULT, redaction: Redaction | None = None
    ) -> None:
        """`reply_prefix` is `hareline.<installation>.control`. `seconds`: how long replies are waited for, once the order was sent."""
        if not 0 < len(order.hostnames) <= MOST_HOSTNAMES or len(set(order.hostnames)) != len(order.hostnames):
            raise ValueError(f"an order goes to 1 to {MOST_HOSTNAMES} worker nodes, each named once")
        if not 0 < seconds <= MOST_SECONDS:
            raise ValueError(f"replies are waited for up to {MOST_SECONDS:g} seconds")
        self.outcome = Outcome(unanswered=order.hostnames)
        self._targets, self._order, self._seconds, self._names = targets, order, seconds, names
        self._redaction = redaction or Redaction()
        self._queue, self._ticket = f"{reply_prefix}.{secrets.token_hex(8)}", secrets.token_hex(8)
        self._waiting = dict.fromkeys(order.hostnames)
        self._arrived: list[Reply] = []
        self._body, self._stopped = b"", False

    def stop(self) -> None:
        """Waits for no more replies; from within the loop over them, or from another thread."""
        self._stopped = True

    def replies(self) -> Iterator[Reply]:
        """Each node's first reply, as it arrives; ends once all have answered or the time is over."""
        try:
            if not self._targets:
                raise Unreachable("no address of the broker is known")
            with explained(self._targets[0]):
                connection = open_connection(self._targets, "control")
                try:
                    yield from self._exchange(connection)
                finally:
                    close_connection(connection)
        except WatchError as error:
            self.outcome.problem, self.outcome.refusal = str(error), getattr(error, "action", "")
        finally:
            self.outcome.unanswered = tuple(self._waiting)

    def _exchange(self, connection: Connection) -> Iterator[Reply]:
        channel = raw_channel(connection)
        bound = {"x-expires": 60_000, "x-max-length": MOST_MESSAGES_EACH * len(self._order.hostnames) + 100}
        channel.queue_declare(self._queue, durable=False, exclusive=True, auto_delete=True, arguments=bound)
        channel.basic_consume(self._queue, no_ack=True, callback=self._take)
        self._send(connection, can_address(connection, self._queue))
        deadline, next_check = time.monotonic() + self._seconds, 0.0
        while self._waiting and not self._stopped and (now := time.monotonic()) < deadline:
            if now >= next_check:
                next_check = now + 1.0
                connection.heartbeat_tick()
            with contextlib.suppress(TimeoutError):
                connection.drain_events(timeout=min(ROUND_SECONDS, deadline - now))
            yield from self._take_arrived()
        yield from self._take_arrived()

    def _send(self, connection: Connection, may_address: bool) -> None:
        channel = raw_channel(connection)
        content_type = self._names.content_type or JSON
        self._body, encoding = formats.write(
            {
                "method": self._order.command,
                "arguments": dict(self._order.arguments),
                "destination": None if may_address else list(self._order.hostnames),  # else the key addresses them
                "pattern": None,
                "matcher": None,
                "ticket": self._ticket,
                "reply_to": {"exchange": "", "routing_key": self._queue},
            },
            content_type,
        )
        properties = {"content_type": content_type, "content_encoding": encoding, "delivery_mode": 1, "expiration": str(int(self._seconds * 1000))}
        for exchange, key, headers in self._addresses(connection, may_address):
            message = Message(self._body, application_headers={"clock": 0, **headers}, **properties)
            self.outcome.sent = "unknown"
            _publish(channel, message, exchange, key)
        self.outcome.sent = "yes"

    def _addresses(self, connection: Connection, may_address: bool) -> list[tuple[str, str, dict[str, Any]]]:
        """(exchange, routing key, headers) of each message."""
        if not may_address:
            found = existing_exchanges(connection, self._names.pidboxes, "fanout")
            if not found:
                listed = " or ".join(self._names.pidboxes)
                raise NothingThere(f"there is no exchange {listed}: no worker with remote control has been started here")
            return [(pidbox, "", {}) for pidbox in found]
        keys = [f"{hostname}.{pidbox}" for hostname in self._order.hostnames for pidbox in self._names.pidboxes]
        keys = [key for key in keys if len(key.encode()) <= 255]  # no queue has a longer name
        return [("", self._queue, {"BCC": keys[start : start + MOST_KEYS]}) for start in range(0, len(keys), MOST_KEYS)]

    def _take(self, message: Message) -> None:
        """A message in the reply queue. Our own order is one of them, and what tried whether we may send it."""
        outcome = self.outcome
        body = message.body if isinstance(message.body, bytes) else message.body.encode()
        if body in (b"", self._body):
            return
        if (message.headers or {}).get("ticket") != self._ticket or len(body) > LARGEST_REPLY_BYTES:
            outcome.malformed += 1
            return
        found = read_replies(body, message.properties.get("content_type"), self._redaction)
        if not found:
            outcome.malformed += 1
        for reply in found:
            if reply.hostname in self._waiting:
                del self._waiting[reply.hostname]
                outcome.replies[reply.hostname] = reply
                self._arrived.append(reply)
            elif reply.hostname in outcome.replies:
                outcome.doubled += 1
            else:
                outcome.unexpected += 1

    def _take_arrived(self) -> list[Reply]:
        arrived, self._arrived = self._arrived, []
        return arrived


def give(
    targets: Sequence[Target], order: Order, reply_prefix: str, seconds: float, names: CeleryNames = DEFAULT, redaction: Redaction | None = None
) -> Outcome:
    """Sends the order and returns once all have answered or the time is over. Never raises for what the broker or a worker does."""
    ordering = Ordering(targets, order, reply_prefix, seconds, names, redaction)
    for _ in ordering.replies():
        pass
    return ordering.outcome


def _publish(channel: Channel, message: Message, exchange: str, key: str) -> None:
    """Returns once the broker has the message."""
    channel.basic_publish_confirm(message, exchange, key, confirm_timeout=CONFIRM_SECONDS)
