"""The current rows of nodes and virtual hosts after a poll."""

from __future__ import annotations

from typing import Any

import msgspec

from brokers.diff import ChangeText
from brokers.models import Binding, Broker, Exchange, Node, VirtualHost
from brokers.parts import EXCHANGES, VHOSTS
from brokers.stats import BrokerStats, NodeStats


def save_nodes(broker: Broker, poll: BrokerStats) -> list[ChangeText]:
    """The changes of nodes after storing them (none at the first poll). A poll without nodes had no permission to list them: rows are kept and age."""
    if not poll.nodes:
        return []
    rows = {node.name: node for node in Node.objects.filter(broker=broker, gone_at=None)}
    sentences: list[tuple[str, str, str]] = []
    for stats in poll.nodes:
        row = rows.pop(stats.name, None)
        if row is None:
            Node.objects.create(broker=broker, at=poll.at, **_stored(stats))
            sentences.append((stats.name, "added", f"Node {stats.name} joined"))
            continue
        sentences += [(stats.name, "changed", text) for text in _node_sentences(row, stats)]
        for name, value in _stored(stats).items():
            setattr(row, name, value)
        row.at = poll.at
        row.save()
    for row in rows.values():
        Node.objects.filter(pk=row.pk).update(gone_at=poll.at)
        sentences.append((row.name, "gone", f"Node {row.name} left the cluster"))
    return [] if broker.polled_at is None else [ChangeText("node", what, "", name, text) for name, what, text in sentences]


def _stored(stats: NodeStats) -> dict[str, Any]:
    return {name: value for name, value in msgspec.structs.asdict(stats).items() if name != "transactions"}


def _node_sentences(was: Node, now: NodeStats) -> list[str]:
    sentences = []
    if was.running != now.running:
        sentences.append(f"Node {now.name} is running again" if now.running else f"Node {now.name} is down")
    for resource in ("memory", "disk"):
        before, after = getattr(was, f"{resource}_alarm"), getattr(now, f"{resource}_alarm")
        if after and not before:
            sentences.append(f"{resource.capitalize()} alarm on {now.name}: publishers are blocked")
        elif before and after is False:
            sentences.append(f"{resource.capitalize()} alarm on {now.name} cleared")
    return sentences


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
            changes.append(ChangeText("vhost", "added", name, name, f"Virtual host {name} added"))
        else:
            now = {
                "tracing": tracing if seen_whole else row.tracing,
                "default_queue_type": _default_queue_type(poll, name) if seen_whole else row.default_queue_type,
                "visible": visible if EXCHANGES not in poll.failed else row.visible,
            }
            if any(getattr(row, field) != value for field, value in now.items()):
                VirtualHost.objects.filter(pk=row.pk).update(**now)
    for row in rows.values() if seen_whole else ():
        VirtualHost.objects.filter(pk=row.pk).update(gone_at=poll.at)
        Exchange.objects.filter(broker=broker, vhost=row.name, gone_at=None).update(gone_at=poll.at, changed_at=poll.at)
        Binding.objects.filter(broker=broker, vhost=row.name, gone_at=None).update(gone_at=poll.at)
        changes.append(ChangeText("vhost", "gone", row.name, row.name, f"Virtual host {row.name} deleted"))
    return [] if broker.polled_at is None else changes


def _default_queue_type(poll: BrokerStats, vhost: str) -> str:
    stats = poll.vhost_counters.get(vhost)
    return stats.default_queue_type if stats is not None else ""
