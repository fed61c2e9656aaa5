"""What happens to a message in a queue, told as a story that names the source of each rule; and each setting in a sentence.

Pure. Rules: an argument of the queue, its one policy and its one operator policy are joined key by key. For numbers the smallest
counts, for everything else the argument wins (seen on RabbitMQ 3.10.8 and 4.0.5). Where a dead letter ends is not decided here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

SMALLEST_COUNTS = frozenset({"message-ttl", "max-length", "max-length-bytes", "expires", "delivery-limit", "max-in-memory-length", "max-in-memory-bytes"})


class QueueFacts(Protocol):
    """What the story needs of a queue; the stored row has it."""

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


class Rule(msgspec.Struct, frozen=True):
    """One setting in force: `key` without "x-", and where it comes from, as words: "argument x-message-ttl", "policy limits"."""

    key: str
    value: Any
    source: str


class Step(msgspec.Struct, frozen=True):
    """One paragraph of the story. `level` is "" or the level's word that colours the icon."""

    icon: str
    title: str
    detail: str
    level: str = ""
    exchange: str | None = None  # named in the step: the page links it
    queue: str | None = None


class Explained(msgspec.Struct, frozen=True):
    """One argument or policy key for the table of settings."""

    key: str
    value: str
    source: str
    sentence: str
    in_force: bool


Definitions = Mapping[str, Any] | None


def rules(queue: QueueFacts, policy: Definitions = None, operator_policy: Definitions = None) -> dict[str, Rule]:
    """The settings in force by key. Without the policies' definitions the broker's merged ones are used, and the source names both.

    >>> class mail: name, type, arguments, policy, operator_policy, effective_policy = "mail", "classic", {"x-max-length": 9}, "", "", {}
    >>> rules(mail)["max-length"]
    Rule(key='max-length', value=9, source='argument x-max-length')
    """
    found: dict[str, Rule] = {}
    for rule in claims(queue, policy, operator_policy):
        known = found.get(rule.key)
        if known is None or (rule.key in SMALLEST_COUNTS and _smaller(rule.value, known.value)):
            found[rule.key] = rule
    return found


def claims(queue: QueueFacts, policy: Definitions, operator_policy: Definitions) -> list[Rule]:
    """Every claim to every key, the strongest first."""
    claims = [Rule(key.removeprefix("x-"), value, f"argument {key}") for key, value in sorted((queue.arguments or {}).items())]
    if policy is None and operator_policy is None:
        names = [f"policy {queue.policy}"] * bool(queue.policy) + [f"operator policy {queue.operator_policy}"] * bool(queue.operator_policy)
        merged = " or ".join(names) or "a policy"
        return claims + [Rule(key, value, merged) for key, value in sorted((queue.effective_policy or {}).items())]
    claims += [Rule(key, value, f"policy {queue.policy}") for key, value in sorted((policy or {}).items())]
    return claims + [Rule(key, value, f"operator policy {queue.operator_policy}") for key, value in sorted((operator_policy or {}).items())]


def _smaller(value: Any, than: Any) -> bool:
    return isinstance(value, int) and isinstance(than, int) and value < than


def limit(queue: QueueFacts, key: str) -> int | None:
    """The number in force for `key` ("max-length"), None where there is none."""
    rule = rules(queue).get(key)
    return rule.value if rule and isinstance(rule.value, int) and not isinstance(rule.value, bool) else None


def story(
    queue: QueueFacts,
    *,
    policy: Definitions = None,
    operator_policy: Definitions = None,
    takers: Sequence[str] = (),
    nobody_since: str = "",
    broker_version: str = "",
    dead_letter_exists: bool | None = None,
) -> list[Step]:
    """The steps from the message's arrival to its end. `takers` names who consumes, `nobody_since` when that stopped ("since 03:02:12")."""
    force = rules(queue, policy, operator_policy)
    stream = queue.type == "stream"
    steps = [_arrival(queue, force, broker_version), _taking(queue, force, takers, nobody_since, stream)]
    steps += _ending_by_age(force, stream)
    steps += _ending_by_length(force, stream)
    steps += _ending_by_returns(queue, force, broker_version)
    if not stream:
        steps.append(_dead_letters(force, dead_letter_exists))
    return steps + _end_of_the_queue(queue, force)


def _arrival(queue: QueueFacts, force: dict[str, Rule], broker_version: str) -> Step:
    if queue.type == "stream":
        return Step("arrow-down", "It is appended to the log", "reading does not remove it; every consumer has its own place in the stream")
    priority = force.get("max-priority")
    if queue.type == "quorum":
        if broker_version.partition(".")[0] in ("", "3"):
            return Step("arrow-down", "It joins the tail", "ready messages go out in order; a quorum queue of RabbitMQ 3 ignores priorities")
        return Step("arrow-down", "It joins the tail of its half", "priorities 5 and above go before 4 and below: a quorum queue has these two levels")
    if priority is not None:
        return Step("arrow-down", "It joins behind its own priority", f"priorities 0 to {priority.value}, the highest goes out first: {priority.source}")
    return Step("arrow-down", "It joins the tail", "ready messages go out in order; no priorities on this queue")


