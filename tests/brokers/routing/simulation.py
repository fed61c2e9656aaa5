"""Simulates messages in queues over time: waiting, expiring, overflowing, rejected, and dead-lettered.

The test advances the time, in milliseconds. The rules are those of `brokers.routing`, compared here with what real brokers did.
Rules: RabbitMQ 3.10.8 and 4.0.5.
"""

from __future__ import annotations

import bisect
from typing import Any

import msgspec

from brokers.routing.dead_lettering import DELIVERY_LIMIT, EXPIRED, MAXLEN, REJECTED, InFlightMessage, dead_letter_of, in_flight
from brokers.routing.queue_outcome import delivery_limit, time_to_live, whole
from brokers.routing.refusals import Message
from brokers.routing.route import route
from brokers.routing.values import as_json
from brokers.routing.virtual_host import VirtualHostRouter

MOST_REMOVED = 10_000
MOST_PRIORITY = 255


class Waiting(msgspec.Struct):
    """A copy of a message in one queue. `number`: which publish it is from."""

    number: int
    message: InFlightMessage
    size: int
    priority: int
    expires_at_ms: float | None
    redelivered: bool = False
    returns: int = 0


class Published(msgspec.Struct, frozen=True):
    """What the publisher receives. `nacked`: a queue refused it, although it counts as routed."""

    routed: bool
    nacked: bool = False
    refused: str | None = None


class Simulation:
    """A virtual host whose queues are empty at first."""

    def __init__(self, router: VirtualHostRouter) -> None:
        self.router = router
        self.now_ms = 0.0
        self.queues: dict[str, list[Waiting]] = {name: [] for name in router.queues}
        self.published = 0
        self.removed = 0

    def publish(self, message: Message, size: int = 1) -> Published:
        """Routes the message now; if the broker picks, the first possible result is used."""
        number, self.published = self.published, self.published + 1
        outcome = route(self.router, message)
        if outcome.refusal:
            return Published(False, refused=outcome.refusal.name)
        departing = in_flight(message, self.router.version)
        priority = whole(message.properties.get("priority")) or 0
        taken = [self._enter(queue, number, departing, size, priority) for queue in outcome.results[0]]
        self._settle(self.now_ms)
        return Published(bool(taken), not all(taken))

    def reject(self, queue: str, count: int = 1) -> None:
        """A consumer takes `count` messages and rejects them without requeue."""
        for _ in range(min(count, len(self.queues[queue]))):
            self._remove(queue, self.queues[queue].pop(0), REJECTED)
        self._settle(self.now_ms)

    def requeue(self, queue: str, count: int = 1) -> None:
        """A consumer takes `count` messages and requeues them; a quorum queue counts the delivery."""
        settings, kind = self.router.queue_settings(queue).settings, self.router.queues[queue].type
        limit = delivery_limit(settings, kind, self.router.version)
        taken, self.queues[queue] = self.queues[queue][:count], self.queues[queue][count:]
        kept = []
        for waiting in taken:
            waiting.redelivered, waiting.returns = True, waiting.returns + 1
            if limit is not None and waiting.returns > limit:
                self._remove(queue, waiting, DELIVERY_LIMIT)
            else:
                kept.append(waiting)
        self.queues[queue] = kept + self.queues[queue]
        self._settle(self.now_ms)

    def take(self, queue: str, count: int = 1) -> None:
        """A consumer takes `count` messages and acknowledges them; a purge takes all."""
        del self.queues[queue][:count]

    def wait(self, milliseconds: float) -> None:
        """Advances the time: messages expire in order."""
        self._settle(self.now_ms + milliseconds)

    def headers_seen(self, queue: str, waiting: Waiting) -> dict[str, Any]:
        """The headers that a consumer of this copy would see, as JSON; x-death without times."""
        seen = {name: as_json(value) for name, value in waiting.message.headers.items()}
        if self.router.queues[queue].type == "quorum" and (waiting.returns or self.router.version < (4,)):
            seen["x-delivery-count"] = waiting.returns
        return seen

    def _settle(self, until_ms: float) -> None:
        """Classic and quorum queues look only at their heads: an expired message behind a live one stays."""
        while self.removed < MOST_REMOVED:
            due = [(head.expires_at_ms, queue, head) for queue, waiting in self.queues.items() for head in _heads(waiting) if head.expires_at_ms is not None]
            first = min(due, key=lambda found: found[0], default=None)
            if first is None or first[0] > until_ms:
                break
            self.now_ms = max(self.now_ms, first[0])
            self.queues[first[1]].remove(first[2])
            self._remove(first[1], first[2], EXPIRED)
        self.now_ms = until_ms

    def _enter(self, queue: str, number: int, message: InFlightMessage, size: int, priority: int) -> bool:
        """Puts a copy into the queue; False if the queue refuses it."""
        settings, kind = self.router.queue_settings(queue).settings, self.router.queues[queue].type
        ttl = None if kind == "stream" else time_to_live(settings, message.expiration)
        most = min(whole(settings.get("max-priority")) or 0, MOST_PRIORITY) if kind == "classic" else 0
        entering = Waiting(number, message, size, min(priority, most), None if ttl is None else self.now_ms + ttl)
        if kind == "quorum" and self.router.version >= (4,):
            entering.priority = int(priority > 4)
        overflow = settings.get("overflow")
        if overflow in ("reject-publish", "reject-publish-dlx") and self._is_full(queue, settings, size, kind):
            if overflow == "reject-publish-dlx":
                self._remove(queue, entering, MAXLEN)
            return False
        bisect.insort(self.queues[queue], entering, key=lambda waiting: -waiting.priority)
        if overflow not in ("reject-publish", "reject-publish-dlx") and kind != "stream":
            self._drop_heads(queue, settings)
        return True

    def _is_full(self, queue: str, settings: Any, size: int, kind: str) -> bool:
        """A quorum queue notices that it is full only after one more."""
        length, most_bytes = whole(settings.get("max-length")), whole(settings.get("max-length-bytes"))
        held, extra = self.queues[queue], 1 if kind == "quorum" else 0
        if length is not None and len(held) >= length + extra:
            return True
        return most_bytes is not None and sum(waiting.size for waiting in held) + (0 if extra else size) > most_bytes

    def _drop_heads(self, queue: str, settings: Any) -> None:
        length, most_bytes = whole(settings.get("max-length")), whole(settings.get("max-length-bytes"))
        held = self.queues[queue]
        while held and ((length is not None and len(held) > length) or (most_bytes is not None and sum(waiting.size for waiting in held) > most_bytes)):
            self._remove(queue, held.pop(0), MAXLEN)

    def _remove(self, queue: str, waiting: Waiting, reason: str) -> None:
        self.removed += 1
        letter = dead_letter_of(self.router, waiting.message, queue, reason) if self.removed < MOST_REMOVED else None
        for target in letter.queues if letter else ():
            assert letter is not None
            self._enter(target, waiting.number, letter.message, waiting.size, waiting.priority)


def _heads(waiting: list[Waiting]) -> list[Waiting]:
    """The first of each priority; the list is sorted by priority."""
    heads: dict[int, Waiting] = {}
    for one in waiting:
        heads.setdefault(one.priority, one)
    return list(heads.values())
