"""Where a message went before and after a change: an example message that the change may have concerned, explained in both topologies.

Pure. The rules are in `brokers.routing`; consumers and permissions of the past are not known here, and not part of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from brokers.routing.answer import Explanation
from brokers.routing.fields import InvalidQuestion
from brokers.routing.patterns import Patterns
from brokers.routing.questions import answer_in
from brokers.routing.virtual_host import VirtualHostRouter
from brokers.topology import BindingDefinition, Topology

EXAMPLE_WORD = "any"
MOST_TRIED = 2_000
"""Names that the pattern of a policy is searched in for an example."""
MOST_TEXT = 1_500

Detail = Mapping[str, Any] | None


class Explained(msgspec.Struct, frozen=True):
    """`question` is an example; None: the change concerns no route, or no example is known. `before` and `after` are texts, None where no topology is recorded;
    `gained` and `lost` queues, () also while one side is unknown."""

    question: Mapping[str, Any] | None = None
    before: str | None = None
    after: str | None = None
    gained: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()

    @property
    def is_known(self) -> bool:
        return self.before is not None and self.after is not None

    @property
    def verdict(self) -> str:
        """What it meant for the example, in a sentence."""
        if not self.is_known:
            return "What was recorded does not show the route on both sides of the change."
        parts = [f"now also reaches {_names(self.gained)}"] if self.gained else []
        parts += [f"no longer reaches {_names(self.lost)}"] if self.lost else []
        if parts:
            return f"The route changed: the message {' and '.join(parts)}."
        if self.before != self.after:
            return "The message reaches the same queues, but not all else stayed the same."
        return "The route of this message did not change."


def explained(kind: str, name: str, before: Detail, after: Detail, was: Topology | None, now: Topology | None, version: str | None) -> Explained:
    """Of a change of this object, with its definition before and after. `version`: the broker's."""
    question = example(kind, name, before, after, was, now)
    if question is None:
        return Explained()
    earlier, later = _answer(question, was, version), _answer(question, now, version)
    gained, lost = (set(later.queues) - set(earlier.queues), set(earlier.queues) - set(later.queues)) if earlier and later else ((), ())
    return Explained(question, _text(earlier), _text(later), tuple(sorted(gained)), tuple(sorted(lost)))


def example(kind: str, name: str, before: Detail, after: Detail, was: Topology | None, now: Topology | None) -> dict[str, Any] | None:
    """A message that the change may concern; None if none can be named.

    >>> example("queue", "mail", None, {}, None, None)
    {'exchange': '', 'routing_key': 'mail'}
    """
    sides = [side for side in (now, was) if side is not None]
    if kind == "queue":
        return {"exchange": "", "routing_key": name} if name else None
    if kind == "binding":
        definition = after or before
        return None if definition is None or "source" not in definition else _through(definition, sides)
    if kind == "exchange":
        bound = next((one for side in sides for one in side.bindings if one.source == name), None)
        return _through(msgspec.structs.asdict(bound), sides) if bound else {"exchange": name, "routing_key": ""} if name else None
    if kind in ("policy", "operator_policy"):
        return _under_policy(after or before, sides)
    return None


def example_key(exchange_type: str, key: str) -> str:
    """A routing key that fits the key of a binding.

    >>> example_key("topic", "order.*.#"), example_key("direct", "order.*")
    ('order.any.any', 'order.*')
    """
    return ".".join(EXAMPLE_WORD if word in ("*", "#") else word for word in key.split(".")) if exchange_type == "topic" else key


def _through(binding: Mapping[str, Any], sides: list[Topology]) -> dict[str, Any]:
    """A message that fits a binding."""
    source = str(binding["source"])
    kind = next((one.type for side in sides for one in side.exchanges if one.name == source), "")
    headers = {name: value for name, value in (binding.get("arguments") or {}).items() if not name.startswith("x-")} if kind == "headers" else {}
    return {"exchange": source, "routing_key": example_key(kind, str(binding.get("routing_key", ""))), **({"headers": headers} if headers else {})}


def _under_policy(policy: Detail, sides: list[Topology]) -> dict[str, Any] | None:
    """A message to an object to which a policy applies: an exchange with a binding where the policy is about exchanges, else a queue."""
    if policy is None:
        return None
    patterns, pattern, applies = Patterns(), str(policy.get("pattern", "")), str(policy.get("apply_to", "all"))
    for side in sides:
        if applies == "exchanges" or "alternate-exchange" in (policy.get("definition") or {}):
            found = next((one.name for one in side.exchanges[:MOST_TRIED] if one.name and patterns.found_in(pattern, one.name)), None)
            if found is not None:
                bound: BindingDefinition | None = next((one for one in side.bindings if one.source == found), None)
                return {"exchange": found, "routing_key": f"{EXAMPLE_WORD}.unbound.key"} if bound is None else _through(msgspec.structs.asdict(bound), sides)
        if applies != "exchanges":
            found = next((one.name for one in side.queues[:MOST_TRIED] if patterns.found_in(pattern, one.name)), None)
            if found is not None:
                return {"exchange": "", "routing_key": found}
    return None


def _answer(question: Mapping[str, Any], topology: Topology | None, version: str | None) -> Explanation | None:
    if topology is None:
        return None
    try:
        return answer_in(VirtualHostRouter.from_topology(topology, version), question)
    except InvalidQuestion:
        return None


def _text(found: Explanation | None) -> str | None:
    return None if found is None else found.text if len(found.text) <= MOST_TEXT else f"{found.text[:MOST_TEXT]}…"


def _names(found: tuple[str, ...]) -> str:
    return f"{', '.join(found[:5])} and {len(found) - 5:,} more" if len(found) > 5 else ", ".join(found)
