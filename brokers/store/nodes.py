"""The current rows of nodes and virtual hosts after a poll."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from brokers.diff import ChangeText
from brokers.models import Binding, Broker, Exchange, Node, Policy, VirtualHost
from brokers.parts import EXCHANGES, VHOSTS
from brokers.routing.queue_types import UNDEFINED
from brokers.snapshots import METRICS
from brokers.stats import BrokerStats, NodeStats
from brokers.store.memory import BrokerMemory

_RECORDED = tuple(metric.name for metric in METRICS["nodes"])


def save_nodes(broker: Broker, poll: BrokerStats, memory: BrokerMemory) -> list[ChangeText]:
    """The changes of nodes after storing them and their snapshot (none at the first poll). A poll without nodes had no permission to list them: rows are
    kept and age, and history has a gap."""
    writer = memory.writer(broker.pk, "nodes")
    if not poll.nodes:
        writer.write_gap(poll.at)
        return []
    rows = {node.name: node for node in Node.objects.filter(broker=broker, gone_at=None)}
    found: list[ChangeText] = []
    recorded: dict[int, list[float | None]] = {}
    for stats in poll.nodes:
        row = rows.pop(stats.name, None)
        if row is None:
            row = Node.objects.create(broker=broker, at=poll.at, **_stored(stats))
            found.append(ChangeText("node", "added", "", stats.name, f"Node {stats.name} joined", after=_shown(stats)))
            recorded[row.pk] = [getattr(stats, name) for name in _RECORDED]
            continue
        found += [*_node_changes(row, stats), *_alarm_changes(row, stats)]
        for name, value in _stored(stats).items():
            setattr(row, name, value)
        row.at = poll.at
        row.save()
        recorded[row.pk] = [getattr(stats, name) for name in _RECORDED]
    for row in rows.values():
        Node.objects.filter(pk=row.pk).update(gone_at=poll.at)
        found.append(ChangeText("node", "gone", "", row.name, f"Node {row.name} left the cluster", before=_shown(row)))
        recorded[row.pk] = [None] * len(_RECORDED)
    writer.write(recorded, poll.at)
    return [] if broker.polled_at is None else found


def _stored(stats: NodeStats) -> dict[str, Any]:
    return {name: value for name, value in msgspec.structs.asdict(stats).items() if name != "transactions"}


def _shown(node: Node | NodeStats) -> dict[str, Any]:
    return {"running": node.running} | ({} if node.uptime_ms is None else {"uptime_seconds": node.uptime_ms // 1000})


def _node_changes(was: Node, now: NodeStats) -> list[ChangeText]:
    if was.running != now.running:
        what, text = "changed", f"Node {now.name} is running again" if now.running else f"Node {now.name} is down"
    elif now.running and None not in (was.uptime_ms, now.uptime_ms) and (now.uptime_ms or 0) < (was.uptime_ms or 0):
        what, text = "restarted", f"Node {now.name} restarted"
    else:
        return []
    return [ChangeText("node", what, "", now.name, text, _shown(was), _shown(now))]


def _alarm_changes(was: Node, now: NodeStats) -> list[ChangeText]:
    found = []
    for resource in ("memory", "disk"):
        before, after = getattr(was, f"{resource}_alarm"), getattr(now, f"{resource}_alarm")
        if after and not before:
            what, text = "raised", f"{resource.capitalize()} alarm on {now.name}: publishers are blocked"
        elif before and after is False:
            what, text = "cleared", f"{resource.capitalize()} alarm on {now.name} cleared"
        else:
            continue
        found.append(ChangeText("alarm", what, "", now.name, text, _watermark(was, resource), _watermark(now, resource)))
    return found


def _watermark(node: Node | NodeStats, resource: str) -> dict[str, Any]:
    figures = ("memory_used_bytes", "memory_limit_bytes") if resource == "memory" else ("disk_free_bytes", "disk_free_limit_bytes")
    return {f"{resource}_alarm": getattr(node, f"{resource}_alarm")} | {name: getattr(node, name) for name in figures}


def save_virtual_hosts(broker: Broker, poll: BrokerStats) -> list[ChangeText]:
    """The changes of virtual hosts after storing them (none at the first poll). Objects of a deleted one are marked as deleted too.

    While their list cannot be read none is marked as deleted, and while exchanges cannot be read visibility is unchanged.
    """
    seen_whole = VHOSTS not in poll.failed
    rows = {row.name: row for row in VirtualHost.objects.filter(broker=broker, gone_at=None)}
    changes = []
    for name, tracing in poll.vhosts.items():
        row, visible = rows.pop(name, None), name in poll.visible_vhosts
        if row is None:
            default = _default_queue_type(poll, name)
            VirtualHost.objects.create(broker=broker, name=name, tracing=tracing, default_queue_type=default, visible=visible, first_seen_at=poll.at)
            changes.append(ChangeText("vhost", "added", name, name, f"Virtual host {name} added", after=_settings(tracing, default)))
        else:
            now = {
                "tracing": tracing if seen_whole else row.tracing,
                "default_queue_type": _default_queue_type(poll, name) if seen_whole else row.default_queue_type,
                "visible": visible if EXCHANGES not in poll.failed else row.visible,
            }
            if any(getattr(row, field) != value for field, value in now.items()):
                VirtualHost.objects.filter(pk=row.pk).update(**now)
                changes += _setting_changes(row, now)
    for row in rows.values() if seen_whole else ():
        VirtualHost.objects.filter(pk=row.pk).update(gone_at=poll.at)
        Exchange.objects.filter(broker=broker, vhost=row.name, gone_at=None).update(gone_at=poll.at, changed_at=poll.at)
        Binding.objects.filter(broker=broker, vhost=row.name, gone_at=None).update(gone_at=poll.at)
        Policy.objects.filter(broker=broker, vhost=row.name).delete()
        changes.append(ChangeText("vhost", "gone", row.name, row.name, f"Virtual host {row.name} deleted", _settings(row.tracing, row.default_queue_type)))
    return [] if broker.polled_at is None else changes


def _settings(tracing: bool | None, default_queue_type: str) -> dict[str, Any]:
    return {"tracing": tracing} | ({"default_queue_type": default_queue_type} if default_queue_type not in ("", UNDEFINED) else {})


def _setting_changes(was: VirtualHost, now: Mapping[str, Any]) -> list[ChangeText]:
    """Of a virtual host whose settings are others; what was not reported before is no change."""
    parts, default = [], now["default_queue_type"]
    if None not in (was.tracing, now["tracing"]) and was.tracing != now["tracing"]:
        parts.append(f"tracing is {'on' if now['tracing'] else 'off'}")
    if was.default_queue_type and default and was.default_queue_type != default:
        parts.append(f"the default queue type is {default}, before {was.default_queue_type}")
    if not parts:
        return []
    before, after = _settings(was.tracing, was.default_queue_type), _settings(now["tracing"], default)
    return [ChangeText("vhost", "changed", was.name, was.name, f"Virtual host {was.name}: {' and '.join(parts)}", before, after)]


def _default_queue_type(poll: BrokerStats, vhost: str) -> str:
    stats = poll.vhost_counters.get(vhost)
    return stats.default_queue_type if stats is not None else ""
