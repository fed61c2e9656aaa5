"""What looking at messages of a queue changes, and where it can't be done: sentences for the question before it. Pure.

Sources: https://www.rabbitmq.com/docs/quorum-queues (delivery count and limit), /docs/ttl (a get counts as use), /docs/maxlength; seen on 3.10.8.
"""

from __future__ import annotations

from typing import Any, Protocol

from dashboard.layout import formatting
from dashboard.queues.text import QueueFacts, limit, rules

DEFAULT_DELIVERY_LIMIT = 20
"""Of quorum queues since RabbitMQ 4."""
NEARLY_FULL = 0.9


class Filled(QueueFacts, Protocol):
    """A queue with what it holds; the stored row has it."""

    ready: Any
    message_bytes: Any


def cannot(queue: QueueFacts) -> str:
    """Why no message can be taken from such a queue, a sentence; "" if it can be tried."""
    if queue.type == "stream":
        return f"{queue.name} is a stream. No single message can be taken from a stream; only consumers read it."
    if queue.exclusive:
        return f"{queue.name} is exclusive: only the connection that declared it may take messages from it."
    return ""


def changes(queue: Filled, broker_version: str) -> list[str]:
    """What it does to the queue and its messages, each a sentence, the most important last.

    >>> class mail: type, arguments, policy, operator_policy, effective_policy, consumers, ready, message_bytes = "classic", {}, "", "", {}, 0, 1, 9
    >>> changes(mail, "3.10.8")[1]
    'Afterwards they are marked as redelivered, which their consumer is told.'
    """
    told = [
        "Nothing is acknowledged: the messages are given back at once and keep their places.",
        "Afterwards they are marked as redelivered, which their consumer is told.",
    ]
    if queue.consumers != 0:
        who = "consumers, if there are any," if queue.consumers is None else f"its {formatting.count(queue.consumers, 'consumer')}"
        told.append(f"For that moment {who} may be given the messages behind them first.")
    if limit(queue, "expires") is not None:
        told.append("The queue counts as used, so the time after which it vanishes unused (expires) begins anew.")
    if _drops_oldest(queue):
        told.append("The queue is about as full as its length limit allows: if others arrive meanwhile, the oldest messages are dropped when these come back.")
    if queue.type == "quorum":
        told.append(_counted(queue, broker_version))
    return told


def _drops_oldest(queue: Filled) -> bool:
    """Whether it is near a length limit, or how full it is is not known."""
    overflow = rules(queue).get("overflow")
    full = ((limit(queue, "max-length"), queue.ready), (limit(queue, "max-length-bytes"), queue.message_bytes))
    near = any(most is not None and (now is None or now >= NEARLY_FULL * most) for most, now in full)
    return near and (overflow is None or overflow.value == "drop-head")


def _counted(queue: QueueFacts, version: str) -> str:
    """A quorum queue counts what comes back, and ends a message beyond its limit."""
    most = limit(queue, "delivery-limit")
    if most is None and version.partition(".")[0].isdigit() and int(version.partition(".")[0]) >= 4:
        most = DEFAULT_DELIVERY_LIMIT
    counted = "A quorum queue counts it as a delivery"
    if most is None:
        return f"{counted}; this one sets no limit to that."
    end = "goes to its dead letters" if "dead-letter-exchange" in rules(queue) else "is dropped"
    return f"{counted}: a message that came back {formatting.count(most, 'time')} already is at its limit (delivery-limit) and {end} by this."
