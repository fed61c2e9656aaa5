"""Consumers, connections, channels. A client that is connecting or disconnecting is listed without details and is left out.

AMQP 1.0 consumers have no channel (4.3: `channel_details` stays {}), a direct client of the node (shovel, federation) has no address ("undefined").
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import msgspec

from brokers.management.parse.values import Loose, count, decoded, flag, integer, moment, number, table, text
from brokers.rates import known_total
from brokers.stats import ChannelStats, ConnectionStats, ConsumerStats, PublishedTo


class _Consumer(msgspec.Struct):
    consumer_tag: Loose = None
    queue: Loose = None
    channel_details: Loose = None
    ack_required: Loose = None
    exclusive: Loose = None
    active: Loose = None
    activity_status: Loose = None
    prefetch_count: Loose = None
    arguments: Loose = None


class _Connection(msgspec.Struct):
    name: Loose = None
    vhost: Loose = None
    user: Loose = None
    peer_host: Loose = None
    peer_port: Loose = None
    node: Loose = None
    state: Loose = None
    channels: Loose = None
    connected_at: Loose = None
    ssl: Loose = None
    client_properties: Loose = None
    protocol: Loose = None
    recv_oct_details: Loose = None
    send_oct_details: Loose = None


class _Channel(msgspec.Struct):
    name: Loose = None
    vhost: Loose = None
    number: Loose = None
    connection_details: Loose = None
    consumer_count: Loose = None
    prefetch_count: Loose = None
    global_prefetch_count: Loose = None
    messages_unacknowledged: Loose = None
    confirm: Loose = None
    state: Loose = None
    messages_unconfirmed: Loose = None
    message_stats: Loose = None


def consumers(body: bytes) -> list[ConsumerStats]:
    found = []
    for seen in decoded(body, list[_Consumer]):
        queue, channel = table(seen.queue), table(seen.channel_details)
        if not (queue.get("name") and queue.get("vhost")):
            continue
        found.append(
            ConsumerStats(
                vhost=text(queue["vhost"]),
                queue=text(queue["name"]),
                tag=text(seen.consumer_tag),
                connection_name=text(channel.get("connection_name")),
                channel_name=text(channel.get("name")),
                peer_host=_host(channel.get("peer_host")),
                peer_port=integer(channel.get("peer_port")),
                user=text(channel.get("user")),
                ack_required=flag(seen.ack_required),
                exclusive=flag(seen.exclusive),
                active=flag(seen.active),
                activity_status=text(seen.activity_status),
                prefetch=count(seen.prefetch_count),
                arguments=table(seen.arguments),
            )
        )
    return found


def connections(body: bytes) -> list[ConnectionStats]:
    found = []
    for seen in decoded(body, list[_Connection]):
        if not (text(seen.name) and text(seen.vhost)):
            continue
        properties = table(seen.client_properties)
        version = text(properties.get("product_version")) or text(properties.get("version"))
        found.append(
            ConnectionStats(
                vhost=text(seen.vhost),
                name=text(seen.name),
                user=text(seen.user),
                peer_host=_host(seen.peer_host),
                provided_name=text(properties.get("connection_name")),
                peer_port=integer(seen.peer_port),
                node=text(seen.node),
                state=text(seen.state),
                product=f"{text(properties.get('product'))} {version}".strip(),
                channels=count(seen.channels),
                connected_at=moment(seen.connected_at, per_second=1000),
                tls=flag(seen.ssl),
                protocol=text(seen.protocol),
                received_bytes_per_second=_rate(table(seen.recv_oct_details)),
                sent_bytes_per_second=_rate(table(seen.send_oct_details)),
            )
        )
    return found


def channels(body: bytes) -> list[ChannelStats]:
    found = []
    for seen in decoded(body, list[_Channel]):
        connection, number = text(table(seen.connection_details).get("name")), integer(seen.number)
        if not (text(seen.name) and text(seen.vhost) and connection) or number is None:
            continue
        found.append(
            ChannelStats(
                vhost=text(seen.vhost),
                name=text(seen.name),
                connection_name=connection,
                number=number,
                consumers=count(seen.consumer_count),
                prefetch=count(seen.prefetch_count),
                global_prefetch=count(seen.global_prefetch_count),
                unacknowledged=count(seen.messages_unacknowledged),
                confirms=flag(seen.confirm),
                state=text(seen.state),
                unconfirmed=count(seen.messages_unconfirmed),
                **_rates(seen),
            )
        )
    return found


def names(body: bytes) -> list[str]:
    """The names of a list of objects, without those that have none."""
    return [name for seen in decoded(body, list[dict[str, Any]]) if (name := text(seen.get("name")))]


def published_to(body: bytes) -> list[PublishedTo]:
    """The exchanges that one channel publishes to, from its own address; [] where the broker does not count them (rates mode "basic")."""
    found: dict[str, list[float | None]] = defaultdict(list)
    listed = decoded(body, dict[str, Any]).get("publishes")
    for seen in listed if isinstance(listed, list) else ():
        stats = table(table(seen).get("stats"))
        found[text(table(table(seen).get("exchange")).get("name"))].append(_rate(table(stats.get("publish_details"))))
    return [PublishedTo(name, known_total(rates)) for name, rates in found.items()]


def _rates(seen: _Channel) -> dict[str, float | None]:
    """The rates of a channel. RabbitMQ leaves a counter out until it first rises, so a channel with other figures publishes nothing."""
    stats = table(seen.message_stats)
    counted = {"publish_per_second": "publish", "deliver_per_second": "deliver_get", "ack_per_second": "ack"}
    idle = 0.0 if integer(seen.consumer_count) is not None else None
    return {field: _rate(table(stats.get(f"{name}_details"))) if name in stats or f"{name}_details" in stats else idle for field, name in counted.items()}


def _rate(details: dict[str, Any]) -> float | None:
    rate = number(details.get("rate"))
    return None if rate is None or rate < 0 else rate


def _host(value: Loose) -> str:
    return "" if value == "undefined" else text(value)
