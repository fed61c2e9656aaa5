"""An order to the worker nodes of a virtual host as it is sent for a person, and as the audit log keeps its answers. Sending itself is in `workers.control`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings

from brokers import queries as broker_queries
from brokers.models import Broker
from brokers.scope import Scope
from dashboard.layout import amqp_targets
from dashboard.models import AuditEvent
from workers import queries
from workers.control.orders import Order, Outcome, give

REPLY_SECONDS = 5.0
KEPT_REPLY = 300


def send(broker: Broker, vhost: str, order: Order, seconds: float = REPLY_SECONDS) -> Outcome:
    """Sends it once, and waits for the answers of its nodes."""
    prefix = f"hareline.{broker_queries.installation_id() or 'unknown'}.control"
    return give(amqp_targets.targets(broker, vhost), order, prefix, seconds, queries.names_of(broker.pk, vhost), settings.REDACTION)


def noted(outcome: Outcome) -> dict[str, Any]:
    """What the audit log keeps of it."""
    replies = {one.hostname: [one.ok, one.text[:KEPT_REPLY]] for one in outcome.replies.values()}
    return {"replies": replies, "unanswered": list(outcome.unanswered), "sent": outcome.sent, "within_seconds": REPLY_SECONDS}


def failure(outcome: Outcome) -> str:
    """Why the order did not have its effect everywhere, as a sentence; "" if every node agreed."""
    if outcome.problem:
        return f"{outcome.problem[:1].upper()}{outcome.problem[1:]}."
    refused = [f"{one.hostname}: {one.text}" for one in outcome.replies.values() if not one.ok]
    silent = f"{len(outcome.unanswered)} did not answer within {REPLY_SECONDS:g} s" if outcome.unanswered else ""
    return "; ".join([*refused[:5], *([f"{len(refused) - 5} more refused"] if len(refused) > 5 else []), *([silent] if silent else [])])


class NotedOrder:
    """The questions of one request about an order, which is an entry of the audit log."""

    def __init__(self, scope: Scope, event: AuditEvent, now: datetime) -> None:
        self.scope, self.event, self.now, self.detail = scope, event, now, event.detail

    @property
    def text(self) -> str:
        return str(self.detail.get("text", ""))

    @property
    def problem(self) -> str:
        """Why it was not sent, or is not known to have been; "" if the broker has it."""
        return "" if self.detail.get("sent") == "yes" else str(self.detail.get("reason", "")) or "It is not known whether the broker has it."