def _taking(queue: QueueFacts, force: dict[str, Rule], takers: Sequence[str], nobody_since: str, stream: bool) -> Step:
    verb = "read" if stream else "take"
    if queue.consumers is None:
        return Step("user-question", "Who takes it is unknown", "the broker has not told how many consumers this queue has", "unknown")
    if queue.consumers == 0:
        since = f"none {nobody_since}" if nobody_since else "no consumer is attached"
        return Step("user-off", "It waits: nobody consumes", f"{since}; it stays until somebody does, or until a rule below ends it", "warning")
    named = _names(takers) or f"{queue.consumers:,} consumers"
    single = force.get("single-active-consumer")
    if single is not None and single.value is True:
        return Step("user", "One consumer at a time takes it", f"{named}: the first attached is active, the others stand by ({single.source})")
    return Step("users", f"{'Consumers' if queue.consumers != 1 else 'One consumer'} {verb if queue.consumers != 1 else verb + 's'} it", named)


def _names(takers: Sequence[str]) -> str:
    unique = list(dict.fromkeys(takers))
    return ", ".join(unique[:3]) + (f" and {len(unique) - 3} more" if len(unique) > 3 else "")


def _ending_by_age(force: dict[str, Rule], stream: bool) -> list[Step]:
    steps = []
    if stream and (age := force.get("max-age")):
        steps.append(Step("hourglass", f"After {age.value} it may be cut off", f"max-age, whole segments at a time: {age.source}"))
    ttl = force.get("message-ttl")
    if ttl and not stream:
        when = "At once it expires" if ttl.value == 0 else f"After {milliseconds(ttl.value)} it expires"
        detail = "unless a consumer takes it in the same moment" if ttl.value == 0 else "counted from its arrival here; only at the head of the queue"
        steps.append(Step("hourglass", when, f"message-ttl {number(ttl.value)} ms from {ttl.source}; {detail}"))
    return steps


_OVERFLOW = {
    "drop-head": "the oldest give way",
    "reject-publish": "new ones are refused; publishers with confirms get a nack",
    "reject-publish-dlx": "new ones are refused and dead-lettered; publishers with confirms get a nack",
}


def _ending_by_length(force: dict[str, Rule], stream: bool) -> list[Step]:
    count, size, overflow = force.get("max-length"), force.get("max-length-bytes"), force.get("overflow")
    limits = [(number(rule.value) + unit, rule) for rule, unit in ((count, ""), (size, " bytes")) if rule]
    if not limits:
        return []
    first = " or ".join(text for text, _ in limits)
    sources = ", ".join(f"{rule.key} from {rule.source}" for _, rule in limits)
    if stream:
        return [Step("stack-pop", f"From {first} on, the oldest segments are cut off", sources)]
    how = str(overflow.value) if overflow else "drop-head"
    named = f"overflow {how} from {overflow.source}" if overflow else "overflow drop-head, the broker's default"
    return [Step("stack-pop", f"From {first} on, {_OVERFLOW.get(how, 'overflow ' + how)}", f"{sources}; {named}")]


def _ending_by_returns(queue: QueueFacts, force: dict[str, Rule], broker_version: str) -> list[Step]:
    if queue.type != "quorum":
        return []
    rule = force.get("delivery-limit")
    if rule:
        return [Step("repeat", f"After {number(rule.value)} failed deliveries it dies", f"delivery-limit from {rule.source}")]
    if broker_version and broker_version.partition(".")[0] != "3":
        return [Step("repeat", "After 20 failed deliveries it dies", "delivery-limit 20, the default of quorum queues since RabbitMQ 4")]
    return [Step("repeat", "It may come back any number of times", "no delivery-limit is set, and RabbitMQ 3 has no default")]


def _dead_letters(force: dict[str, Rule], exists: bool | None) -> Step:
    exchange, key = force.get("dead-letter-exchange"), force.get("dead-letter-routing-key")
    if exchange is None:
        return Step("trash", "Dead ones are dropped", "expired, rejected and displaced messages are gone: no dead-letter exchange is set")
    shown = str(exchange.value) or "the default exchange"
    keys = f"key {key.value}" if key else "with their own routing keys"
    detail = f"dead-letter-exchange from {exchange.source}" + (f", dead-letter-routing-key from {key.source}" if key else "")
    if exchange.value and exists is False:
        return Step("archive-off", f"Dead ones are lost: {shown} does not exist", detail, "warning", exchange=str(exchange.value))
    straight_to = str(key.value) if key and not exchange.value else None
    return Step("archive", f"Dead ones go to {shown}, {keys}", detail, exchange=str(exchange.value), queue=straight_to)


def _end_of_the_queue(queue: QueueFacts, force: dict[str, Rule]) -> list[Step]:
    steps = []
    if expires := force.get("expires"):
        steps.append(
            Step("clock-off", f"Unused for {milliseconds(expires.value)}, the queue goes", f"expires from {expires.source}; its messages are not dead-lettered")
        )
    if queue.exclusive:
        steps.append(Step("plug-x", "The queue goes with its connection", "it is exclusive: only the connection that declared it may use it"))
    elif queue.auto_delete:
        steps.append(Step("plug-x", "The queue goes with its last consumer", "it is auto-delete: its messages go with it"))
    return steps


def number(value: Any) -> str:
    """Thousands separated where it is a whole number, else as the broker shows it."""
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


_UNITS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"))


def milliseconds(value: Any) -> str:
    """A duration with its two largest units; not a number: as the broker shows it.

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
