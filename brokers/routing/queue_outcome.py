"""What becomes of a message in a queue it reaches: how long it stays, which limits hold, where it goes when it dies.

Pure. Rules: RabbitMQ 3.10.8 and 4.0.5. Consumers and workers are added by those who know them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from brokers.routing.dead_lettering import DELIVERY_LIMIT, EXPIRED, MAXLEN, REJECTED, DeadLetter, Travelling, die
from brokers.routing.virtual_host import VirtualHostRouter

MOST_HOPS = 30
DELIVERY_LIMIT_SINCE_4 = 20


class DeadLetters(msgspec.Struct, frozen=True):
    """Where dead letters of the queue go.

    `queues`: for the reason that needs nobody's doing (expired, maxlen, delivery limit) where there is one, else for a rejection.
    `cycle`: its way leads back to a queue that it already died in. `rejected_queues`: those that only a rejected one enters.
    """

    exchange: str
    keys: tuple[str, ...]
    reasons: tuple[str, ...]
    queues: tuple[str, ...]
    cycle: bool
    rejected_queues: tuple[str, ...] = ()
    exchange_exists: bool = True


class Afterwards(msgspec.Struct):
    """None: no such limit."""

    queue: str
    ttl_ms: int | None
    max_length: int | None
    max_length_bytes: int | None
    overflow: str | None
    dead_letter: DeadLetters | None
    delivery_limit: int | None
    single_active_consumer: bool
    max_priority: int | None
    doubts: tuple[str, ...] = ()
    letter: DeadLetter | None = None


def afterwards(router: VirtualHostRouter, message: Travelling, queue: str, follow: bool = True) -> Afterwards:
    """What holds for this message in the queue; `follow`: also where its dead letter goes."""
    effective, kind = router.queue_settings(queue), router.queues[queue].type
    settings = effective.settings
    length, size = whole(settings.get("max-length")), whole(settings.get("max-length-bytes"))
    overflow = settings.get("overflow")
    found = Afterwards(
        queue,
        None if kind == "stream" else time_to_live(settings, message.expiration),
        length,
        size,
        overflow if isinstance(overflow, str) else "drop-head" if (length, size) != (None, None) else None,
        None,
        delivery_limit(settings, kind, router.version),
        settings.get("single-active-consumer") is True,
        whole(settings.get("max-priority")) if kind == "classic" else None,
        effective.doubts,
    )
    if kind != "stream" and isinstance(settings.get("dead-letter-exchange"), str):
        if not follow:
            found.doubts += ("where its dead letters go was not followed: too many queues",)
            return found
        found.dead_letter, found.letter = _dead_letters(router, message, found)
        if settings.get("dead-letter-strategy") == "at-least-once" and kind == "quorum" and not found.dead_letter.queues:
            found.doubts += ("with at-least-once dead-lettering a dead letter that finds no queue stays inside this one, where no consumer sees it",)
    return found


def whole(value: Any) -> int | None:
    """The number, None for what is no whole number from 0 on."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def time_to_live(settings: Mapping[str, Any], expiration: str | None) -> int | None:
    """The smaller of the queue's time and the message's, in milliseconds.

    >>> time_to_live({"message-ttl": 500}, "60000")
    500
    """
    own = int(expiration) if expiration is not None and expiration.isdecimal() and len(expiration) <= 64 else None
    return min((value for value in (whole(settings.get("message-ttl")), own) if value is not None), default=None)


def delivery_limit(settings: Mapping[str, Any], kind: str, version: tuple[int, ...]) -> int | None:
    """How often a quorum queue delivers a message again before it dies; -1 takes the limit away."""
    if kind != "quorum":
        return None
    value = settings.get("delivery-limit")
    if isinstance(value, int) and not isinstance(value, bool):
        return value if value >= 0 else None
    return DELIVERY_LIMIT_SINCE_4 if version >= (4,) else None


def reasons(found: Afterwards) -> tuple[str, ...]:
    """For what a message may die there, those that need nobody's doing first."""
    limited = (found.max_length, found.max_length_bytes) != (None, None) and found.overflow != "reject-publish"
    possible = ((EXPIRED, found.ttl_ms is not None), (MAXLEN, limited), (DELIVERY_LIMIT, found.delivery_limit is not None), (REJECTED, True))
    return tuple(reason for reason, may in possible if may)


def _dead_letters(router: VirtualHostRouter, message: Travelling, found: Afterwards) -> tuple[DeadLetters, DeadLetter]:
    why = reasons(found)
    letter = die(router, message, found.queue, why[0])
    rejected = die(router, message, found.queue, REJECTED)
    assert letter is not None and rejected is not None  # noqa: S101  (there is a dead-letter exchange)
    exchange = letter.message.exchange
    told = DeadLetters(
        exchange,
        (*letter.message.keys, *letter.message.hidden),
        why,
        tuple(letter.queues),
        _comes_back(router, found.queue, letter),
        tuple(queue for queue in rejected.queues if queue not in letter.queues),
        exchange == "" or exchange in router.exchanges,
    )
    return told, letter


def _comes_back(router: VirtualHostRouter, start: str, letter: DeadLetter) -> bool:
    """Whether the letter, expiring where it must, is led to a queue it died in (`start` among them)."""
    letters, tries = [letter], 0
    while letters and tries < MOST_HOPS:
        tries += 1
        current = letters.pop()
        if current.skipped or start in current.queues:
            return True
        for queue in current.queues[:MOST_HOPS]:
            settings, kind = router.queue_settings(queue).settings, router.queues[queue].type
            if kind != "stream" and time_to_live(settings, None) is not None:
                following = die(router, current.message, queue, EXPIRED)
                if following is not None:
                    letters.append(following)
    return False
