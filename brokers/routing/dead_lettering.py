"""Dead-lettering: where a queue sends a message that expired, overflowed or was rejected, with which keys and headers.

Pure. Rules: RabbitMQ 3.10.8 and 4.0.5. One x-death entry for each queue and reason, newest first; a target that dead-lettered the message before is
skipped unless the message was rejected since (the cycle rule); 3.10 trusts an x-death header that a client sent, 4.0 does not.
"""

from __future__ import annotations

import msgspec

from brokers.routing.bindings import Question
from brokers.routing.refusals import Message
from brokers.routing.route import Hop, deliver
from brokers.routing.values import Table, Value
from brokers.routing.virtual_host import VirtualHostRouter

EXPIRED, MAXLEN, REJECTED, DELIVERY_LIMIT = "expired", "maxlen", "rejected", "delivery_limit"


class DeathEntry(msgspec.Struct, frozen=True):
    """An entry of x-death. `exchange` and `keys` are those of its first dead-lettering."""

    queue: str
    reason: str
    count: int
    exchange: str
    keys: tuple[str, ...]
    original_expiration: str | None = None


class InFlightMessage(msgspec.Struct, frozen=True):
    """A message between queues. `keys`: routing key and CC, as consumers and x-death see them; `hidden`: BCC."""

    exchange: str
    keys: tuple[str, ...]
    hidden: tuple[str, ...] = ()
    headers: Table = {}
    expiration: str | None = None
    death_entries: tuple[DeathEntry, ...] = ()


class DeadLetter(msgspec.Struct):
    """`queues`: those it enters; `skipped`: those excluded by the cycle rule. `message` is what arrives there."""

    message: InFlightMessage
    queues: list[str]
    skipped: list[str]
    hops: list[Hop]
    uncertainties: list[str]


def in_flight(message: Message, version: tuple[int, ...]) -> InFlightMessage:
    """The message as published, before any dead-lettering."""
    headers = dict(message.headers or {})
    copies, hidden = (_texts(headers.get(name)) for name in ("CC", "BCC"))
    headers.pop("BCC", None)
    expiration = message.properties.get("expiration")
    death_entries = _death_entries_from_client(headers.get("x-death")) if version < (4,) else ()
    return InFlightMessage(
        message.exchange, (message.routing_key, *copies), hidden, headers, expiration if isinstance(expiration, str) else None, death_entries
    )


def _texts(value: Value | None) -> tuple[str, ...]:
    return tuple(item.value for item in value.value if item.type == "longstr") if value is not None and value.type == "array" else ()


def _death_entries_from_client(value: Value | None) -> tuple[DeathEntry, ...]:
    """The entries of an x-death header that the client itself sent."""
    found = []
    for item in value.value if value is not None and value.type == "array" else ():
        inner: Table = item.value if item.type == "table" else {}
        if all(name in inner and inner[name].type == "longstr" for name in ("queue", "reason")):
            count, exchange = inner.get("count"), inner.get("exchange")
            found.append(
                DeathEntry(
                    inner["queue"].value,
                    inner["reason"].value,
                    count.value if count is not None and type(count.value) is int else 1,
                    exchange.value if exchange is not None and isinstance(exchange.value, str) else "",
                    _texts(inner.get("routing-keys")),
                )
            )
    return tuple(found)


def dead_letter_of(router: VirtualHostRouter, message: InFlightMessage, queue: str, reason: str) -> DeadLetter | None:
    """The dead letter of a message that leaves the queue for the reason; None if the queue has no dead-letter exchange."""
    settings = router.queue_settings(queue).settings
    exchange, key = settings.get("dead-letter-exchange"), settings.get("dead-letter-routing-key")
    if not isinstance(exchange, str):
        return None
    named = key if isinstance(key, str) else None
    death_entries = _with_entry(message, queue, reason)
    keys, hidden = ((named,), ()) if named is not None else (message.keys, message.hidden)
    letter = InFlightMessage(exchange, keys, hidden, _headers(message, death_entries, named is not None, router.version), None, death_entries)
    outcome = deliver(router, exchange, Question.of([*keys, *hidden], letter.headers, router.version), "dead-letter")
    skipped = [target for target in outcome.queues if reason != REJECTED and _is_cycle(target, death_entries)]
    queues = [target for target in outcome.queues if target not in skipped]
    return DeadLetter(letter, queues, skipped, outcome.hops, outcome.uncertainties)


def _with_entry(message: InFlightMessage, queue: str, reason: str) -> tuple[DeathEntry, ...]:
    """The x-death entries after one more: that of this queue and reason is incremented and moved to the front, or added there."""
    same = next((entry for entry in message.death_entries if (entry.queue, entry.reason) == (queue, reason)), None)
    rest = tuple(entry for entry in message.death_entries if entry is not same)
    if same is not None:
        return (msgspec.structs.replace(same, count=same.count + 1), *rest)
    return (DeathEntry(queue, reason, 1, message.exchange, message.keys, message.expiration), *rest)


def _is_cycle(target: str, death_entries: tuple[DeathEntry, ...]) -> bool:
    """Whether the target dead-lettered the message before, without a rejection since."""
    for entry in death_entries:
        if entry.reason == REJECTED:
            return False
        if entry.queue == target:
            return True
    return False


def _headers(message: InFlightMessage, death_entries: tuple[DeathEntry, ...], other_key: bool, version: tuple[int, ...]) -> dict[str, Value]:
    headers = dict(message.headers)
    if other_key and version < (4,):
        headers.pop("CC", None)
    headers["x-death"] = Value("array", tuple(_entry(entry) for entry in death_entries))
    newest = death_entries[0]
    if not message.death_entries:
        headers |= _death_headers("first", newest.queue, newest.reason, newest.exchange)
    if version >= (4,):
        headers |= _death_headers("last", newest.queue, newest.reason, newest.exchange)
    return headers


def _death_headers(which: str, queue: str, reason: str, exchange: str) -> dict[str, Value]:
    named = {"queue": queue, "reason": reason, "exchange": exchange}
    return {f"x-{which}-death-{name}": Value("longstr", value) for name, value in named.items()}


def _entry(entry: DeathEntry) -> Value:
    """The entry as an AMQP table, without its time."""
    inner = {
        "count": Value("long", entry.count),
        "reason": Value("longstr", entry.reason),
        "queue": Value("longstr", entry.queue),
        "exchange": Value("longstr", entry.exchange),
        "routing-keys": Value("array", tuple(Value("longstr", key) for key in entry.keys)),
    }
    if entry.original_expiration is not None:
        inner["original-expiration"] = Value("longstr", entry.original_expiration)
    return Value("table", inner)
