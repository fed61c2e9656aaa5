"""What differs between two sets of virtual hosts: objects that were added, are missing, or differ.

Pure. Both sides are topologies: recorded ones, or read from an exported definitions file by `of_export`. Left out on both: Hareline's own objects, exclusive
and auto-delete ones, which reconnecting clients recreate, and what every virtual host has (amq.*, the bindings of the default exchange). Which policy applies
to an object follows from the policies, which are compared themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from brokers.definitions_format import (
    QUEUE_TYPE,
    Definition,
    binding_definition,
    exchange_definition,
    policy_definition,
    queue_definition,
    type_of,
    without_own,
)
from brokers.diff import binding_label
from brokers.routing.definitions import Contents, read, vhosts_of
from brokers.topology import BindingDefinition, ExchangeDefinition, PolicyDefinition, QueueDefinition, Topology, whole_if_possible

ADDED, MISSING, DIFFERENT = "added", "missing", "different"
OUTCOMES = (ADDED, MISSING, DIFFERENT)
VHOST = "vhost"
KINDS = (VHOST, "exchange", "queue", "binding", "policy", "operator_policy")
_NESTED = ("arguments", "definition")
_encoder = msgspec.json.Encoder(order="deterministic")


class Line(msgspec.Struct, frozen=True):
    """One setting on both sides, as JSON; "" where a side does not have it."""

    key: str
    before: str
    after: str
    differs: bool


class Difference(msgspec.Struct, frozen=True):
    """An object that is not the same on both sides: `before` or `after` is None where it does not exist. A binding is only added or missing: other keys or
    arguments are another binding."""

    what: str  # added, missing, different
    kind: str
    vhost: str
    name: str
    before: Definition | None
    after: Definition | None

    def lines(self) -> list[Line]:
        """The settings of both, arguments and the keys of a policy each by itself.

        >>> before, after = ({"name": "mail", "arguments": {"x-max-length": most}} for most in (5, 10))
        >>> [(line.key, line.before, line.after) for line in Difference("different", "queue", "/", "mail", before, after).lines() if line.differs]
        [('arguments.x-max-length', '5', '10')]
        """
        before, after = _flat(self.before), _flat(self.after)
        both = self.before is not None and self.after is not None
        return [Line(key, before.get(key, ""), after.get(key, ""), both and before.get(key) != after.get(key)) for key in dict.fromkeys((*before, *after))]

    def keys(self) -> list[str]:
        """The names of the settings that differ; none of what exists on one side only."""
        return [line.key for line in self.lines() if line.differs]


class Comparison(msgspec.Struct, frozen=True):
    """In the order of virtual host, kind and name. `unknown`: queues whose arguments were not read yet on one side, so that nothing is said of these."""

    differences: tuple[Difference, ...]
    unknown: int = 0

    def of(self, what: str) -> list[Difference]:
        return [one for one in self.differences if one.what == what]

    def counts(self) -> dict[str, int]:
        found = dict.fromkeys(OUTCOMES, 0)
        for one in self.differences:
            found[one.what] += 1
        return found


def compared(before: Sequence[Topology], after: Sequence[Topology], *, as_one: bool = False) -> Comparison:
    """What differs, virtual hosts of equal names compared with each other. `as_one`: each side is one virtual host, and their names do not matter."""
    if as_one and len(before) == len(after) == 1:
        differences, unknown = _of_vhost(before[0], after[0])
        return Comparison(tuple(differences), unknown)
    was, now = ({one.vhost: one for one in side} for side in (before, after))
    found: list[Difference] = []
    unknown = 0
    for vhost in sorted(was.keys() | now.keys()):
        if vhost not in was or vhost not in now:
            what = ADDED if vhost in now else MISSING
            found.append(_difference(what, VHOST, vhost, vhost, None if what == ADDED else {"name": vhost}, {"name": vhost} if what == ADDED else None))
        differences, more = _of_vhost(was.get(vhost, Topology(vhost)), now.get(vhost, Topology(vhost)))
        found += differences
        unknown += more
    return Comparison(tuple(found), unknown)


def of_export(definitions: Any, vhost: str | None = None) -> tuple[list[Topology], list[str]]:
    """(the virtual hosts of an exported definitions file, or the one that is named; sentences about what RabbitMQ would drop at import). The export of one
    virtual host may not name it: then it is "", or `vhost`. Raises InvalidQuestion, which names the field."""
    found, notes = [], []
    names: list[str | None] = [vhost] if vhost is not None else [*vhosts_of(definitions)] or [None]
    for name in names:
        contents = read(definitions, name)
        place = name or ""
        found.append(_topology(contents, place))
        notes += [f"{binding_label(_binding(one))} names a queue or exchange that is not in the definitions: RabbitMQ drops it" for one in contents.dropped]
        notes += [f"queue {queue}: {why}" for queue, why in contents.type_uncertainties.items()]
    return found, notes


def _topology(contents: Contents, vhost: str) -> Topology:
    policies = [(one, False) for one in contents.policies] + [(one, True) for one in contents.operator_policies]
    return Topology(
        vhost,
        contents.exchanges,
        contents.queues,
        tuple(_binding(one) for one in contents.bindings),
        tuple(
            PolicyDefinition(one.name, one.pattern, one.apply_to, whole_if_possible(one.priority), dict(one.definition), operator) for one, operator in policies
        ),
    )


def _binding(one: Any) -> BindingDefinition:
    return BindingDefinition(one.source, one.destination, one.destination_type, one.routing_key, dict(one.arguments))


def _of_vhost(earlier: Topology, later: Topology) -> tuple[list[Difference], int]:
    before, after = without_own(earlier), without_own(later)
    vhost = before.vhost or after.vhost
    queues, unknown = _queues(vhost, before.queues, after.queues)
    return [
        *_named("exchange", vhost, _by_name(before.exchanges), _by_name(after.exchanges), exchange_definition),
        *queues,
        *_bindings(vhost, before.bindings, after.bindings),
        *_named("policy", vhost, _policies(before, operator=False), _policies(after, operator=False), policy_definition),
        *_named("operator_policy", vhost, _policies(before, operator=True), _policies(after, operator=True), policy_definition),
    ], unknown


def _by_name(items: Iterable[ExchangeDefinition]) -> dict[str, ExchangeDefinition]:
    """Without the policy, which is not a setting of the exchange."""
    return {one.name: msgspec.structs.replace(one, policy="") if one.policy else one for one in items}


def _policies(topology: Topology, *, operator: bool) -> dict[str, PolicyDefinition]:
    return {one.name: one for one in topology.policies if one.operator is operator}


def _named(kind: str, vhost: str, before: Mapping[str, Any], after: Mapping[str, Any], definition: Any) -> Iterator[Difference]:
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if was is None or now is None:
            yield _one_sided(kind, vhost, name, _defined(definition, was), _defined(definition, now))
        elif (old := definition(was)) != (new := definition(now)) or _encoder.encode(old) != _encoder.encode(new):  # 1, 1.0 and true are equal in Python
            yield _difference(DIFFERENT, kind, vhost, name, old, new)


def _queues(vhost: str, before: Sequence[QueueDefinition], after: Sequence[QueueDefinition]) -> tuple[list[Difference], int]:
    was, now = ({one.name: one for one in side} for side in (before, after))
    found: list[Difference] = []
    unknown = 0
    for name in sorted(was.keys() | now.keys()):
        old, new = was.get(name), now.get(name)
        if old is None or new is None:
            found.append(_one_sided("queue", vhost, name, _defined(queue_definition, old), _defined(queue_definition, new)))
        elif old == new and not old.arguments:
            continue
        elif not (_is_read(old) and _is_read(new)):
            unknown += 1
        elif _encoder.encode(one := _comparable(old)) != _encoder.encode(other := _comparable(new)):
            if not (one["type"] and other["type"]):  # it can't be decided for one of them
                one, other = ({**each, "type": None} for each in (one, other))
            if _encoder.encode(one) != _encoder.encode(other):
                found.append(_difference(DIFFERENT, "queue", vhost, name, one, other))
    return found, unknown


def _is_read(queue: QueueDefinition) -> bool:
    """False for one of which only the name is known: a poll that listed it could not read its settings yet."""
    return bool(queue.type or queue.arguments or not queue.durable)


def _comparable(queue: QueueDefinition) -> Definition:
    """Its settings, the type in one place: exports have it in the arguments, beside them, or in both."""
    arguments = {name: value for name, value in queue.arguments.items() if name != QUEUE_TYPE}
    return {"name": queue.name, "type": type_of(queue) or None, "durable": queue.durable, "auto_delete": queue.auto_delete, "arguments": arguments}


def _bindings(vhost: str, before: Sequence[BindingDefinition], after: Sequence[BindingDefinition]) -> Iterator[Difference]:
    was, now = ({_identity(one): one for one in side} for side in (before, after))
    for key in sorted(was.keys() ^ now.keys()):
        label = binding_label(was[key] if key in was else now[key])
        yield _one_sided("binding", vhost, label, _defined(binding_definition, was.get(key)), _defined(binding_definition, now.get(key)))


def _identity(one: BindingDefinition) -> tuple[str, str, str, str, bytes]:
    """RabbitMQ keeps one binding for equal source, destination, key and arguments."""
    return (one.source, one.destination_type, one.destination, one.routing_key, _encoder.encode(one.arguments) if one.arguments else b"")


def _defined(definition: Callable[[Any], Definition], one: object | None) -> Definition | None:
    return None if one is None else definition(one)


def _one_sided(kind: str, vhost: str, name: str, before: Definition | None, after: Definition | None) -> Difference:
    return _difference(ADDED if before is None else MISSING, kind, vhost, name, before, after)


def _difference(what: str, kind: str, vhost: str, name: str, before: Definition | None, after: Definition | None) -> Difference:
    return Difference(what, kind, vhost, name, before, after)


def _flat(definition: Definition | None) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in (definition or {}).items():
        if key in _NESTED and isinstance(value, dict):
            found |= {f"{key}.{name}": _encoder.encode(one).decode() for name, one in sorted(value.items())}
        else:
            found[key] = _encoder.encode(value).decode()
    return found
