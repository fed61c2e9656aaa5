"""A virtual host prepared for routing: exchanges with indexed bindings, queues with their effective settings.

Pure. Built from RabbitMQ's definitions or from a polled topology; reusable for any number of messages. Exchanges that every
virtual host has (`amq.*`) are added if an export lacks them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from brokers.routing.bindings import Bound, Index, index_for
from brokers.routing.definitions import NEEDS_ADMINISTRATOR, Contents, Right, of_topology, read
from brokers.routing.patterns import Patterns
from brokers.routing.policies import Effective, PolicySet, Target, effective
from brokers.routing.predeclared import INTERNAL, OF_PLUGINS, PREDECLARED
from brokers.routing.queue_types import type_named
from brokers.routing.versions import version_tuple
from brokers.topology import Topology

DELAYED = "x-delayed-message"
"""The type of exchanges that hold a message for its header x-delay, in milliseconds, and then route it by another type's rules."""


class Exchange(msgspec.Struct):
    """`bindings` are those that leave it; the index is built on first use."""

    name: str
    type: str
    internal: bool
    arguments: Mapping[str, Any]
    bindings: tuple[Bound, ...]
    version: tuple[int, ...]
    made: dict[str, Any]  # cached indexes, by name

    @property
    def rules(self) -> str:
        """The type by whose rules it routes: its own, or for x-delayed-message the one in its argument x-delayed-type."""
        named = self.arguments.get("x-delayed-type") if self.type == DELAYED else None
        return named if isinstance(named, str) else self.type

    @property
    def index(self) -> Index:
        """Of its bindings, by the type's rules."""
        found: Index | None = self.made.get("index")
        if found is None:
            found = self.made["index"] = index_for(self.rules, self.bindings, self.version)
        return found


class Queue(msgspec.Struct, frozen=True):
    name: str
    type: str  # classic, quorum, stream, one of a plugin; "" unknown
    arguments: Mapping[str, Any]
    durable: bool = True
    exclusive: bool = False


Reported = Mapping[tuple[str, str], tuple[str, str]]
"""{("queue" or "exchange", name): (policy, operator policy)} as the management API reports them; objects without any are left out."""


class VirtualHostRouter:
    """A virtual host of one broker version. `rights` None: permissions are unknown, for the reason in `rights_unknown`. `reported`: the policies in force,
    which take precedence over what the rules give; None: not known. `unreported`: queues that only a sender is about to declare."""

    def __init__(self, contents: Contents, version: str | None = None, reported: Reported | None = None, unreported: Collection[str] = ()) -> None:
        self.contents = contents
        self.vhost = contents.vhost
        self.version = version_tuple(version or contents.version)
        self.reported, self.unreported = reported, unreported
        self.rights: tuple[Right, ...] | None = contents.rights
        self.rights_unknown = contents.rights_unknown
        self.patterns = Patterns()
        self.policies = PolicySet(contents.policies, contents.operator_policies, contents.policies_ordered, contents.unchecked)
        self.queues = {
            item.name: Queue(item.name, type_named(item.arguments.get("x-queue-type")) or item.type, item.arguments, item.durable, item.exclusive)
            for item in contents.queues
        }
        self.made: dict[str, Any] = {}  # as Exchange.made, for the default exchange
        bound: dict[str, list[Bound]] = {}
        for binding in contents.bindings:
            bound.setdefault(binding.source, []).append(binding)
        kinds = PREDECLARED | dict.fromkeys(OF_PLUGINS & bound.keys(), "topic")
        self.exchanges = {name: Exchange(name, kind, name in INTERNAL, {}, tuple(bound.get(name, ())), self.version, {}) for name, kind in kinds.items()}
        for item in contents.exchanges:
            if item.name:
                self.exchanges[item.name] = Exchange(item.name, item.type, item.internal, item.arguments, tuple(bound.get(item.name, ())), self.version, {})
        self._alternates: dict[str, tuple[str | None, Effective]] = {}
        self._queue_settings: dict[str, Effective] = {}

    @classmethod
    def from_definitions(cls, definitions: Any, version: str | None = None, vhost: str | None = None) -> VirtualHostRouter:
        """Raises InvalidQuestion, which names the field that is wrong."""
        return cls(read(definitions, vhost, version=version), version)

    @classmethod
    def from_topology(
        cls,
        topology: Topology,
        version: str | None = None,
        rights: tuple[Right, ...] | None = None,
        rights_unknown: str = NEEDS_ADMINISTRATOR,
        reported: Reported | None = None,
        unreported: Collection[str] = (),
    ) -> VirtualHostRouter:
        """From a polled topology: binding arguments came through the management API."""
        return cls(of_topology(topology, rights, rights_unknown), version, reported, unreported)

    def alternate(self, name: str) -> tuple[str | None, Effective]:
        """(the alternate exchange or None, the settings it is from).

        An alternate `""` is the default exchange, whose bindings are not used there; but a policy may give it an alternate in turn (observed on 3.10.8).
        """
        if name not in self._alternates:
            arguments = self.exchanges[name].arguments
            found = Effective(arguments) if "alternate-exchange" in arguments else self.exchange_policy(name)
            if found.settings.get("alternate-exchange") == "":
                found = self.exchange_policy("")
            named = found.settings.get("alternate-exchange")
            self._alternates[name] = (named if isinstance(named, str) and named else None, found)
        return self._alternates[name]

    def queue_settings(self, name: str) -> Effective:
        """The settings that result from arguments, policy and operator policy, by key without `x-`."""
        if name not in self._queue_settings:
            queue = self.queues[name]
            self._queue_settings[name] = effective(self._target(name, "queue", queue.type), queue.arguments, self.policies, self.patterns)
        return self._queue_settings[name]

    def exchange_policy(self, name: str) -> Effective:
        """The policy of an exchange; only `alternate-exchange` of it has a part in routing."""
        return effective(self._target(name, "exchange"), {}, self.policies, self.patterns)

    def _target(self, name: str, kind: str, queue_type: str = "") -> Target:
        known = self.reported is not None and not (kind == "queue" and name in self.unreported)
        reported, operator = (self.reported or {}).get((kind, name), ("", "")) if known else (None, None)
        return Target(name, kind, queue_type, self.version, reported, operator)
