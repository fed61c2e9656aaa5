"""The page of an order: what each node answered, and whether its later reports show the change."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property

import msgspec
from django.urls import reverse

from brokers import queries as broker_queries
from dashboard.control import action as control
from dashboard.layout import formatting
from dashboard.layout.node_orders import REPLY_SECONDS, NotedOrder
from workers import queries
from workers.control.effects import READ_BACK_SECONDS, UNREADABLE, effect, shown
from workers.control.plan import Node
from workers.models import Worker


class NodeLine(msgspec.Struct, frozen=True):
    """One node of an order. `waits`: its reports may still show the change."""

    hostname: str
    address: str
    level: str
    answer: str
    seen_level: str
    seen: str
    waits: bool


class OrderPage(NotedOrder):
    """What an order did to worker nodes."""

    @property
    def unreadable(self) -> str:
        return UNREADABLE.get(str(self.detail.get("command", "")), "")

    @property
    def summary(self) -> str:
        """ "3 of 4 worker nodes answered within 5 s"."""
        total = formatting.count(len(self.hostnames), "worker node")
        return f"{len(self.detail.get('replies') or {}):,} of {total} answered within {self.detail.get('within_seconds', REPLY_SECONDS):g} s"

    @property
    def hostnames(self) -> list[str]:
        return [str(name) for name in self.detail.get("hostnames") or ()]

    @cached_property
    def _workers(self) -> dict[str, Worker]:
        broker = broker_queries.broker(self.scope, self.event.broker)
        return {} if broker is None else {one.hostname: one for one in queries.workers_named(self.scope, broker, self.event.vhost, self.hostnames)}

    @cached_property
    def lines(self) -> list[NodeLine]:
        """Nodes that refused first, then those that did not answer."""
        order = {"critical": 0, "unknown": 1}
        return sorted((self._line(hostname) for hostname in self.hostnames), key=lambda line: (order.get(line.level, 2), line.hostname))

    @property
    def goes_on(self) -> bool:
        return any(line.waits for line in self.lines)

    def _line(self, hostname: str) -> NodeLine:
        reply, worker = (self.detail.get("replies") or {}).get(hostname), self._workers.get(hostname)
        address = reverse("worker", args=[worker.pk]) if worker else ""
        if reply is None:
            level, answer = "unknown", "was not sent to it" if self.detail.get("sent") == "no" else "did not answer; it may still carry the order out"
        else:
            level, answer = ("ok" if reply[0] else "critical"), str(reply[1]) or "done"
        seen_level, seen, waits = self._seen(hostname, worker, sent=self.detail.get("sent") != "no" and level != "critical")
        return NodeLine(hostname, address, level, answer, seen_level, seen, waits)

    def _seen(self, hostname: str, worker: Worker | None, sent: bool) -> tuple[str, str, bool]:
        """(level, what the node's reports show of it, whether that may still change)."""
        action = control.action_of(self.detail)
        if action is None or worker is None or not sent:
            return "", "", False
        before = (self.detail.get("before") or {}).get(hostname) or {}
        node, arguments = control.node_of(worker), self.detail.get("arguments") or {}
        was = Node(hostname, slots=before.get("slots"), pids=tuple(before.get("pids") or ()) or None)
        found, now = effect(action, arguments, was, node), shown(action, arguments, node) or "nothing known"
        if found == "unreadable":
            return "", "", False
        change = f"{before['shown']} → {now}" if before.get("shown") and before["shown"] != now else now
        if found == "seen":
            return "ok", change, False
        if self.now - self.event.at < timedelta(seconds=READ_BACK_SECONDS):
            return "unknown", f"not seen yet; {now}", True
        return "warning", f"not seen within {READ_BACK_SECONDS:g} s; {now}", False
