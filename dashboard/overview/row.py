"""A broker and its nodes as rows: the figures of the overview, the cards of several brokers, the bars of a node.

Pure but for the small fragments (level, bars), which the page's own partials draw.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from django.template.loader import render_to_string

from brokers import parts
from brokers.models import Broker, Node, VirtualHost
from dashboard.findings.open_now import NOTHING_KNOWN, OpenNow
from dashboard.layout import formatting, levels
from dashboard.live.rows import LiveRow

CHARTED = ("memory_used_bytes", "disk_free_bytes", "file_descriptors_used", "sockets_used", "processes_used", "run_queue")
DISK_BAR_LIMITS = 4  # the disk's size is not reported, so the bar ends at what is free, or at so many times the limit


def broker_row(broker: Broker, now: datetime, opened: OpenNow = NOTHING_KNOWN) -> LiveRow:
    """The broker's totals over all virtual hosts that Hareline's user may access. `opened`: the findings that are open."""
    level = opened.broker_level(broker.pk, levels.broker_level(broker, now))
    stale = bool(levels.unavailable(broker, now))
    totals = broker.object_totals or {}
    return LiveRow(
        key=f"broker-{broker.pk}",
        text={
            "ready": formatting.number(broker.ready),
            "unacknowledged": formatting.number(broker.unacknowledged),
            "published": formatting.rate(broker.publish_per_second),
            "delivered": formatting.rate(broker.deliver_per_second),
            "acknowledged": formatting.rate(broker.ack_per_second),
            "unroutable": formatting.rate(broker.unroutable_per_second),
            "as_of": as_of(broker, now),
            "note": as_of(broker, now),
            "delivered_note": as_of(broker, now) or _difference(broker),
            "state": broker.state,
            "version": broker.software or "version unknown",
            **{name: formatting.number(totals.get(name)) for name in ("queues", "exchanges", "consumers", "connections", "channels")},
        },
        mark={"level": level.word, "stale": "yes" if stale else "no"},
        number={
            "ready": broker.ready,
            "unacknowledged": broker.unacknowledged,
            "publish_per_second": broker.publish_per_second,
            "deliver_per_second": broker.deliver_per_second,
            "ack_per_second": broker.ack_per_second,
            "unroutable_per_second": broker.unroutable_per_second,
            "poll_ms": broker.poll_ms,
        },
        html={"level": _level(level)},
        fixed={"broker": broker, "level": level, "stale": stale},
    )


def vhost_row(vhost: VirtualHost | None, broker: Broker, now: datetime) -> LiveRow:
    """The totals of a virtual host, None for one that is not known; unknown where Hareline's user may not look into it."""
    level = levels.broker_level(broker, now)
    stale = bool(levels.unavailable(broker, now))
    fields = ("ready", "unacknowledged", "publish_per_second", "deliver_per_second", "ack_per_second")
    number = {name: getattr(vhost, name) if vhost is not None else None for name in fields}
    note = as_of(broker, now) or ("not visible to Hareline" if vhost is None or not vhost.visible else "")
    return LiveRow(
        key=f"vhost-{vhost.pk if vhost is not None else 0}",
        text={
            "ready": formatting.number(vhost.ready if vhost is not None else None),
            "unacknowledged": formatting.number(vhost.unacknowledged if vhost is not None else None),
            "published": formatting.rate(number["publish_per_second"]),
            "delivered": formatting.rate(number["deliver_per_second"]),
            "note": note,
            "delivered_note": note or _difference(vhost),
        },
        mark={"level": level.word, "stale": "yes" if stale else "no"},
        number=number,
        html={"level": _level(level)},
        fixed={"broker": broker, "level": level, "stale": stale},
    )


def as_of(broker: Broker, now: datetime) -> str:
    """The time of old numbers ("as of 14:27:51"), "" while they are fresh."""
    if not levels.unavailable(broker, now):
        return ""
    return f"as of {formatting.moment_text(broker.polled_at, now)}" if broker.polled_at else "never reported"


def _difference(place: Broker | VirtualHost | None) -> str:
    """The difference between the delivery and the publish rate, "" where it is small."""
    published, delivered = (place.publish_per_second, place.deliver_per_second) if place is not None else (None, None)
    if published is None or delivered is None or abs(published - delivered) < max(1.0, 0.1 * published):
        return ""
    return f"{formatting.rate(abs(published - delivered))}/s {'below' if delivered < published else 'above'} published"


def node_row(node: Node, now: datetime, opened: OpenNow = NOTHING_KNOWN) -> LiveRow:
    """A node of the broker's cluster; its bars end at the alarm threshold, where RabbitMQ starts to block publishers, or mark it."""
    level = opened.level("node", node.pk, node.broker_id, levels.node_level(node, node.broker, now))
    stale = bool(levels.unavailable(node.broker, now) or levels.unread(node.broker, parts.NODES, now))
    disk_whole = max(node.disk_free_bytes or 0, DISK_BAR_LIMITS * (node.disk_free_limit_bytes or 0)) or None
    return LiveRow(
        key=f"node-{node.pk}",
        text={
            "memory": formatting.data_size(node.memory_used_bytes),
            "memory_limit": formatting.data_size(node.memory_limit_bytes),
            "disk": formatting.data_size(node.disk_free_bytes),
            "disk_limit": formatting.data_size(node.disk_free_limit_bytes),
            "descriptors": formatting.number(node.file_descriptors_used),
            "descriptors_limit": formatting.number(node.file_descriptors_total),
            "sockets": formatting.number(node.sockets_used),
            "sockets_limit": formatting.number(node.sockets_total),
            "reason": level.reason,
        },
        mark={"level": level.word, "stale": "yes" if stale else "no"},
        number={metric: getattr(node, metric) for metric in CHARTED},
        html={
            "level": _level(level, node.name),
            "memory_bar": bar(node.memory_used_bytes, node.memory_limit_bytes, node.memory_limit_bytes),
            "disk_bar": bar(node.disk_free_bytes, disk_whole, node.disk_free_limit_bytes),
            "descriptors_bar": bar(node.file_descriptors_used, node.file_descriptors_total),
            "sockets_bar": bar(node.sockets_used, node.sockets_total),
        },
        fixed={"node": node, "name": node.name, "stale": stale},
    )


def bar(part: float | None, whole: float | None, notch: float | None = None) -> str:
    """A bar of `part` in `whole` with a mark at `notch`; only its ground where something is unknown."""
    return _drawn_bar(_share(part, whole), _share(notch, whole))


def _share(value: float | None, whole: float | None) -> str | None:
    """Per cent, rounded to what can be seen."""
    return None if value is None or not whole else f"{max(0.0, min(100.0, 100 * value / whole)):.1f}%"


@lru_cache(maxsize=1000)
def _drawn_bar(full: str | None, notch: str | None) -> str:
    return render_to_string("components/_bar.html", {"full": full, "notch": notch}).strip()


@lru_cache(maxsize=200)
def _level(level: levels.Level, name: str = "") -> str:
    return render_to_string("components/_level.html", {"level": level, "text": name, "pill": False}).strip()
