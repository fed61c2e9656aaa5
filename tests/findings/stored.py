"""Findings and rounds as they are stored, for tests of pages."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from brokers.models import Broker
from dashboard.findings.rule import Cause, Evidence, Found, Link, Object, body_of, identity
from dashboard.models import Finding, FindingEvent, FindingRound


def looked(*brokers: Broker | None, at: datetime, **values: Any) -> None:
    """The rules looked at these brokers, and at Hareline itself."""
    for broker in (*brokers, None):
        FindingRound.objects.update_or_create(broker=broker, defaults={"at": at, "took_ms": 6.0, "rules": 20} | values)


def finding(broker: Broker | None, now: datetime, name: str = "mail", level: str = "critical", **values: Any) -> Finding:
    """An open one about a queue, found five minutes ago."""
    rule, vhost = values.pop("rule", "no_consumer"), values.pop("vhost", "/")
    found = Found(
        rule,
        Object("queue", name, vhost),
        level,  # type: ignore[arg-type]
        "is growing and nobody consumes it",
        summary="12,480 messages wait.",
        meaning="Nothing processes these messages.",
        evidence=[Evidence("Ready", "12,480", now), Evidence("Growth", "+1,440/min", now, "over 5 min")],
        causes=[Cause("Both nodes lost their consumers on reconnecting", "2 connections closed at 03:10:02"), Cause("Somebody cancelled them")],
        to_do=["Start a worker for mail."],
        command="celery -A proj worker -Q mail",
        links=[Link("Open mail", "queue", values.get("object_id")), Link("Its tasks", "tasks", query="queue:mail")],
        clears="when a client consumes it",
    )
    usual: dict[str, Any] = {
        "identity": identity(rule, broker.name if broker else "", found.object),
        "worst_level": level,
        "kind": "queue",
        "title": found.whole_title,
        "short": found.short,
        "opened_at": now - timedelta(minutes=5),
        "since": now - timedelta(minutes=6),
        "seen_at": now,
        "body": body_of(found),
    }
    one = Finding.objects.create(rule=rule, level=level, broker=broker, vhost=vhost, name=name, **(usual | values))
    FindingEvent.objects.create(finding=one, at=one.opened_at, kind="opened", level=level, text=one.title)
    return one
