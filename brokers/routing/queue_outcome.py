"""The outcome of a message in a queue: how long it stays, which limits apply, where it is dead-lettered.

Pure. Rules: RabbitMQ 3.10.8 and 4.0.5. Consumers and workers are added by the caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from brokers.routing.dead_lettering import DELIVERY_LIMIT, EXPIRED, MAXLEN, REJECTED, DeadLetter, InFlightMessage, dead_letter_of
from brokers.routing.policies import PassedOver, passed_over_text
from brokers.routing.queue_notes import argument_notes, duplicate_uncertainty, refusals
from brokers.routing.queue_types import CLASSIC, QUORUM, STREAM
from brokers.routing.virtual_host import VirtualHostRouter

MOST_HOPS = 30
MISSING_EXCHANGE = "its dead-letter exchange"
DELIVERY_LIMIT_SINCE_4 = 20


class DeadLetters(msgspec.Struct, frozen=True, rename={"exchange_exists": "exists"}):
    """Where dead letters of the queue go.

    `queues`: for a reason that needs no consumer (expired, maxlen, delivery limit) if there is one, else for a rejection.
    `cycle`: the path returns to a queue that dead-lettered the message before.
    """

    exchange: str
    keys: tuple[str, ...]
    reasons: tuple[str, ...]
    queues: tuple[str, ...]
    cycle: bool
    exchange_exists: bool = True


class QueueOutcome(msgspec.Struct):
    """Limits are None if there is none; `expires_ms`: the queue itself is deleted after so long without use. `policy` and `operator_policy` are the names of
    those that apply. `uncertainties` are sentences on what is not certain, `notes` on what is, and may surprise."""

    queue: str
    ttl_ms: int | None
    max_length: int | None
    max_length_bytes: int | None
    overflow: str | None
    dead_letter: DeadLetters | None
    delivery_limit: int | None
    single_active_consumer: bool
    max_priority: int | None
    uncertainties: tuple[str, ...] = ()
    letter: DeadLetter | None = None
    expires_ms: int | None = None
    type: str = CLASSIC
    policy: str | None = None
    operator_policy: str | None = None
    passed_over: tuple[PassedOver, ...] = ()
    notes: tuple[str, ...] = ()


def outcome_in_queue(router: VirtualHostRouter, message: InFlightMessage, queue: str, follow: bool = True) -> QueueOutcome:
    """The outcome of this message in the queue; `follow`: including the path of its dead letter."""
    effective, kind = router.queue_settings(queue), router.queues[queue].type
    settings = effective.settings
    length, size = whole(settings.get("max-length")) if kind != STREAM else None, whole(settings.get("max-length-bytes"))
    uncertainty = router.contents.type_uncertainties.get(queue)
    found = QueueOutcome(
        queue,
        None if kind == STREAM else time_to_live(settings, message.expiration),
        length,
        size,
        overflow_of(settings, kind) if (length, size) != (None, None) or (kind != STREAM and isinstance(settings.get("overflow"), str)) else None,
        None,
        delivery_limit(settings, kind, router.version),
        settings.get("single-active-consumer") is True,
        whole(settings.get("max-priority")) if kind == CLASSIC else None,
        (
            *((_about(queue, uncertainty),) if uncertainty else ()),
            *effective.uncertainties,
            *(refusals(router.queues[queue], router.version) if router.contents.unchecked else ()),
            *duplicate_uncertainty(router.queues[queue], message.headers),
        ),
        expires_ms=whole(settings.get("expires")) if kind != STREAM else None,
        type=kind,
        policy=effective.policy,
        operator_policy=effective.operator_policy,
        passed_over=effective.passed_over,
        notes=(
            *(passed_over_text(one, kind) for one in effective.passed_over),
            *argument_notes(router.queues[queue], settings, router.version),
        ),
    )
    if kind != STREAM and isinstance(settings.get("dead-letter-exchange"), str):
        _add_dead_letters(router, message, found, settings, follow)
    return found


def _about(queue: str, uncertainty: str) -> str:
    """
    >>> _about("jobs", "it has no type of its own"), _about("jobs", "the definitions give it two types")
    ('jobs has no type of its own', 'jobs: the definitions give it two types')
    """
    return f"{queue} {uncertainty[3:]}" if uncertainty.startswith("it ") else f"{queue}: {uncertainty}"


def _add_dead_letters(router: VirtualHostRouter, message: InFlightMessage, found: QueueOutcome, settings: Mapping[str, Any], follow: bool) -> None:
    if not follow:
        found.uncertainties += ("the path of its dead letters was not followed: too many queues",)
        return
    found.dead_letter, found.letter = _dead_letters(router, message, found)
    if not found.dead_letter.exchange_exists:
        found.notes += (f"{MISSING_EXCHANGE} {found.dead_letter.exchange} does not exist: its dead letters are discarded without an error",)
    if found.type != QUORUM or settings.get("dead-letter-strategy") != "at-least-once":
        return
    if found.overflow != "reject-publish":
        found.notes += ("at-least-once dead-lettering needs overflow reject-publish: without it RabbitMQ uses at-most-once",)
    elif not found.dead_letter.queues:
        found.notes += ("with at-least-once dead-lettering, a dead letter that reaches no queue stays in this one, invisible to consumers",)


def overflow_of(settings: Mapping[str, Any], kind: str) -> str | None:
    """What a full queue does. Quorum queues do not have reject-publish-dlx, and drop the oldest instead."""
    overflow = settings.get("overflow")
    if kind == STREAM or not isinstance(overflow, str) or (kind == QUORUM and overflow == "reject-publish-dlx"):
        return "drop-head"
    return overflow


def whole(value: Any) -> int | None:
    """The value if it is a whole number from 0, else None."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def time_to_live(settings: Mapping[str, Any], expiration: str | None) -> int | None:
    """The smaller of the queue's and the message's time to live, in milliseconds; None: unlimited.

    >>> time_to_live({"message-ttl": 500}, "60000")
    500
    """
    own = int(expiration) if expiration is not None and expiration.isdecimal() and len(expiration) <= 64 else None
    return min((value for value in (whole(settings.get("message-ttl")), own) if value is not None), default=None)


