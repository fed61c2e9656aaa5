"""Our own queues for Celery's events at a broker: which one is used, and what is left over in others.

A classic queue is lost with its node. So in a cluster of three nodes or more it is a quorum queue, which one node's end leaves with a majority; in one of
two, where a majority is both, a spare queue on the other node takes its place while the first one's node is down. A queue that was used before is unbound
and consumed until it is empty. While two are consumed an event may be in both, so bodies are compared.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b

import msgspec
from amqp import Connection
from amqp.channel import Channel
from amqp.exceptions import AMQPError, NotFound, PreconditionFailed

from workers.amqp_connection import raw_channel
from workers.errors import Unreachable

ARGUMENTS = {
    "x-expires": 60 * 60 * 1000,
    "x-message-ttl": 30 * 60 * 1000,
    "x-max-length-bytes": 64 * 1024 * 1024,
    "x-overflow": "drop-head",
}
NODES_OF_A_MAJORITY = 3
COMPARED_SECONDS = 120.0
MOST_COMPARED = 500_000


class OwnQueue(msgspec.Struct, frozen=True):
    name: str
    is_quorum: bool = False

    @property
    def arguments(self) -> dict[str, object]:
        return ARGUMENTS | ({"x-queue-type": "quorum"} if self.is_quorum else {})


class InUse(msgspec.Struct, frozen=True):
    """The queue that is bound now, the names of others that are only emptied, and a channel on which to consume them."""

    channel: Channel
    queue: OwnQueue
    leftovers: tuple[str, ...] = ()


def candidates(name: str, nodes: int) -> tuple[OwnQueue, ...]:
    """The queues that may be used at a broker of so many nodes, the best first; `name` is that of the classic one.

    >>> [queue.name for queue in candidates("events", 1)], [queue.name for queue in candidates("events", 3)]
    (['events'], ['events.quorum', 'events'])
    """
    classic = OwnQueue(name)
    if nodes >= NODES_OF_A_MAJORITY:
        return (OwnQueue(f"{name}.quorum", is_quorum=True), classic)
    return (classic, OwnQueue(f"{name}.spare")) if nodes == NODES_OF_A_MAJORITY - 1 else (classic,)


def prepare(connection: Connection, wanted: Sequence[OwnQueue], exchanges: Sequence[str]) -> InUse:
    """Declares and binds the best queue that can be used, and unbinds the others. Raises AMQPError if there is none."""
    problem: AMQPError | None = None
    for queue in wanted:
        try:
            channel = _declared(connection, queue)
        except (NotFound, PreconditionFailed) as error:  # on a node that is down, or of a kind that this version lacks
            problem = problem or error
            continue
        for exchange in exchanges:
            channel.queue_bind(queue.name, exchange, "#")
        return InUse(channel, queue, tuple(other.name for other in wanted if other != queue and _is_left_over(connection, other.name, exchanges)))
    raise problem or Unreachable("no queue of our own is known")


def _declared(connection: Connection, queue: OwnQueue) -> Channel:
    """A channel on which the queue exists. One with other settings (an earlier version's) is taken as it is."""
    channel = raw_channel(connection)
    try:
        channel.queue_declare(queue.name, durable=True, auto_delete=False, arguments=queue.arguments)
    except PreconditionFailed:
        channel = raw_channel(connection)
        channel.queue_declare(queue.name, passive=True)
    return channel


def _is_left_over(connection: Connection, name: str, exchanges: Sequence[str]) -> bool:
    """True if the queue is there; then nothing new comes to it."""
    if not exists(connection, name):
        return False
    with contextlib.suppress(AMQPError):
        channel = raw_channel(connection)
        for exchange in exchanges:
            channel.queue_unbind(name, exchange, "#")
        channel.close()
    return True


def exists(connection: Connection, name: str) -> bool:
    """True if the queue can be used now: False also for one on a node that is down."""
    try:
        channel = raw_channel(connection)
        channel.queue_declare(name, passive=True)
        channel.close()
    except NotFound:
        return False
    return True


def is_emptied(connection: Connection, name: str) -> bool:
    """True once nothing waits in a queue that was used before: then it is deleted. Its last messages are with us."""
    try:
        channel = raw_channel(connection)
        channel.queue_delete(name, if_empty=True)
        channel.close()
    except PreconditionFailed:
        return False
    except NotFound:
        return True
    return True


class Compared:
    """Recognises a body that came before through another queue. Pure; times are of a monotonic clock."""

    def __init__(self) -> None:
        self._seen: OrderedDict[bytes, float] = OrderedDict()

    def is_second(self, body: bytes, now: float) -> bool:
        fingerprint = blake2b(body, digest_size=8).digest()
        while self._seen and (len(self._seen) > MOST_COMPARED or now - next(iter(self._seen.values())) > COMPARED_SECONDS):
            self._seen.popitem(last=False)
        if fingerprint in self._seen:
            return True
        self._seen[fingerprint] = now
        return False
