"""A virtual host prepared for routing: exchanges with indexed bindings, queues with their effective settings.

Pure. Built from RabbitMQ's definitions or from a polled topology; reusable for any number of messages. Exchanges that every
virtual host has (`amq.*`) are added if an export lacks them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from brokers.routing.bindings import Bound, Index, index_for
from brokers.routing.definitions import NEEDS_ADMINISTRATOR, Contents, Right, of_topology, read
from brokers.routing.policies import Effective, Patterns, effective
from brokers.topology import Topology

DEFAULT_VERSION = "3.10.8"
PREDECLARED = {
    "amq.direct": "direct",
    "amq.fanout": "fanout",
    "amq.topic": "topic",
    "amq.headers": "headers",
    "amq.match": "headers",
    "amq.rabbitmq.trace": "topic",
}
OF_PLUGINS = frozenset({"amq.rabbitmq.event", "amq.rabbitmq.log"})
"""Topic and internal, added if something is bound to them; an export doesn't show whether they exist."""
INTERNAL = OF_PLUGINS | {"amq.rabbitmq.trace"}


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
    def index(self) -> Index:
        """Of its bindings, by the type's rules."""
        found: Index | None = self.made.get("index")
        if found is None:
            found = self.made["index"] = index_for(self.type, self.bindings, self.version)
        return found


class Queue(msgspec.Struct, frozen=True):
    name: str
    type: str  # classic, quorum, stream
    arguments: Mapping[str, Any]


class VirtualHostRouter:
    """A virtual host of one broker version. `rights` None: permissions are unknown, for the reason in `rights_unknown`."""

    def __init__(self, contents: Contents, version: str | None = None) -> None:
        self.contents = contents
        self.vhost = contents.vhost
        self.version = version_tuple(version or contents.version or DEFAULT_VERSION)
        self.rights: tuple[Right, ...] | None = contents.rights
        self.rights_unknown = contents.rights_unknown
        self.patterns = Patterns()
        self.policies, self.operator_policies = contents.policies, contents.operator_policies
        self.queues = {item.name: Queue(item.name, _queue_type(item.type, item.arguments), item.arguments) for item in contents.queues}
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
        return cls(read(definitions, vhost), version)

    @classmethod
    def from_topology(
        cls, topology: Topology, version: str | None = None, rights: tuple[Right, ...] | None = None, rights_unknown: str = NEEDS_ADMINISTRATOR
    ) -> VirtualHostRouter:
        """From a polled topology: binding arguments came through the management API."""
        return cls(of_topology(topology, rights, rights_unknown), version)

    def alternate(self, name: str) -> tuple[str | None, Effective]:
        """(the alternate exchange or None, the settings it is from).

        An alternate `""` is the default exchange, whose bindings are not used there; but a policy may give it an alternate in turn (observed on 3.10.8).
        """
        if name not in self._alternates:
            arguments = self.exchanges[name].arguments
            found = Effective(arguments) if "alternate-exchange" in arguments else self._exchange_policy(name)
            if found.settings.get("alternate-exchange") == "":
                found = self._exchange_policy("")
            named = found.settings.get("alternate-exchange")
            self._alternates[name] = (named if isinstance(named, str) and named else None, found)
        return self._alternates[name]

    def _exchange_policy(self, name: str) -> Effective:
        return effective(name, {}, self.policies, (), self.patterns, "exchange")

    def queue_settings(self, name: str) -> Effective:
        """The settings that result from arguments, policy and operator policy, by key without `x-`."""
        if name not in self._queue_settings:
            queue = self.queues[name]
            self._queue_settings[name] = effective(name, queue.arguments, self.policies, self.operator_policies, self.patterns, "queue", queue.type)
        return self._queue_settings[name]


def version_tuple(version: str) -> tuple[int, ...]:
    """The numbers of a version; RabbitMQ 3.10.8's for text without any.

    >>> version_tuple("4.0.5")
    (4, 0, 5)
    """
    return tuple(int(part) for part in re.findall(r"\d{1,6}", version)[:3]) or version_tuple(DEFAULT_VERSION)


def _queue_type(kind: str, arguments: Mapping[str, Any]) -> str:
    named = arguments.get("x-queue-type")
    return named if isinstance(named, str) else kind or "classic"
