"""Consumers, connections, channels. A client that is connecting or disconnecting is listed without details and is left out."""

from __future__ import annotations

import msgspec

from brokers.management.parse.values import Loose, decoded, flag, integer, moment, table, text
from brokers.stats import ChannelStats, ConnectionStats, ConsumerStats


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
                peer_host=text(channel.get("peer_host")),
                peer_port=integer(channel.get("peer_port")),
                user=text(channel.get("user")),
                ack_required=flag(seen.ack_required),
                exclusive=flag(seen.exclusive),
                active=flag(seen.active),
                activity_status=text(seen.activity_status),
                prefetch=integer(seen.prefetch_count),
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
                peer_host=text(seen.peer_host),
                provided_name=text(properties.get("connection_name")),
                peer_port=integer(seen.peer_port),
                node=text(seen.node),
                state=text(seen.state),
                product=f"{text(properties.get('product'))} {version}".strip(),
                channels=integer(seen.channels),
                connected_at=moment(seen.connected_at, per_second=1000),
                tls=flag(seen.ssl),
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
                consumers=integer(seen.consumer_count),
                prefetch=integer(seen.prefetch_count),
                global_prefetch=integer(seen.global_prefetch_count),
                unacknowledged=integer(seen.messages_unacknowledged),
                confirms=flag(seen.confirm),
                state=text(seen.state),
            )
        )
    return found