def delivery_limit(settings: Mapping[str, Any], kind: str, version: tuple[int, ...]) -> int | None:
    """How often a quorum queue redelivers a message before it is dead-lettered or dropped; None: no limit (-1 removes it)."""
    if kind != "quorum":
        return None
    value = settings.get("delivery-limit")
    if isinstance(value, int) and not isinstance(value, bool):
        return value if value >= 0 else None
    return DELIVERY_LIMIT_SINCE_4 if version >= (4,) else None


def reasons(found: QueueOutcome) -> tuple[str, ...]:
    """The reasons for which the queue may dead-letter a message, those that need no consumer first."""
    limited = (found.max_length, found.max_length_bytes) != (None, None) and found.overflow != "reject-publish"
    possible = ((EXPIRED, found.ttl_ms is not None), (MAXLEN, limited), (DELIVERY_LIMIT, found.delivery_limit is not None), (REJECTED, True))
    return tuple(reason for reason, may in possible if may)


def _dead_letters(router: VirtualHostRouter, message: InFlightMessage, found: QueueOutcome) -> tuple[DeadLetters, DeadLetter]:
    why = reasons(found)
    letter = dead_letter_of(router, message, found.queue, why[0])
    assert letter is not None  # noqa: S101  (there is a dead-letter exchange)
    exchange = letter.message.exchange
    dead_letters = DeadLetters(
        exchange,
        (*letter.message.keys, *letter.message.hidden),
        why,
        tuple(letter.queues),
        _comes_back(router, found.queue, letter),
        exchange == "" or exchange in router.exchanges,
    )
    return dead_letters, letter


def _comes_back(router: VirtualHostRouter, start: str, letter: DeadLetter) -> bool:
    """Whether the dead letter, expiring where a queue has a TTL, returns to a queue that dead-lettered it (`start` among them)."""
    letters, tries = [letter], 0
    while letters and tries < MOST_HOPS:
        tries += 1
        current = letters.pop()
        if current.skipped or start in current.queues:
            return True
        for queue in current.queues[:MOST_HOPS]:
            settings, kind = router.queue_settings(queue).settings, router.queues[queue].type
            if kind != "stream" and time_to_live(settings, None) is not None:
                following = dead_letter_of(router, current.message, queue, EXPIRED)
                if following is not None:
                    letters.append(following)
    return False
