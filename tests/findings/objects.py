"""Brokers, queues and workers as rules see them, made by hand and not stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from brokers.models import Broker, Node, Queue
from dashboard.findings.facts import Facts
from dashboard.findings.rule import Found, Report, Rule, Unsure
from dashboard.findings.rules import ALL
from dashboard.findings.thresholds import Thresholds
from workers.models import EventSource, Worker

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def broker(**values: Any) -> Broker:
    """One that responds."""
    usual = {
        "pk": 1,
        "name": "prod",
        "state": Broker.UP,
        "reason": "",
        "since": NOON - timedelta(days=1),
        "polled_at": NOON,
        "tried_at": NOON,
        "poll_seconds": 5.0,
    }
    return Broker(**(usual | values))


def queue(name: str = "mail", **values: Any) -> Queue:
    """One that is consumed and moves."""
    usual = {
        "pk": 7, "broker": broker(), "vhost": "/", "name": name, "type": "classic", "state": "running", "ready": 10, "unacknowledged": 2, "depth": 12,
        "consumers": 1, "active_consumers": 1, "publish_per_second": 5.0, "deliver_per_second": 5.0, "ack_per_second": 5.0, "growth_per_second": 0.0,
        "first_seen_at": NOON, "changed_at": NOON,
    }  # fmt: skip
    return Queue(**(usual | values))


def node(name: str = "rabbit@one", **values: Any) -> Node:
    return Node(**({"pk": 3, "broker": broker(), "name": name, "running": True, "at": NOON, "memory_alarm": False, "disk_alarm": False} | values))


def worker(hostname: str = "a@web-1", **values: Any) -> Worker:
    """One that is online, with a heartbeat just now."""
    usual = {
        "pk": 5, "broker": broker(), "vhost": "/", "hostname": hostname, "state": Worker.ONLINE, "heartbeat_at": NOON, "heartbeat_seconds": 2.0,
        "pool": "prefork", "concurrency": 4, "active": 0, "reserved": 0, "queues": [{"name": "mail"}], "first_seen_at": NOON, "changed_at": NOON,
    }  # fmt: skip
    return Worker(**(usual | values))


def source(**values: Any) -> EventSource:
    return EventSource(**({"pk": 2, "broker": broker(), "vhost": "/", "state": EventSource.RECEIVING, "beat_at": NOON, "received_at": NOON} | values))


def facts(**values: Any) -> Facts:
    return Facts(**({"now": NOON, "broker": broker()} | values))


def look(rule: Rule, seen: Facts, *settings: Any) -> list[Report]:
    """What the rule reports of these facts."""
    return list(rule.look(seen, Thresholds(ALL.values(), settings, seen.broker.name if seen.broker else "")))


def found(rule: Rule, seen: Facts, *settings: Any) -> list[Found]:
    return [one for one in look(rule, seen, *settings) if isinstance(one, Found)]


def unsure(rule: Rule, seen: Facts, *settings: Any) -> list[Unsure]:
    return [one for one in look(rule, seen, *settings) if isinstance(one, Unsure)]
