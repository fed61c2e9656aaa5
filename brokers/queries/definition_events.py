"""What the event exchange of a broker named as changed, and whether its events are received."""

from __future__ import annotations

from datetime import datetime, timedelta

from brokers.models import DefinitionEvents, Exchange
from brokers.stats import NamedChanges

EVENT_EXCHANGE = "amq.rabbitmq.event"
SILENT_AFTER = timedelta(seconds=20)
"""The receiver stores every five seconds that it is connected; without it nothing is named."""


def named_changes(broker_id: int, now: datetime) -> NamedChanges | None:
    """None while no events are received: then what changed has other signs."""
    row = DefinitionEvents.objects.filter(broker_id=broker_id, problem="", heard_at__gt=now - SILENT_AFTER).first()
    return None if row is None else NamedChanges(row.counts, row.everything)


def definition_events(broker_id: int) -> DefinitionEvents | None:
    """None: the broker has no event exchange, or Hareline may not bind it."""
    return DefinitionEvents.objects.filter(broker_id=broker_id).first()


def vhost_of_event_exchange(broker_id: int) -> str | None:
    """Where the exchange of the plugin is, as last polled; None: nowhere."""
    rows = Exchange.objects.filter(broker_id=broker_id, name=EVENT_EXCHANGE, type="topic", gone_at=None)
    return rows.order_by("vhost").values_list("vhost", flat=True).first()
