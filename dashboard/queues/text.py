"""The steps a message goes through in a queue, each with the source of its rule.

Pure. The queue's arguments, its policy and its operator policy are merged key by key. For limits the smallest value applies, for every
other key the argument takes precedence (verified on RabbitMQ 3.10.8 and 4.0.5). Where dead letters are routed is decided in `brokers.routing`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

SMALLEST_APPLIES = frozenset({"message-ttl", "max-length", "max-length-bytes", "expires", "delivery-limit", "max-in-memory-length", "max-in-memory-bytes"})


class QueueFacts(Protocol):
    """The fields of a stored queue that the steps depend on."""

    name: str
    type: str
    arguments: Any
    policy: str
    operator_policy: str
    effective_policy: Any
    exclusive: Any
    auto_delete: Any
    durable: Any
    consumers: Any
    active_consumers: Any


class Rule(msgspec.Struct, frozen=True):
    """One effective setting: `key` without "x-", and its source as text: "argument x-message-ttl", "policy limits"."""

    key: str
    value: Any
    source: str


class Step(msgspec.Struct, frozen=True):
    """One step on the page. `level` colours the icon; "" for none."""

    icon: str
    title: str
    detail: str
    level: str = ""
    exchange: str | None = None  # linked by the page
    queue: str | None = None


class Setting(msgspec.Struct, frozen=True):
    """One argument or policy key as a row of the settings table; `why_not` is why it is not in force, "" if it is."""

    key: str
    value: str
    source: str
    sentence: str
    why_not: str

    @property
    def in_force(self) -> bool:
        return not self.why_not


Definitions = Mapping[str, Any] | None


def rules(queue: QueueFacts, policy: Definitions = None, operator_policy: Definitions = None) -> dict[str, Rule]:
    """The effective settings by key. Without the policies' definitions, the broker's merged definition is used and the source names both policies.

    >>> class mail: name, type, arguments, policy, operator_policy, effective_policy = "mail", "classic", {"x-max-length": 9}, "", "", {}
    >>> rules(mail)["max-length"]
    Rule(key='max-length', value=9, source='argument x-max-length')
    """
    found: dict[str, Rule] = {}
    for rule in declared_settings(queue, policy, operator_policy):
        known = found.get(rule.key)
        if known is None or (rule.key in SMALLEST_APPLIES and _smaller(rule.value, known.value)):
            found[rule.key] = rule
    return found


def declared_settings(queue: QueueFacts, policy: Definitions, operator_policy: Definitions) -> list[Rule]:
    """Every value set for every key, by precedence: arguments, policy, operator policy."""
    found = [Rule(key.removeprefix("x-"), value, f"argument {key}") for key, value in sorted((queue.arguments or {}).items())]
    if policy is None and operator_policy is None:
        names = [f"policy {queue.policy}"] * bool(queue.policy) + [f"operator policy {queue.operator_policy}"] * bool(queue.operator_policy)
        merged = " or ".join(names) or "a policy"
        return found + [Rule(key, value, merged) for key, value in sorted((queue.effective_policy or {}).items())]
    found += [Rule(key, value, f"policy {queue.policy}") for key, value in sorted((policy or {}).items())]
    return found + [Rule(key, value, f"operator policy {queue.operator_policy}") for key, value in sorted((operator_policy or {}).items())]


def _smaller(value: Any, than: Any) -> bool:
    return isinstance(value, int) and isinstance(than, int) and value < than


def limit(queue: QueueFacts, key: str) -> int | None:
    """The effective number for `key` ("max-length"); None where it is not set."""
    rule = rules(queue).get(key)
    return rule.value if rule and isinstance(rule.value, int) and not isinstance(rule.value, bool) else None


def story(
    queue: QueueFacts,
    *,
    policy: Definitions = None,
    operator_policy: Definitions = None,
    consumer_names: Sequence[str] = (),
    no_consumer_since: str = "",
    broker_version: str = "",
    dead_letter_exists: bool | None = None,
) -> list[Step]:
    """The steps from a message's arrival to its removal. `no_consumer_since` is text such as "since 03:02:12"; "" while consumed or unknown."""
    force = rules(queue, policy, operator_policy)
    stream = queue.type == "stream"
    steps = [_arrival(queue, force, broker_version), _delivery(queue, force, consumer_names, no_consumer_since, stream)]
    steps += _age_limit(force, stream)
    steps += _length_limit(force, stream)
    steps += _delivery_limit(queue, force, broker_version)
    if not stream:
        steps.append(_dead_lettering(force, dead_letter_exists))
    return steps + _queue_removal(queue, force)


