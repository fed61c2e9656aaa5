"""What the types of queues support: keys of policies, arguments, properties; and which keys and values a policy may have at all.

Pure. A policy with a single key that the queue's type does not support never applies to it. Read off RabbitMQ 3.10.8 and 4.0.5; versions between them
follow 3.10, as the lists changed with 4.0. Types of plugins are not known here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

CLASSIC, QUORUM, STREAM = "classic", "quorum", "stream"
KNOWN_TYPES = (CLASSIC, QUORUM, STREAM)
UNKNOWN_TYPE = ""
LONG_NAMES = {f"rabbit_{name}_queue": name for name in KNOWN_TYPES}
UNDEFINED = "undefined"
"""How RabbitMQ exports a default queue type that is not set."""

_HA = frozenset({"ha-mode", "ha-params", "ha-sync-mode", "ha-promote-on-shutdown", "ha-promote-on-failure"})
_OF_STREAMS = frozenset({"max-age", "stream-max-segment-size-bytes", "initial-cluster-size"})
_CLASSIC = _OF_STREAMS | {"delivery-limit", "dead-letter-strategy"}
_QUORUM = _OF_STREAMS | {"queue-mode", "queue-master-locator"}
_STREAM = frozenset(
    {
        *("expires", "message-ttl", "dead-letter-exchange", "dead-letter-routing-key", "dead-letter-strategy", "max-length", "max-in-memory-length"),
        *("max-in-memory-bytes", "overflow", "queue-mode", "delivery-limit", "queue-master-locator"),
    }
)
_UNSUPPORTED = {
    3: {CLASSIC: _CLASSIC | {"queue-leader-locator"}, QUORUM: _QUORUM | _HA, STREAM: _STREAM | _HA},
    4: {
        CLASSIC: _CLASSIC | {"max-in-memory-length", "max-in-memory-bytes", "target-group-size"},
        QUORUM: _QUORUM,
        STREAM: _STREAM | {"target-group-size"},
    },
}
"""Keys of policies, by RabbitMQ 3 or 4 and the type of the queue. What is not listed counts as supported, even if it has no meaning for the type."""

_FEDERATION = frozenset({"federation-upstream", "federation-upstream-set", "federation-upstream-pattern"})
_POLICY_KEYS = _FEDERATION | frozenset(
    {
        *("message-ttl", "expires", "dead-letter-exchange", "dead-letter-routing-key", "dead-letter-strategy", "max-length", "max-length-bytes"),
        *("max-in-memory-length", "max-in-memory-bytes", "overflow", "delivery-limit", "queue-mode", "queue-version", "queue-master-locator"),
        *("queue-leader-locator", "max-age", "stream-max-segment-size-bytes", "initial-cluster-size", "alternate-exchange"),
    }
)
_OPERATOR_KEYS = frozenset({"expires", "message-ttl", "max-length", "max-length-bytes", "max-in-memory-length", "max-in-memory-bytes", "delivery-limit"})
_HA_SYNC = frozenset({"ha-sync-batch-size"})
_SINCE_4 = frozenset({"consumer-timeout", "target-group-size", "stream-filter-size-bytes"})
_OPERATOR_SINCE_4 = frozenset({"overflow", "queue-version", "queue-master-locator", "target-group-size"})
NEVER_IN_A_POLICY = {
    "single-active-consumer": "it can only be an argument of the queue",
    "max-priority": "it can only be an argument of the queue",
    "quorum-initial-group-size": "it can only be an argument of the queue",
}
_APPLY_TO = ("all", "exchanges", "queues")
_APPLY_TO_TYPES = ("classic_queues", "quorum_queues", "streams")

_COMMON_ARGUMENTS = frozenset({"x-queue-type", "x-max-length-bytes"})
_CLASSIC_ARGUMENTS = _COMMON_ARGUMENTS | {
    *("x-expires", "x-message-ttl", "x-dead-letter-exchange", "x-dead-letter-routing-key", "x-max-length", "x-max-priority", "x-overflow"),
    *("x-queue-mode", "x-queue-version", "x-single-active-consumer", "x-queue-master-locator"),
}
_QUORUM_ARGUMENTS = _COMMON_ARGUMENTS | {
    *("x-expires", "x-message-ttl", "x-dead-letter-exchange", "x-dead-letter-routing-key", "x-dead-letter-strategy", "x-max-length", "x-overflow"),
    *("x-max-in-memory-length", "x-max-in-memory-bytes", "x-single-active-consumer", "x-quorum-initial-group-size", "x-delivery-limit"),
    *("x-queue-leader-locator",),
}
_STREAM_ARGUMENTS = _COMMON_ARGUMENTS | {"x-max-age", "x-stream-max-segment-size-bytes", "x-initial-cluster-size", "x-queue-leader-locator"}
_LEADER_LOCATOR = "x-queue-leader-locator"
"""Refused for classic queues by 3.10, accepted by 4.0; what versions between them do was not seen."""
_SUPPORTED = {CLASSIC: _CLASSIC_ARGUMENTS, QUORUM: _QUORUM_ARGUMENTS, STREAM: _STREAM_ARGUMENTS}
_ARGUMENTS = _CLASSIC_ARGUMENTS | _QUORUM_ARGUMENTS | _STREAM_ARGUMENTS


def type_named(name: Any) -> str | None:
    """The type that this names in definitions: "classic" also as "rabbit_classic_queue"; None for nothing and "undefined".

    >>> type_named("rabbit_quorum_queue"), type_named("undefined")
    ('quorum', None)
    """
    if not isinstance(name, str) or name in ("", UNDEFINED):
        return None
    return LONG_NAMES.get(name, name)


def unsupported_keys(keys: Iterable[str], queue_type: str, version: tuple[int, ...]) -> list[str]:
    """The keys for which a policy passes over queues of this type, sorted.

    >>> unsupported_keys(["max-length", "queue-mode"], "quorum", (4, 0))
    ['queue-mode']
    """
    unsupported = _UNSUPPORTED[4 if version >= (4,) else 3].get(queue_type, frozenset[str]())
    return sorted(unsupported.intersection(keys))


def matters_by_type(keys: Collection[str], version: tuple[int, ...]) -> bool:
    """Whether a policy with these keys applies to some types of queues and not to others."""
    return len({bool(unsupported_keys(keys, kind, version)) for kind in KNOWN_TYPES}) > 1


def policy_refusal(apply_to: str, definition: Mapping[str, Any], operator: bool, version: tuple[int, ...]) -> tuple[str, str] | None:
    """(the field, why) for which RabbitMQ refuses to set such a policy; None if it accepts it.

    >>> policy_refusal("queues", {"max-priority": 3}, False, (4, 0))
    ('definition.max-priority', 'is no key of a policy: it can only be an argument of the queue')
    """
    targets = _APPLY_TO if version < (3, 12) else (*_APPLY_TO, *_APPLY_TO_TYPES)
    if apply_to not in targets:
        since = " (the others since RabbitMQ 3.12)" if apply_to in _APPLY_TO_TYPES else ""
        return "apply-to", f"must be one of {', '.join(targets)}{since}"
    if not definition:
        return "definition", 'must hold the settings of the policy, such as {"message-ttl": 60000}'
    for key in definition:
        if why := _key_refusal(key, operator, version):
            return f"definition.{key}", why
    if (_HA | _HA_SYNC) & definition.keys() and "ha-mode" not in definition:
        return "definition.ha-mode", "is missing: RabbitMQ requires it beside the other ha-… keys"
    if len(_FEDERATION & definition.keys()) > 1:
        return "definition", f"must hold only one of {', '.join(sorted(_FEDERATION))}"
    return None


def _key_refusal(key: str, operator: bool, version: tuple[int, ...]) -> str:
    if key in NEVER_IN_A_POLICY:
        return f"is no key of a policy: {NEVER_IN_A_POLICY[key]}"
    if operator:
        accepted = _OPERATOR_KEYS | (_OPERATOR_SINCE_4 if version >= (4,) else frozenset())
        return "" if key in accepted else f"is no key of an operator policy, which takes {', '.join(sorted(accepted))}"
    if key in _HA | _HA_SYNC:
        return "is no key of a policy any more: RabbitMQ 4.0 removed mirrored queues" if version >= (4,) else ""
    if key in _SINCE_4 and version < (3, 11):
        return "is no key of a policy before RabbitMQ 4.0"
    return "" if key in _POLICY_KEYS | _SINCE_4 else "is no key of a policy that Hareline knows: RabbitMQ refuses unknown keys"


def argument_refusal(name: str, queue_type: str, version: tuple[int, ...]) -> str:
    """Why RabbitMQ refuses to declare a queue of this type with the argument, "" if it doesn't. Arguments that no type has are ignored by it.

    >>> argument_refusal("x-max-priority", "quorum", (4, 0))
    'RabbitMQ refuses the argument x-max-priority for a quorum queue'
    """
    supported = _SUPPORTED.get(queue_type)
    if supported is None or name not in _ARGUMENTS - supported:
        return ""
    if queue_type == CLASSIC and name == _LEADER_LOCATOR and version >= (3, 11):
        return ""
    return f"RabbitMQ refuses the argument {name} for a {'stream' if queue_type == STREAM else f'{queue_type} queue'}"


def compared_arguments(queue_type: str) -> frozenset[str]:
    """The arguments that must be the same when a queue of this type is declared again; others are ignored then, also refused ones. All that are known
    for a type that is not. For classic queues as of 4.0: 3.10 ignores a leader locator.

    >>> "x-max-priority" in compared_arguments("quorum")
    False
    """
    found = _SUPPORTED.get(queue_type, _ARGUMENTS)
    return found | {_LEADER_LOCATOR} if queue_type == CLASSIC else found


NO_TRANSIENT = (4, 3)
"""Since this version transient queues that are not exclusive are refused, unless `deprecated_features.permit.transient_nonexcl_queues = true`."""


def property_refusal(queue_type: str, durable: bool, exclusive: bool, version: tuple[int, ...] = ()) -> str:
    """Why RabbitMQ refuses to declare a queue of this type with these properties, "" if it doesn't."""
    if not durable and not exclusive and version >= NO_TRANSIENT and queue_type not in (QUORUM, STREAM):
        return "RabbitMQ 4.3 and later refuse a queue that is neither durable nor exclusive"
    if queue_type not in (QUORUM, STREAM) or (durable and not exclusive):
        return ""
    what = "stream" if queue_type == STREAM else f"{queue_type} queue"
    return f"RabbitMQ refuses a {what} that is {'exclusive' if durable else 'not durable'}"
