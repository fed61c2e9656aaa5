"""Exchanges, bindings, policies."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec

from brokers.management.parse.brokers import tags_of
from brokers.management.parse.values import Loose, count, counters, decoded, number, table, text
from brokers.stats import ExchangeStats
from brokers.topology import BindingDefinition, ExchangeDefinition, PolicyDefinition, WritePermission, whole_if_possible


class SeenExchange(msgspec.Struct):
    vhost: str
    definition: ExchangeDefinition
    stats: ExchangeStats


class SeenBinding(msgspec.Struct):
    vhost: str
    definition: BindingDefinition


class _Exchange(msgspec.Struct):
    vhost: str
    name: str
    type: str
    durable: bool = True
    auto_delete: bool = False
    internal: bool = False
    arguments: Loose = None
    policy: Loose = None
    message_stats: Loose = None


class _Binding(msgspec.Struct):
    vhost: str
    source: str
    destination: str
    destination_type: str
    routing_key: str = ""
    arguments: Loose = None
    properties_key: Loose = ""


class _Policy(msgspec.Struct, rename={"apply_to": "apply-to"}):
    vhost: str
    name: str
    pattern: str
    apply_to: str = "all"
    priority: Loose = 0
    definition: Loose = None


class _Permission(msgspec.Struct):
    vhost: str
    user: str
    write: Loose = ""
    configure: Loose = None
    read: Loose = None


class SeenUser(msgspec.Struct, frozen=True):
    """`password_mark` is another one after the password was changed, "" without a password and None if that is not listed: a digest of the broker's
    salted hash, from which neither can be worked out."""

    tags: list[str]
    password_mark: str | None = None


class _User(msgspec.Struct):
    name: str
    tags: Loose = None
    password_hash: str | None = None


class _TopicPermission(_Permission, kw_only=True):
    exchange: str


def exchanges(body: bytes) -> list[SeenExchange]:
    found = []
    for seen in decoded(body, list[_Exchange]):
        counted = counters(seen.message_stats)
        arguments = table(seen.arguments)
        definition = ExchangeDefinition(seen.name, seen.type, seen.durable, seen.auto_delete, seen.internal, arguments, text(seen.policy))
        stats = ExchangeStats(seen.vhost, seen.name, count(counted.publish_in), count(counted.publish_out))
        found.append(SeenExchange(seen.vhost, definition, stats))
    return found


def publishers(body: bytes) -> list[dict[str, Any]]:
    """Who publishes to an exchange (its `incoming`, by channel): {"connection", "host", "user", "per_second"}."""
    incoming = decoded(body, dict[str, Any]).get("incoming")
    found = []
    for seen in incoming if isinstance(incoming, list) else []:
        channel, stats = table(table(seen).get("channel_details")), table(table(seen).get("stats"))
        found.append(
            {
                "connection": text(channel.get("connection_name")),
                "host": text(channel.get("peer_host")),
                "user": text(channel.get("user")),
                "per_second": number(table(stats.get("publish_details")).get("rate")),
            }
        )
    return found


def bindings(body: bytes) -> list[SeenBinding]:
    """All bindings, the implicit ones of the default exchange included."""
    return [
        SeenBinding(
            seen.vhost,
            BindingDefinition(seen.source, seen.destination, seen.destination_type, seen.routing_key, table(seen.arguments), text(seen.properties_key)),
        )
        for seen in decoded(body, list[_Binding])
    ]


def policies(body: bytes) -> list[tuple[str, PolicyDefinition]]:
    """(virtual host, policy)."""
    return _policies(body, operator=False)


def operator_policies(body: bytes) -> list[tuple[str, PolicyDefinition]]:
    return _policies(body, operator=True)


def _policies(body: bytes, operator: bool) -> list[tuple[str, PolicyDefinition]]:
    return [
        (
            seen.vhost,
            PolicyDefinition(seen.name, seen.pattern, seen.apply_to, whole_if_possible(number(seen.priority) or 0), table(seen.definition), operator),
        )
        for seen in decoded(body, list[_Policy])
    ]


def permissions(body: bytes) -> list[WritePermission]:
    return [
        WritePermission(seen.vhost, seen.user, text(seen.write), None, _optional(seen.configure), _optional(seen.read))
        for seen in decoded(body, list[_Permission])
    ]


def topic_permissions(body: bytes) -> list[WritePermission]:
    return [
        WritePermission(seen.vhost, seen.user, text(seen.write), seen.exchange, None, _optional(seen.read)) for seen in decoded(body, list[_TopicPermission])
    ]


def _optional(value: Any) -> str | None:
    return None if value is None else text(value)


def users(body: bytes) -> dict[str, SeenUser]:
    """The broker's users by name."""
    return {seen.name: SeenUser(tags_of(seen.tags), _mark(seen.password_hash)) for seen in decoded(body, list[_User])}


def _mark(password_hash: str | None) -> str | None:
    return sha256(password_hash.encode()).hexdigest() if password_hash else password_hash