def _arrival(queue: QueueFacts, force: dict[str, Rule], broker_version: str) -> Step:
    if queue.type == "stream":
        return Step("arrow-down", "Appended to the log", "reading does not remove it; each consumer has its own offset in the stream")
    priority = force.get("max-priority")
    if queue.type == "quorum":
        if broker_version.partition(".")[0] in ("", "3"):
            return Step("arrow-down", "Added at the tail", "ready messages are delivered in order; quorum queues ignore priorities in RabbitMQ 3")
        return Step("arrow-down", "Added behind its priority level", "quorum queues have two levels: priorities 5 and above are delivered before 4 and below")
    if priority is not None:
        return Step("arrow-down", "Added behind its own priority", f"priorities 0 to {priority.value}, highest delivered first: {priority.source}")
    return Step("arrow-down", "Added at the tail", "ready messages are delivered in order; this queue has no priorities")


def _delivery(queue: QueueFacts, force: dict[str, Rule], names: Sequence[str], no_consumer_since: str, stream: bool) -> Step:
    verb = "Read by" if stream else "Delivered to"
    if queue.consumers is None:
        return Step("user-question", "Consumers unknown", "the broker has not reported how many consumers this queue has", "unknown")
    if queue.consumers == 0:
        since = f"no consumer {no_consumer_since}" if no_consumer_since else "no consumer is attached"
        return Step("user-off", "Waits: no consumers", f"{since}; it stays until one attaches or a rule below removes it", "warning")
    named = _names(names) or f"{queue.consumers:,} consumers"
    if queue.active_consumers == 0:
        return Step("user-off", "Waits: no consumer is active", f"{named}: attached, but the broker delivers to none of them", "critical")
    single = force.get("single-active-consumer")
    if single is not None and single.value is True:
        return Step("user", "Delivered to one consumer at a time", f"{named}: the first to attach is active, the others stand by ({single.source})")
    return Step("users", f"{verb} its {'consumers' if queue.consumers != 1 else 'one consumer'}", named)


def _names(names: Sequence[str]) -> str:
    unique = list(dict.fromkeys(names))
    return ", ".join(unique[:3]) + (f" and {len(unique) - 3} more" if len(unique) > 3 else "")


def _age_limit(force: dict[str, Rule], stream: bool) -> list[Step]:
    steps = []
    if stream and (age := force.get("max-age")):
        steps.append(Step("hourglass", f"May be removed after {age.value}", f"max-age, whole segments at a time: {age.source}"))
    ttl = force.get("message-ttl")
    if ttl and not stream:
        when = "Expires at once" if ttl.value == 0 else f"Expires after {milliseconds(ttl.value)}"
        detail = "unless it is delivered immediately" if ttl.value == 0 else "counted from arrival; removed when it reaches the head of the queue"
        steps.append(Step("hourglass", when, f"message-ttl {number(ttl.value)} ms from {ttl.source}; {detail}"))
    return steps


_OVERFLOW = {
    "drop-head": "the oldest are dropped",
    "reject-publish": "new ones are rejected; publishers using confirms get a nack",
    "reject-publish-dlx": "new ones are rejected and dead-lettered; publishers using confirms get a nack",
}


