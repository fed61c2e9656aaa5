"""What could still go wrong in a queue that a message reaches: limits, dead-lettering, uncertainties. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from brokers.routing.answer import AfterQueue
from brokers.routing.queue_outcome import MISSING_EXCHANGE
from dashboard.layout import formatting

ORDER = ("critical", "warning", "notice", "unknown")


class Risk(msgspec.Struct, frozen=True):
    """`text` continues after the name of the queue."""

    level: str
    queue: str
    text: str


def risks(one: AfterQueue) -> list[Risk]:
    """What could still go wrong in a queue."""
    queue, found = one.queue, []
    dead = one.dead_letter
    if one.ttl_ms is not None:
        nobody = one.consumers == 0
        found.append(Risk("warning" if nobody else "notice", queue, f"expires after {_ms(one.ttl_ms)}{', and nobody consumes' if nobody else ''}."))
    if one.max_length is not None or one.max_length_bytes is not None:
        limits = [f"{one.max_length:,} messages"] if one.max_length is not None else []
        limits += [formatting.data_size(one.max_length_bytes)] if one.max_length_bytes is not None else []
        overflow = {"reject-publish": "refuses new ones", "reject-publish-dlx": "refuses new ones and dead-letters them"}.get(
            one.overflow or "", "drops the oldest"
        )
        found.append(Risk("notice", queue, f"{overflow} beyond {' or '.join(limits)}."))
    if one.delivery_limit is not None:
        found.append(Risk("notice", queue, f"dead-letters or discards a message after {one.delivery_limit:,} redeliveries."))
    if dead and not dead.exchange_exists:
        found.append(Risk("warning", queue, f"dead-letters to {dead.exchange}, which does not exist: they are discarded without an error."))
    elif dead and not dead.queues:
        found.append(Risk("warning", queue, f"dead-letters to {dead.exchange or 'the default exchange'}, which routes to no queue: they are discarded."))
    elif dead:
        found.append(Risk("notice", queue, f"dead-letters to {formatting.listed(dead.queues[:5])}."))
    if dead and dead.cycle:
        found.append(Risk("warning", queue, "receives its own dead letters, and RabbitMQ discards them there."))
    if one.single_active_consumer:
        found.append(Risk("notice", queue, "delivers to one consumer at a time (single active consumer)."))
    if one.expires_ms is not None:
        found.append(Risk("notice", queue, f"is itself deleted, with its messages, after {_ms(one.expires_ms)} without use."))
    found += [Risk("notice", queue, f"may surprise: {note}.") for note in one.notes if not note.startswith(MISSING_EXCHANGE)]
    return found + [Risk("unknown", queue, uncertainty) for uncertainty in one.uncertainties]


def grouped(found: Iterable[Risk]) -> list[Risk]:
    """The risks with equal texts of several queues joined, the worst first.

    >>> grouped([Risk("notice", "a", "is short."), Risk("warning", "b", "is full."), Risk("notice", "c", "is short.")])
    [Risk(level='warning', queue='b', text='is full.'), Risk(level='notice', queue='a and c:', text='each is short.')]
    """
    queues: dict[tuple[str, str], list[str]] = {}
    for risk in found:
        queues.setdefault((risk.level, risk.text), []).append(risk.queue)
    found_risks = [
        Risk(level, names[0], text) if len(names) == 1 else Risk(level, f"{formatting.listed(names)}:", f"each {text}")
        for (level, text), names in queues.items()
    ]
    return sorted(found_risks, key=lambda risk: ORDER.index(risk.level))


def _ms(milliseconds: int) -> str:
    return f"{milliseconds:,} ms" if milliseconds < 10_000 else formatting.duration(milliseconds / 1000)
