"""Findings and recipients made by hand, and stored ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from brokers.models import Broker
from dashboard.models import Finding, FindingEvent, Target
from dashboard.notifications import vault
from dashboard.notifications.choosing import Schedule, Selection
from dashboard.notifications.decisions import Recipient

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)  # a Tuesday
KEY = "a signing key of a test"


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def finding(**values: Any) -> Finding:
    usual: dict[str, Any] = {
        "pk": 17, "identity": "k17", "rule": "growing", "level": "critical", "worst_level": "critical", "broker": Broker(pk=1, name="prod"), "vhost": "/shop",
        "kind": "queue", "name": "mail", "title": "mail is growing", "short": "is growing", "opened_at": NOON, "seen_at": NOON,
        "body": {"evidence": [{"name": "Ready", "value": "12,480", "at": "2026-11-24T11:59:59Z", "source": ""}], "to_do": ["Start a worker."]},
    }  # fmt: skip
    return Finding(**(usual | values))


def recipient(pk: int = 1, **values: Any) -> Recipient:
    return Recipient(pk, **({"name": f"target {pk}", "selection": Selection(), "schedule": Schedule()} | values))


def stored_finding(name: str = "mail", opened_at: datetime = NOON, **values: Any) -> Finding:
    """One that has just been opened by a round of the rules."""
    broker, _ = Broker.objects.get_or_create(name="prod", defaults={"state": Broker.UP, "reason": ""})
    row = finding(**({"pk": None, "identity": f"k-{name}", "name": name, "title": f"{name} is growing", "broker": broker, "opened_at": opened_at} | values))
    row.save()
    FindingEvent.objects.create(finding=row, at=opened_at, kind="opened", level=row.level, text=row.title)
    return row


def close(row: Finding, when: datetime) -> None:
    Finding.objects.filter(pk=row.pk).update(closed_at=when)
    FindingEvent.objects.create(finding=row, at=when, kind="closed", level=row.level)


def target(url: str = "http://127.0.0.1:9/hook", name: str = "ops", **values: Any) -> Target:
    """A webhook, stored."""
    usual: dict[str, Any] = {
        "name": name, "kind": Target.WEBHOOK, "secret": vault.encrypted({"url": url, "key": KEY}), "shown": "http://127.0.0.1/…", "created_at": NOON,
        "changed_at": NOON, "group_seconds": 0.0,
    }  # fmt: skip
    return Target.objects.create(**(usual | values))
