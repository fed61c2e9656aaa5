"""Overview, nodes, virtual hosts, Hareline's user, refusals."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from brokers.amqp_address import KEPT_PROTOCOLS
from brokers.errors import BrokerAnswerUnusable
from brokers.management.parse.values import Loose, count, counters, decoded, flag, integer, table, text
from brokers.rates import complete_total
from brokers.routing.queue_types import UNDEFINED, type_named
from brokers.stats import Listener, NodeStats, Overview, VhostStats

LAVINMQ = "LavinMQ-"
LONGEST_TYPE = 255
CHURN = ("connection_created", "connection_closed", "channel_created", "channel_closed", "queue_created", "queue_deleted")


class _Overview(msgspec.Struct):
    rabbitmq_version: str = ""
    management_version: str = ""
    lavinmq_version: str = ""
    erlang_version: str = ""
    cluster_name: str = ""
    node: str = ""
    rates_mode: str = ""
    disable_stats: bool = False
    object_totals: Loose = None
    queue_totals: Loose = None
    message_stats: Loose = None
    listeners: Loose = None
    churn_rates: Loose = None


class _Node(msgspec.Struct):
    name: str
    running: bool = False
    mem_used: Loose = None
    mem_limit: Loose = None
    mem_alarm: Loose = None
    disk_free: Loose = None
    disk_free_limit: Loose = None
    disk_free_alarm: Loose = None
    fd_used: Loose = None
    fd_total: Loose = None
    sockets_used: Loose = None
    sockets_total: Loose = None
    proc_used: Loose = None
    proc_total: Loose = None
    run_queue: Loose = None
    uptime: Loose = None
    partitions: Loose = None
    mnesia_ram_tx_count: Loose = None
    mnesia_disk_tx_count: Loose = None


def overview(body: bytes) -> Overview:
    """`rates_mode` is "off" where the broker keeps no statistics at all. Raises BrokerAnswerUnusable also for JSON of
    something else. LavinMQ answers alike, with a version of its own."""
    seen = decoded(body, _Overview)
    version = seen.rabbitmq_version or seen.management_version or (f"{LAVINMQ}{seen.lavinmq_version}" if seen.lavinmq_version else "")
    if not version:
        raise BrokerAnswerUnusable("the answer names no RabbitMQ version, so this is not the management API")
    totals, counted = table(seen.queue_totals), counters(seen.message_stats)
    listeners = _listeners(seen.listeners)
    unroutable = [found for value in (counted.drop_unroutable, counted.return_unroutable) if (found := count(value)) is not None]
    return Overview(
        version=version,
        erlang_version=seen.erlang_version,
        cluster_name=seen.cluster_name,
        is_rabbitmq=not version.startswith(LAVINMQ),
        node=seen.node,
        rates_mode="off" if seen.disable_stats else seen.rates_mode,
        object_totals={name: found for name, value in table(seen.object_totals).items() if (found := count(value)) is not None},
        ready=count(totals.get("messages_ready")),
        unacknowledged=count(totals.get("messages_unacknowledged")),
        published=count(counted.publish),
        delivered=count(counted.deliver_get),
        acknowledged=count(counted.ack),
        unroutable=sum(unroutable) if unroutable else None,
        listeners=tuple(listener for listener in listeners if listener.protocol in KEPT_PROTOCOLS),
        metrics_port=next((listener.port for listener in listeners if listener.protocol == "http/prometheus"), None),
        churn={name: found for name in CHURN if (found := count(table(seen.churn_rates).get(name))) is not None},
    )


def _listeners(reported: Loose) -> list[Listener]:
    """Each port once: a node listens at several addresses."""
    found: dict[Listener, None] = {}
    for listener in reported if isinstance(reported, list) else []:
        port = integer(table(listener).get("port"))
        if port is not None and 0 < port < 2**16:
            found[Listener(text(table(listener).get("node")), text(table(listener).get("protocol")), port)] = None
    return list(found)


def nodes(body: bytes) -> list[NodeStats]:
    """A node that is down has only its name."""
    return [
        NodeStats(
            name=seen.name,
            running=seen.running,
            memory_used_bytes=count(seen.mem_used),
            memory_limit_bytes=count(seen.mem_limit),
            memory_alarm=flag(seen.mem_alarm),
            disk_free_bytes=count(seen.disk_free),
            disk_free_limit_bytes=count(seen.disk_free_limit),
            disk_alarm=flag(seen.disk_free_alarm),
            file_descriptors_used=count(seen.fd_used),
            file_descriptors_total=count(seen.fd_total),
            sockets_used=count(seen.sockets_used),
            sockets_total=count(seen.sockets_total),
            processes_used=count(seen.proc_used),
            processes_total=count(seen.proc_total),
            run_queue=count(seen.run_queue),
            uptime_ms=count(seen.uptime),
            partitions=[text(name) for name in seen.partitions] if isinstance(seen.partitions, list) else [],
            transactions=complete_total((count(seen.mnesia_ram_tx_count), count(seen.mnesia_disk_tx_count))),
        )
        for seen in decoded(body, list[_Node])
    ]


def vhosts(body: bytes) -> list[VhostStats]:
    found = []
    for seen in decoded(body, list[dict[str, Any]]):
        if "name" in seen:
            counted = counters(seen.get("message_stats"))
            counts = (count(counted.publish), count(counted.deliver_get), count(counted.ack))
            found.append(VhostStats(text(seen["name"]), flag(seen.get("tracing")), *counts, _default_queue_type(seen)))
    return found


def _default_queue_type(vhost: dict[str, Any]) -> str:
    """The type by its short name, from the virtual host's entry or its metadata; "undefined" where the broker reports that there is none."""
    named = [text(holder.get("default_queue_type"))[:LONGEST_TYPE] for holder in (vhost, table(vhost.get("metadata")))]
    return next(filter(None, map(type_named, named)), UNDEFINED if UNDEFINED in named else "")


def cluster_id(body: bytes) -> str:
    """The internal id of the cluster in its global parameters; "" if they have none."""
    parameters = decoded(body, list[dict[str, Any]])
    return next((text(seen.get("value")) for seen in parameters if seen.get("name") == "internal_cluster_id"), "")


def cluster_id_in_metrics(body: bytes) -> str:
    """The same in the text of `/metrics`."""
    found = re.search(rb'^rabbitmq_identity_info\{.*?rabbitmq_cluster_permanent_id="([^"]+)"', body, re.MULTILINE)
    return found[1].decode(errors="replace") if found else ""


def user_tags(body: bytes) -> list[str]:
    """The tags, a list since 3.9, text with commas before."""
    return tags_of(decoded(body, dict[str, Any]).get("tags"))


def tags_of(tags: Any) -> list[str]:
    return [text(tag) for tag in tags] if isinstance(tags, list) else text(tags).replace(",", " ").split()


def reason(body: bytes) -> str:
    """The reason in the response, in brackets; "" if it contains none."""
    try:
        details = table(msgspec.json.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    words = text(details.get("reason")) or text(details.get("error"))
    return f"({words[:200]})" if words else ""
