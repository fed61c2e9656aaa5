"""What peeking at a queue changes, and where it is impossible: sentences for the confirmation. Pure.

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
    """The fields of a stored queue that show how full it is."""

    ready: Any
    message_bytes: Any


def cannot(queue: QueueFacts) -> str:
    """Why no message can be taken from such a queue, a sentence; "" if it can be tried."""
    if queue.type == "stream":
        return f"{queue.name} is a stream. Messages cannot be taken from a stream one by one; only consumers can read it."
    if queue.exclusive:
        return f"{queue.name} is exclusive: only the connection that declared it may take messages from it."
    return ""


def changes(queue: Filled, broker_version: str) -> list[str]:
    """What peeking does to the queue and its messages, a sentence each, the most important last.

    >>> class mail: type, arguments, policy, operator_policy, effective_policy, consumers, ready, message_bytes = "classic", {}, "", "", {}, 0, 1, 9
    >>> changes(mail, "3.10.8")[1]
    'They will be flagged as redelivered.'
    """
    sentences = [
        "Nothing is acknowledged: the messages are requeued at once and keep their positions.",
        "They will be flagged as redelivered.",
    ]
    if queue.consumers != 0:
        who = "consumers, if there are any," if queue.consumers is None else f"its {formatting.count(queue.consumers, 'consumer')}"
        sentences.append(f"Meanwhile {who} may receive the messages behind them first.")
    if limit(queue, "expires") is not None:
        sentences.append("Peeking counts as using the queue, so its expiration (expires) restarts.")
    if _drops_oldest(queue):
        sentences.append("The queue is close to its length limit: if messages arrive meanwhile, the oldest are dropped when these return.")
    if queue.type == "quorum":
        sentences.append(_counted(queue, broker_version))
    return sentences


def _drops_oldest(queue: Filled) -> bool:
    """True if it is near a length limit that drops the oldest, or if its fill level is unknown."""
    overflow = rules(queue).get("overflow")
    full = ((limit(queue, "max-length"), queue.ready), (limit(queue, "max-length-bytes"), queue.message_bytes))
    near = any(most is not None and (now is None or now >= NEARLY_FULL * most) for most, now in full)
    return near and (overflow is None or overflow.value == "drop-head")


def _counted(queue: QueueFacts, version: str) -> str:
    """What a quorum queue's delivery count means for the messages."""
    most = limit(queue, "delivery-limit")
    if most is None and version.partition(".")[0].isdigit() and int(version.partition(".")[0]) >= 4:
        most = DEFAULT_DELIVERY_LIMIT
    counted = "A quorum queue counts this as a delivery"
    if most is None:
        return f"{counted}; this queue has no delivery limit."
    end = "is dead-lettered" if "dead-letter-exchange" in rules(queue) else "is dropped"
    return f"{counted}: a message already returned {formatting.count(most, 'time')} is at its limit (delivery-limit) and {end}."