def _length_limit(force: dict[str, Rule], stream: bool) -> list[Step]:
    count, size, overflow = force.get("max-length"), force.get("max-length-bytes"), force.get("overflow")
    limits = [(number(rule.value) + unit, rule) for rule, unit in ((count, " messages" if stream else " ready messages"), (size, " bytes")) if rule]
    if not limits:
        return []
    first = " or ".join(text for text, _ in limits)
    sources = ", ".join(f"{rule.key} from {rule.source}" for _, rule in limits)
    if stream:
        return [Step("stack-pop", f"Above {first}, the oldest segments are removed", sources)]
    how = str(overflow.value) if overflow else "drop-head"
    named = f"overflow {how} from {overflow.source}" if overflow else "overflow drop-head, the broker's default"
    return [Step("stack-pop", f"Above {first}, {_OVERFLOW.get(how, 'overflow ' + how)}", f"{sources}; {named}")]


def _delivery_limit(queue: QueueFacts, force: dict[str, Rule], broker_version: str) -> list[Step]:
    if queue.type != "quorum":
        return []
    removed, rule = "Dead-lettered" if "dead-letter-exchange" in force else "Dropped", force.get("delivery-limit")
    if rule and isinstance(rule.value, int) and rule.value < 0:
        return [Step("repeat", "No redelivery limit", f"delivery-limit {rule.value} from {rule.source}")]
    if rule:
        return [Step("repeat", f"{removed} after {number(rule.value)} failed deliveries", f"delivery-limit from {rule.source}")]
    if not broker_version:
        return [Step("repeat", "Redelivery limit unknown", "the broker’s version is unknown: quorum queues have a limit of 20 since RabbitMQ 4", "unknown")]
    if broker_version.partition(".")[0] != "3":
        return [Step("repeat", f"{removed} after 20 failed deliveries", "delivery-limit 20, the default of quorum queues since RabbitMQ 4")]
    return [Step("repeat", "No redelivery limit", "no delivery-limit is set, and RabbitMQ 3 has no default")]


def _dead_lettering(force: dict[str, Rule], exists: bool | None) -> Step:
    exchange, key = force.get("dead-letter-exchange"), force.get("dead-letter-routing-key")
    if exchange is None:
        return Step("trash", "No dead-lettering", "expired, rejected and overflowed messages are discarded: no dead-letter exchange is set")
    shown = str(exchange.value) or "the default exchange"
    keys = f"with key {key.value}" if key else "with their own routing keys"
    detail = f"dead-letter-exchange from {exchange.source}" + (f", dead-letter-routing-key from {key.source}" if key else "")
    if exchange.value and exists is False:
        return Step("archive-off", f"Dead letters are lost: {shown} does not exist", detail, "warning", exchange=str(exchange.value))
    straight_to = str(key.value) if key and not exchange.value else None
    return Step("archive", f"Dead-lettered to {shown} {keys}", detail, exchange=str(exchange.value), queue=straight_to)


def _queue_removal(queue: QueueFacts, force: dict[str, Rule]) -> list[Step]:
    steps = []
    if expires := force.get("expires"):
        steps.append(
            Step(
                "clock-off",
                f"The queue is deleted after {milliseconds(expires.value)} unused",
                f"expires from {expires.source}; nothing is dead-lettered",
            )
        )
    if queue.exclusive:
        steps.append(Step("plug-x", "Exclusive: deleted with its connection", "only the connection that declared it may use it"))
    elif queue.auto_delete:
        steps.append(Step("plug-x", "Auto-delete: deleted with its last consumer", "its messages are deleted with it"))
    return steps


def number(value: Any) -> str:
    """A whole number with thousands separators; anything else as text."""
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


_UNITS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"))


def milliseconds(value: Any) -> str:
    """A duration in its two largest units; anything but a number as text.

    >>> milliseconds(21_600_000), milliseconds(90_500), milliseconds(250)
    ('6 h', '1 min 30 s', '250 ms')
    """
    if not isinstance(value, int) or isinstance(value, bool):
        return str(value)
    if value < 1_000:
        return f"{value} ms"
    parts = []
    for size, unit in _UNITS:
        count, value = divmod(value, size)
        if count:
            parts.append(f"{count:,} {unit}")
        elif parts:
            break
    return " ".join(parts[:2])
