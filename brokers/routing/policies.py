"""Which policy applies to an exchange or queue, and the settings that result from policies and arguments.

Pure. Rules: one user policy applies, the highest priority whose pattern is found in the name; operator policies (queues only) join it key by key;
of a policy and an argument some keys take the smaller value, all others the argument's (RabbitMQ 3.10.8 and 4.0.5). Patterns are untrusted:
each search is limited in time.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import regex

SMALLER_WINS = frozenset({"message-ttl", "max-length", "max-length-bytes", "expires", "delivery-limit"})
QUEUE_KINDS = {"classic_queues": "classic", "quorum_queues": "quorum", "streams": "stream"}
SEARCH_SECONDS = 0.05
MOST_PATTERN = 2000
MOST_SECONDS = 1.0
"""Total time for the slow searches of one virtual host."""
SLOW_SECONDS = 0.005


class Policy(msgspec.Struct, frozen=True):
    name: str
    pattern: str
    apply_to: str
    priority: int
    definition: Mapping[str, Any]


class Patterns:
    """Searches names with untrusted patterns: compiled once, timed; one that can't be evaluated is kept in `unknown` and not tried again."""

    def __init__(self) -> None:
        self.compiled: dict[str, Any] = {}
        self.unknown: dict[str, str] = {}
        self.seconds = 0.0

    def found_in(self, pattern: str, name: str) -> bool:
        """Whether the pattern is found anywhere in the name; False if it can't be evaluated."""
        if pattern in self.unknown:
            return False
        if self.seconds >= MOST_SECONDS:
            self.unknown[pattern] = "was not searched: other patterns took too long"
            return False
        started = time.thread_time()
        try:
            if pattern not in self.compiled:
                if len(pattern) > MOST_PATTERN:
                    raise ValueError(f"is longer than {MOST_PATTERN} characters")
                self.compiled[pattern] = regex.compile(pattern)
            return self.compiled[pattern].search(name, timeout=SEARCH_SECONDS) is not None
        except TimeoutError:
            self.unknown[pattern] = "takes too long to search"
        except (regex.error, ValueError, OverflowError, RecursionError, MemoryError) as error:
            self.unknown[pattern] = f"is not a valid pattern ({str(error)[:80]})"
        finally:
            took = time.thread_time() - started
            self.seconds += took if took > SLOW_SECONDS else 0.0
        return False


class Effective(msgspec.Struct, frozen=True):
    """The settings of one object, by key without `x-`. `uncertainties`: sentences on what is undefined or could not be evaluated."""

    settings: Mapping[str, Any]
    policy: str | None = None
    uncertainties: tuple[str, ...] = ()


def applies(policy: Policy, kind: str, queue_type: str) -> bool:
    """Whether `apply-to` includes exchanges (kind "exchange") or queues of that type."""
    if policy.apply_to == "all":
        return True
    if kind == "exchange":
        return policy.apply_to == "exchanges"
    return policy.apply_to == "queues" or QUEUE_KINDS.get(policy.apply_to) == queue_type


def chosen(policies: Sequence[Policy], name: str, kind: str, queue_type: str, patterns: Patterns) -> tuple[Policy | None, list[str]]:
    """(the policy that applies, uncertainties): two of equal priority with different settings, a pattern that can't be evaluated."""
    fitting = [policy for policy in policies if applies(policy, kind, queue_type) and patterns.found_in(policy.pattern, name)]
    uncertainties = [
        f"the pattern of policy {policy.name} {patterns.unknown[policy.pattern]}"
        for policy in policies
        if policy.pattern in patterns.unknown and applies(policy, kind, queue_type)
    ]
    if not fitting:
        return None, uncertainties
    best = max(fitting, key=lambda policy: policy.priority)
    rivals = [policy.name for policy in fitting if policy.priority == best.priority and policy.definition != best.definition]
    if rivals:
        uncertainties.append(f"policies {best.name} and {rivals[0]} both apply to {name} with priority {best.priority}: which one wins is undefined")
    return best, uncertainties


def effective(
    name: str,
    arguments: Mapping[str, Any],
    user: Sequence[Policy],
    operator: Sequence[Policy],
    patterns: Patterns,
    kind: str = "queue",
    queue_type: str = "classic",
) -> Effective:
    """The settings in effect for one exchange or queue.

    >>> effective("q", {"x-max-length": 5}, [Policy("p", "^q", "queues", 0, {"max-length": 3})], [], Patterns()).settings
    {'max-length': 3}
    """
    policy, uncertainties = chosen(user, name, kind, queue_type, patterns)
    merged = dict(policy.definition) if policy else {}
    if kind == "queue":
        above, more = chosen(operator, name, kind, queue_type, patterns)
        uncertainties += more
        for key, value in (above.definition if above else {}).items():
            merged[key] = _smaller(merged[key], value) if key in merged and _are_numbers(merged[key], value) else value
    for argument, value in arguments.items():
        key = argument.removeprefix("x-") if kind == "queue" else argument
        merged[key] = _smaller(merged[key], value) if key in merged and key in SMALLER_WINS and _are_numbers(merged[key], value) else value
    return Effective(merged, policy.name if policy else None, tuple(uncertainties))


def _are_numbers(*values: Any) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _smaller(one: float, other: float) -> float:
    return min(one, other)
