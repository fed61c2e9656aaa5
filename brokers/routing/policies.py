"""Which policy applies to an exchange or queue, and the settings that result from policies and arguments.

Pure. Rules, as seen on RabbitMQ 3.10.8 and 4.0.5: one user policy applies, the highest priority whose pattern is found in the name and all of whose keys
the queue's type supports (exchanges: any keys); of equal priorities the first in the broker's own order. Operator policies (queues only) are chosen alike
and join it key by key; of a policy and an argument some keys take the smaller value, most the argument's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from brokers.routing.patterns import Patterns
from brokers.routing.queue_types import (
    KNOWN_TYPES,
    NEVER_IN_A_POLICY,
    QUORUM,
    STREAM,
    argument_refusal,
    matters_by_type,
    policy_refusal,
    unsupported_keys,
)

SMALLER_WINS = frozenset({"message-ttl", "max-length", "max-length-bytes", "max-in-memory-length", "max-in-memory-bytes", "expires", "delivery-limit"})
UNLIMITED = -1
"""A delivery limit that is none, since RabbitMQ 4.0."""
QUEUE_KINDS = {"classic_queues": "classic", "quorum_queues": "quorum", "streams": "stream"}
OLDEST = (3, 10, 8)


class Policy(msgspec.Struct, frozen=True):
    """`priority` may be a fraction."""

    name: str
    pattern: str
    apply_to: str
    priority: float
    definition: Mapping[str, Any]


class Target(msgspec.Struct, frozen=True):
    """What a policy may apply to: an exchange, or a queue of a type ("" unknown). `reported` is the name of the policy that the broker itself reports for
    it ("" none), None if that is not known."""

    name: str
    kind: str = "queue"
    queue_type: str = "classic"
    version: tuple[int, ...] = OLDEST
    reported: str | None = None
    reported_operator: str | None = None


class PassedOver(msgspec.Struct, frozen=True, rename={"name": "policy"}):
    """A policy that would apply, were it not for these keys."""

    name: str
    operator: bool
    keys: tuple[str, ...]


class Choice(msgspec.Struct, frozen=True):
    """The policy that applies, None for none. `uncertainties`: sentences on what is undefined or could not be evaluated."""

    policy: Policy | None
    passed_over: tuple[PassedOver, ...] = ()
    uncertainties: tuple[str, ...] = ()


class Effective(msgspec.Struct, frozen=True):
    """The settings of one object, by key without `x-`; `merged` are those of the policies alone. `uncertainties` as in Choice."""

    settings: Mapping[str, Any]
    policy: str | None = None
    uncertainties: tuple[str, ...] = ()
    operator_policy: str | None = None
    merged: Mapping[str, Any] = {}
    passed_over: tuple[PassedOver, ...] = ()


class PolicySet(msgspec.Struct, frozen=True):
    """The policies of a virtual host. `ordered`: they are in the broker's own order, which decides between equal priorities; `unchecked`: they may be
    such as the broker would refuse."""

    policies: tuple[Policy, ...] = ()
    operator_policies: tuple[Policy, ...] = ()
    ordered: bool = True
    unchecked: bool = False


def applies(policy: Policy, target: Target) -> bool:
    """Whether `apply-to` includes exchanges or queues of that type; of an unknown type, whether it includes any queues."""
    if policy.apply_to == "all":
        return True
    if target.kind == "exchange":
        return policy.apply_to == "exchanges"
    wanted = QUEUE_KINDS.get(policy.apply_to)
    return policy.apply_to == "queues" or (wanted is not None and (wanted == target.queue_type or target.queue_type not in KNOWN_TYPES))


def chosen(policies: Sequence[Policy], target: Target, patterns: Patterns, ordered: bool = True, operator: bool = False) -> Choice:
    """The policy that applies to the target, and those of higher priority that were passed over."""
    fitting = [policy for policy in policies if applies(policy, target) and patterns.found_in(policy.pattern, target.name)]
    uncertain = [
        f"the pattern of {_named(policy, operator)} {patterns.unknown[policy.pattern]}"
        for policy in policies
        if policy.pattern in patterns.unknown and applies(policy, target)
    ]
    candidates, passed_over = [], []
    for policy in sorted(fitting, key=lambda policy: -policy.priority):  # a stable sort: equal priorities stay in their order
        keys = unsupported_keys(policy.definition, target.queue_type, target.version) if target.kind == "queue" else []
        if keys:
            passed_over.append((policy, PassedOver(policy.name, operator, tuple(keys))))
        elif target.kind == "queue" and target.queue_type not in KNOWN_TYPES and _depends_on_type(policy, target):
            uncertain.append(f"{_named(policy, operator)} applies only to some types of queues, and the type of {target.name} is unknown")
        else:
            candidates.append(policy)
    best = candidates[0] if candidates else None
    if best and not ordered:
        rivals = [policy for policy in candidates[1:] if policy.priority == best.priority and policy.definition != best.definition]
        if rivals and (target.reported_operator if operator else target.reported) is None:
            which = "which one wins is undefined"
            uncertain.append(f"policies {best.name} and {rivals[0].name} both apply to {target.name} with priority {_number(best.priority)}: {which}")
    best, uncertainty = _as_reported(best, candidates, policies, target, operator)
    above = [one for policy, one in passed_over if best is None or policy.priority >= best.priority]
    return Choice(best, tuple(above), (*uncertain, *uncertainty))


def _as_reported(
    best: Policy | None, candidates: Sequence[Policy], policies: Sequence[Policy], target: Target, operator: bool
) -> tuple[Policy | None, list[str]]:
    """The policy that the broker itself reports for the target, where it does, and a sentence if the rules give another."""
    reported = target.reported_operator if operator else target.reported
    if reported is None or reported == (best.name if best else ""):
        return best, []
    found = next((policy for policy in policies if policy.name == reported), None)
    if found is not None and best is not None and found in candidates and found.priority == best.priority:
        return found, []  # a tie: the broker decides by an order of its own
    kind = "operator policy" if operator else "policy"
    said = f"{kind} {reported}" if reported else f"no {kind}"
    ours = _named(best, operator) if best else "none"
    return found or best, [f"by the last poll RabbitMQ applies {said} to {target.name}, but by the policies that were read {ours} applies"]


def _named(policy: Policy, operator: bool) -> str:
    return f"{'operator ' if operator else ''}policy {policy.name}"


def _number(priority: float) -> str:
    return f"{priority:g}" if isinstance(priority, float) else str(priority)


def _depends_on_type(policy: Policy, target: Target) -> bool:
    return policy.apply_to in QUEUE_KINDS or matters_by_type(policy.definition, target.version)


def effective(target: Target, arguments: Mapping[str, Any], found: PolicySet, patterns: Patterns) -> Effective:
    """The settings in effect for one exchange or queue.

    >>> effective(Target("q"), {"x-max-length": 5}, PolicySet((Policy("p", "^q", "queues", 0, {"max-length": 3}),)), Patterns()).settings
    {'max-length': 3}
    """
    user = chosen(found.policies, target, patterns, found.ordered)
    above = chosen(found.operator_policies, target, patterns, found.ordered, operator=True) if target.kind == "queue" else Choice(None)
    merged = {key: value for key, value in (user.policy.definition if user.policy else {}).items() if key not in NEVER_IN_A_POLICY}
    for key, value in (above.policy.definition if above.policy else {}).items():
        merged[key] = _of_two_policies(key, merged[key], value) if key in merged else value
    settings = dict(merged)
    for argument, value in arguments.items():
        if target.kind == "exchange":
            settings[argument] = value
        elif not argument_refusal(argument, target.queue_type, target.version):
            key = argument.removeprefix("x-")
            settings[key] = _of_argument(key, value, settings[key], target) if key in settings else value
    uncertain = [*user.uncertainties, *above.uncertainties, *_refused((user.policy,), False, found, target), *_refused((above.policy,), True, found, target)]
    size = "max-length-bytes"
    if target.queue_type == STREAM and size in merged and arguments.get(f"x-{size}", merged[size]) != merged[size]:
        uncertain.append(f"both an argument and a policy set {size}; which of them counts for a stream was not verified against a broker")
    both = "queue-master-locator"
    if user.policy and above.policy and both in user.policy.definition and both in above.policy.definition:
        uncertain.append(f"both its policy and its operator policy set {both}: RabbitMQ 4.0 then keeps the settings that the queue had before")
    return Effective(
        settings,
        user.policy.name if user.policy else None,
        tuple(uncertain),
        above.policy.name if above.policy else None,
        merged,
        (*user.passed_over, *above.passed_over),
    )


def _refused(policies: Iterable[Policy | None], operator: bool, found: PolicySet, target: Target) -> list[str]:
    """Sentences on policies that apply, yet are such as the broker would refuse."""
    if not found.unchecked:
        return []
    refusals = [(policy, policy_refusal(policy.apply_to, policy.definition, operator, target.version)) for policy in policies if policy]
    return [f"RabbitMQ refuses {_named(policy, operator)}: its {refusal[0]} {refusal[1]}" for policy, refusal in refusals if refusal]


def _of_two_policies(key: str, user: Any, operator: Any) -> Any:
    """The value where both policies have the key."""
    if not _are_numbers(user, operator):
        return operator
    if key == "target-group-size":
        return max(user, operator)
    return _smaller(key, user, operator) if key in SMALLER_WINS else operator


def _of_argument(key: str, argument: Any, policy: Any, target: Target) -> Any:
    """The value where both an argument and the policies have the key."""
    policy_wins = (key == "overflow" and target.queue_type == QUORUM) or (key == "expires" and target.queue_type == QUORUM and target.version < (4,))
    if policy_wins:
        return policy
    return _smaller(key, argument, policy) if key in SMALLER_WINS and _are_numbers(argument, policy) else argument


def _are_numbers(*values: Any) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _smaller(key: str, one: float, other: float) -> float:
    """The smaller number; an unlimited delivery limit is larger than any."""
    if key == "delivery-limit" and UNLIMITED in (one, other):
        return other if one == UNLIMITED else one
    return min(one, other)


def passed_over_text(one: PassedOver, queue_type: str) -> str:
    """A sentence on a policy that was passed over, without the queue's name.

    >>> passed_over_text(PassedOver("lazy", False, ("queue-mode",)), "quorum")
    'policy lazy does not apply: a quorum queue does not support queue-mode, and one such key rules out the whole policy'
    """
    kind = "stream" if queue_type == STREAM else f"{queue_type} queue"
    what = f"{'operator ' if one.operator else ''}policy {one.name}"
    return f"{what} does not apply: a {kind} does not support {' or '.join(one.keys)}, and one such key rules out the whole policy"
