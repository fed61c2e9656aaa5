"""Receives Celery's events of one virtual host from a durable queue of our own, over AMQP.

The queue outlives a restart of the receiver, unlike Celery's own event queues, so nothing is lost meanwhile: messages are acknowledged only when
their events are stored. What arrived before a connection broke is handed out before the break is reported; what the broker then delivers a
second time is marked (`workers.receiving.redeliveries`). Celery's event exchanges are never declared here, only looked at. Nothing here understands
the bodies.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence

from amqp import Connection, spec
from amqp.channel import Channel

from workers.amqp_connection import Target, close_connection, existing_exchanges, explained, open_connection
from workers.celery_names import EVENT_EXCHANGE
from workers.errors import NothingThere, Unreachable, WatchError
from workers.receiving.deliveries import Delivery, DeliveryReader
from workers.receiving.event_queues import Compared, candidates, exists, is_emptied, prepare
from workers.receiving.redeliveries import Redeliveries

PREFETCH = 40_000  # with what waits in the queue, some ten seconds of 20,000 events a second
MOST_BYTES = 1_000_000  # that are received at once, as one message may hold a hundred events: some thousand of them
REBIND_SECONDS = 30.0
HEARTBEAT_CHECK_SECONDS = 1.0


class EventFeed:
    """The connection of one virtual host. Every method but `close` raises `workers.errors.WatchError`, after which `connect` is due again."""

    def __init__(self, targets: Sequence[Target], queue: str, exchanges: Sequence[str] = (EVENT_EXCHANGE,), nodes: int = 1) -> None:
        """`queue`: the name of the classic one; `nodes`: how many the broker has (see `event_queues`)."""
        self.targets, self.exchanges = targets, tuple(exchanges)
        self._candidates = candidates(queue, nodes)
        self.queue = self._candidates[0].name
        self._leftovers: list[str] = []
        self._compared = Compared()
        self._bound: tuple[str, ...] = ()
        self._connection: Connection | None = None
        self._channel: Channel | None = None
        self._reader: DeliveryReader | None = None
        self._broke: WatchError | None = None  # not reported yet, since something had arrived before
        self._last_tag = 0  # of what was handed out
        self._redeliveries = Redeliveries()
        self._next_check = self._next_rebind = 0.0
        self._cancelled = False
        self.is_behind = False  # more had come by the end of the last `receive` than it took

    @property
    def connected(self) -> bool:
        """False once a break was reported."""
        return self._connection is not None or self._broke is not None

    def connect(self) -> None:
        """Connects, makes sure that the queue exists and is bound, and consumes it."""
        self.close()
        with self._explained():
            self._connection = open_connection(self.targets, "events")
            self._channel = self._channel_of(self._connection)
            self._channel._callbacks[spec.Basic.QosOk] = self._redeliveries.prove
            self._channel.basic_qos(0, PREFETCH, False)
            self._cancelled = False
            reader = self._reader = DeliveryReader(self._connection, self._channel.channel_id)
            for name in (self.queue, *self._leftovers):
                self._channel.basic_consume(name, consumer_tag=name, callback=reader.arrive, on_cancel=self._note_cancel)
        self._next_rebind = time.monotonic() + REBIND_SECONDS

    def receive(self, seconds: float, most: int) -> list[Delivery]:
        """What arrives within `seconds`, at most about `most` messages or MOST_BYTES; ends early after them."""
        if self._broke is not None:
            error, self._broke = self._broke, None
            raise error
        reader = self._reader
        if self._connection is None or reader is None:
            raise Unreachable("not connected")
        try:
            self._read(self._connection, reader, seconds, most)
        except WatchError as error:
            if not reader.arrived:
                raise
            self._broke = error
        arrived = reader.take()
        now = time.monotonic()
        every = () if not self._uses_two and self._redeliveries.hand_out_all(delivery.body for delivery in arrived) else arrived
        for delivery in every:
            delivery.again = self._redeliveries.hand_out(delivery.body, delivery.redelivered, now)
            if self._uses_two:
                delivery.again |= self._compared.is_second(delivery.body, now)
        if self._connection is None:
            self._redeliveries.connection_lost(now)
        elif arrived:
            self._last_tag = reader.tag
        return arrived

    @property
    def _uses_two(self) -> bool:
        """True while an event may be in two queues: one is still emptied, or the best one can't be used and comes back with its bindings."""
        return bool(self._leftovers) or self.queue != self._candidates[0].name

    def _read(self, connection: Connection, reader: DeliveryReader, seconds: float, most: int) -> None:
        deadline = time.monotonic() + seconds
        self.is_behind = False
        with self._explained():
            self._keep_up()
            # one time-out for all reads: setting it for each frame halves the speed
            with contextlib.suppress(TimeoutError), connection.transport.having_timeout(max(seconds, 0.001)):
                while len(reader.arrived) < most and reader.arrived_bytes < MOST_BYTES and time.monotonic() < deadline:
                    reader.read(most, MOST_BYTES)
                self.is_behind = reader.more_waits()
            if self._cancelled:
                raise Unreachable(f"the queue {self.queue} was deleted")

    def acknowledge(self) -> None:
        """Everything handed out so far is stored: the broker may delete it."""
        if not self._last_tag or self._channel is None:
            return
        with self._explained():
            self._channel.basic_ack(self._last_tag, multiple=True)
        self._last_tag = 0
        self._redeliveries.acknowledge()

    def uncertain(self) -> bytes:
        """Fingerprints of what was handed out and may come again, for `resume` of a later process."""
        return self._redeliveries.dump()

    def resume(self, uncertain: bytes) -> None:
        """Before the first `connect`: what an earlier process applied, and may not have acknowledged."""
        self._redeliveries.load(uncertain, time.monotonic())

    def close(self) -> None:
        """What arrived and was not handed out is dropped: the broker delivers it again."""
        self._disconnect()
        self._reader = self._broke = None

    def _disconnect(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            close_connection(connection)  # messages may arrive while it closes
        self._last_tag = 0
        self._redeliveries.connection_lost(time.monotonic())

    def _channel_of(self, connection: Connection) -> Channel:
        """A channel on which our queue exists and is bound."""
        self._bound = existing_exchanges(connection, self.exchanges, "topic")
        if not self._bound:
            listed = " and ".join(self.exchanges)
            raise NothingThere(f"the exchange {listed} is gone: no worker has sent events since the broker lost it, or they use another exchange")
        in_use = prepare(connection, self._candidates, self._bound)
        self.queue, self._leftovers = in_use.queue.name, list(in_use.leftovers)
        return in_use.channel

    def _keep_up(self) -> None:
        """Heartbeats; proof that acknowledgements were read; and now and then the binding again, which goes when somebody deletes and remakes the exchange."""
        now = time.monotonic()
        if self._connection is None or self._channel is None:
            return
        if now >= self._next_check:
            self._next_check = now + HEARTBEAT_CHECK_SECONDS
            self._connection.heartbeat_tick()
            if self._redeliveries.needs_proof:
                self._redeliveries.request_proof()
                self._channel.send_method(spec.Basic.Qos, "lBb", (0, PREFETCH, False))  # changes nothing; its answer comes in order
        if now >= self._next_rebind:
            self._next_rebind = now + REBIND_SECONDS
            for exchange in self._bound:
                self._channel.queue_bind(self.queue, exchange, "#")
            self._tidy(self._connection)

    def _tidy(self, connection: Connection) -> None:
        """Deletes what was used before once it is empty, and goes back to the best queue once it can be used again."""
        self._leftovers = [name for name in self._leftovers if not is_emptied(connection, name)]
        best = self._candidates[0]
        if not best.is_quorum and self.queue != best.name and exists(connection, best.name):
            raise Unreachable(f"the queue {best.name} is back, whose node was down")

    def _note_cancel(self, tag: str) -> None:
        """The broker cancels what it deletes; the consumers are named after their queues."""
        self._cancelled = self._cancelled or tag == self.queue

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            with explained(self.targets[0]):
                yield
        except BaseException:
            self._disconnect()
            raise
