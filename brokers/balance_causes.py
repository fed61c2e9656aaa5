"""What may have made messages leave a queue without an acknowledgement, as far as the evidence allows. Pure.

A purge leaves no trace: RabbitMQ counts none and emits no event for it (rabbitmq_event_exchange lists none). Messages may carry an expiration of their own, of
which definitions show nothing. So a cause is possible, possible under a condition, or ruled out, and the sentence says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from brokers.balance import Balance, Fall

POSSIBLE, CONDITIONAL, RULED_OUT = "possible", "conditional", "ruled out"
NEAR = 0.9
"""Ready messages from this share of a length limit on count as at the limit: polls see a depth between two arrivals."""


class Settings(msgspec.Struct, frozen=True):
    """What is known of a queue: its settings by arguments and policies, without `x-` (None: not recorded), and whether it was made again within the time."""

    effective: Mapping[str, Any] | None
    type: str = ""
    made_again: bool = False

    def get(self, name: str) -> Any:
        return (self.effective or {}).get(name)

    @property
    def limits(self) -> list[str]:
        return [f"{name} {self.get(name):,}" for name in ("max-length", "max-length-bytes") if isinstance(self.get(name), int)]


class Cause(msgspec.Struct, frozen=True):
    """`name`: purge, expiry, drop, refusal, deletion, delivery, dead-lettering. `why` is a sentence."""

    name: str
    verdict: str
    why: str


def causes_of_fall(fall: Fall, settings: Settings) -> list[Cause]:
    """Of messages that left between two polls."""
    return [_purge(fall), _expiry(settings), _drop_at_once(fall, settings), _deletion(fall, settings)]


def causes(balance: Balance, settings: Settings) -> list[Cause]:
    """Of what is unexplained over the whole time, without the falls; [] where nothing is certain."""
    unexplained = balance.unexplained
    if unexplained is None or not balance.is_certain or settings.type == "stream":
        return []
    if unexplained < 0:
        why = "Messages arrived that no publisher sent to this queue: dead letters of other queues are not counted as published."
        return [Cause("dead-lettering", POSSIBLE, why)]
    return [_delivery(balance), _expiry(settings), *_drops(balance, settings)]


def _purge(fall: Fall) -> Cause:
    if fall.ready_after > 1.5 * fall.came_in + 1:
        return Cause("purge", RULED_OUT, f"{fall.ready_after:,.0f} ready messages stayed, and a purge leaves none.")
    return Cause("purge", POSSIBLE, "No ready message was left. A purge leaves no other trace.")


def _expiry(settings: Settings) -> Cause:
    ttl = settings.get("message-ttl")
    if isinstance(ttl, int) and not isinstance(ttl, bool):
        return Cause("expiry", POSSIBLE, f"Messages expire here after {ttl:,} ms.")
    why = "No TTL is set for the queue: only messages with an expiration of their own can have expired."
    if settings.effective is None:
        why = "The settings of the queue at that time were not recorded."
    return Cause("expiry", CONDITIONAL, why)


def _drop_at_once(fall: Fall, settings: Settings) -> Cause:
    most = settings.get("max-length")
    if isinstance(most, int) and fall.ready_after >= NEAR * most and fall.ready_after <= most + 1:
        return Cause("drop", POSSIBLE, f"The {fall.ready_after:,.0f} that stayed are the queue’s max-length of {most:,}: it may have been lowered.")
    if isinstance(settings.get("max-length-bytes"), int):
        return Cause("drop", CONDITIONAL, f"Only if its limit was lowered: {' and '.join(settings.limits)}.")
    if settings.effective is None:
        return Cause("drop", CONDITIONAL, "The settings of the queue at that time were not recorded.")
    if settings.limits:
        return Cause("drop", RULED_OUT, f"{fall.ready_after:,.0f} stayed, fewer than its {' and '.join(settings.limits)}.")
    return Cause("drop", RULED_OUT, "The queue has no length limit.")


def _deletion(fall: Fall, settings: Settings) -> Cause:
    if settings.made_again:
        return Cause("deletion", POSSIBLE, "The queue was deleted and made again within this time.")
    if fall.counters_restarted:
        return Cause("deletion", POSSIBLE, "Its counters began anew, as those of a queue that was deleted and made again.")
    return Cause("deletion", RULED_OUT, "Its counters went on.")


def _delivery(balance: Balance) -> Cause:
    found = balance.unacknowledged_deliveries
    if found.amount is None:
        return Cause("delivery", CONDITIONAL, "How many were delivered is not known.")
    if not balance.delivered.amount:
        return Cause("delivery", RULED_OUT, "Nothing was delivered.")
    if found.amount > found.tolerance:
        why = f"About {found.amount:,.0f} were delivered and not acknowledged: consumers acknowledge automatically, or reject without requeueing."
        return Cause("delivery", POSSIBLE, why)
    return Cause("delivery", CONDITIONAL, "As far as the counters show, what was delivered was acknowledged.")


def _drops(balance: Balance, settings: Settings) -> list[Cause]:
    most, size, overflow = settings.get("max-length"), settings.get("max-length-bytes"), settings.get("overflow")
    name, done = ("refusal", "refuses new messages") if str(overflow).startswith("reject-publish") else ("drop", "drops its oldest messages")
    if isinstance(most, int) and balance.highest_ready >= NEAR * most:
        return [Cause(name, POSSIBLE, f"It was at its max-length of {most:,}, where it {done}.")]
    if isinstance(size, int):
        return [Cause(name, CONDITIONAL, f"Its max-length-bytes is {size:,}, and how many bytes were ready is not recorded.")]
    if isinstance(most, int):
        return [Cause(name, RULED_OUT, f"At most {balance.highest_ready:,.0f} were ready, fewer than its max-length of {most:,}.")]
    if settings.effective is None:
        return [Cause(name, CONDITIONAL, "The settings of the queue at that time were not recorded.")]
    return [Cause(name, RULED_OUT, "The queue has no length limit.")]
