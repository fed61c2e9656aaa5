"""What a queue does to a message that dies in it: where the dead letter goes, with which keys and headers.

Pure. Rules: RabbitMQ 3.10.8 and 4.0.5. One x-death entry for each queue and reason, newest first; a target that the message already died in is
skipped unless it was rejected since (the cycle rule); 3.10 trusts an x-death header that a client sent, 4.0 does not.
"""

from __future__ import annotations

import msgspec

from brokers.routing.bindings import Question
from brokers.routing.refusals import Message
from brokers.routing.route import Hop, deliver
from brokers.routing.values import Table, Value
from brokers.routing.virtual_host import VirtualHostRouter

EXPIRED, MAXLEN, REJECTED, DELIVERY_LIMIT = "expired", "maxlen", "rejected", "delivery_limit"


class Death(msgspec.Struct, frozen=True):
    """An entry of x-death. `exchange` and `keys` are those of the first time."""

    queue: str
    reason: str
    count: int
    exchange: str
    keys: tuple[str, ...]
    original_expiration: str | None = None


class Travelling(msgspec.Struct, frozen=True):
    """A message on its way. `keys`: routing key and CC, as consumers and x-death see them; `hidden`: BCC."""

    exchange: str
    keys: tuple[str, ...]
    hidden: tuple[str, ...] = ()
    headers: Table = {}
    expiration: str | None = None
    deaths: tuple[Death, ...] = ()


class DeadLetter(msgspec.Struct):
    """`queues` are those it enters; `skipped` those the cycle rule keeps it out of. `message` is what arrives there."""

    message: Travelling
    queues: list[str]
    skipped: list[str]
    hops: list[Hop]
    doubts: list[str]


def departing(message: Message, version: tuple[int, ...]) -> Travelling:
    """The message as it was published."""
    headers = dict(message.headers or {})
    copies, hidden = (_texts(headers.get(name)) for name in ("CC", "BCC"))
    headers.pop("BCC", None)
    expiration = message.properties.get("expiration")
    deaths = _claimed(headers.get("x-death")) if version < (4,) else ()
    return Travelling(message.exchange, (message.routing_key, *copies), hidden, headers, expiration if isinstance(expiration, str) else None, deaths)


def _texts(value: Value | None) -> tuple[str, ...]:
    return tuple(item.value for item in value.value if item.type == "longstr") if value is not None and value.type == "array" else ()


def _claimed(value: Value | None) -> tuple[Death, ...]:
    """The x-death header that a client sent."""
    found = []
    for item in value.value if value is not None and value.type == "array" else ():
        inner: Table = item.value if item.type == "table" else {}
        if all(name in inner and inner[name].type == "longstr" for name in ("queue", "reason")):
            count, exchange = inner.get("count"), inner.get("exchange")
            found.append(
                Death(
                    inner["queue"].value,
                    inner["reason"].value,
                    count.value if count is not None and type(count.value) is int else 1,
                    exchange.value if exchange is not None and isinstance(exchange.value, str) else "",
                    _texts(inner.get("routing-keys")),
                )
            )
    return tuple(found)


def die(router: VirtualHostRouter, message: Travelling, queue: str, reason: str) -> DeadLetter | None:
    """The dead letter of a message that dies in the queue for the reason; None where the queue has no dead-letter exchange."""
    settings = router.queue_settings(queue).settings
    exchange, key = settings.get("dead-letter-exchange"), settings.get("dead-letter-routing-key")
    if not isinstance(exchange, str):
        return None
    named = key if isinstance(key, str) else None
    deaths = _with(message, queue, reason)
    keys, hidden = ((named,), ()) if named is not None else (message.keys, message.hidden)
    letter = Travelling(exchange, keys, hidden, _headers(message, deaths, named is not None, router.version), None, deaths)
    outcome = deliver(router, exchange, Question.of([*keys, *hidden], letter.headers, router.version), "dead-letter")
    skipped = [target for target in outcome.queues if reason != REJECTED and _is_cycle(target, deaths)]
    queues = [target for target in outcome.queues if target not in skipped]
    return DeadLetter(letter, queues, skipped, outcome.hops, outcome.doubts)


def _with(message: Travelling, queue: str, reason: str) -> tuple[Death, ...]:
    """The deaths with one more: the entry of this queue and reason counts on and moves to the front, or a new one stands there."""
    same = next((death for death in message.deaths if (death.queue, death.reason) == (queue, reason)), None)
    rest = tuple(death for death in message.deaths if death is not same)
    if same is not None:
        return (msgspec.structs.replace(same, count=same.count + 1), *rest)
    return (Death(queue, reason, 1, message.exchange, message.keys, message.expiration), *rest)


def _is_cycle(target: str, deaths: tuple[Death, ...]) -> bool:
    """Whether the target is among the deaths, and nothing from the newest down to it was rejected."""
    for death in deaths:
        if death.reason == REJECTED:
            return False
        if death.queue == target:
            return True
    return False


def _headers(message: Travelling, deaths: tuple[Death, ...], other_key: bool, version: tuple[int, ...]) -> dict[str, Value]:
    headers = dict(message.headers)
    if other_key and version < (4,):
        headers.pop("CC", None)
    headers["x-death"] = Value("array", tuple(_entry(death) for death in deaths))
    newest = deaths[0]
    if not message.deaths:
        headers |= _marks("first", newest.queue, newest.reason, newest.exchange)
    if version >= (4,):
        headers |= _marks("last", newest.queue, newest.reason, newest.exchange)
    return headers


def _marks(which: str, queue: str, reason: str, exchange: str) -> dict[str, Value]:
    named = {"queue": queue, "reason": reason, "exchange": exchange}
    return {f"x-{which}-death-{name}": Value("longstr", value) for name, value in named.items()}


def _entry(death: Death) -> Value:
    """As a table of x-death, without its time."""
    inner = {
        "count": Value("long", death.count),
        "reason": Value("longstr", death.reason),
        "queue": Value("longstr", death.queue),
        "exchange": Value("longstr", death.exchange),
        "routing-keys": Value("array", tuple(Value("longstr", key) for key in death.keys)),
    }
    if death.original_expiration is not None:
        inner["original-expiration"] = Value("longstr", death.original_expiration)
    return Value("table", inner)
