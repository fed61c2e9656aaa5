"""Where the figures come from, how old they are, and what is known to be missing of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from brokers.models import Broker
from brokers.scope import Scope
from dashboard.layout import formatting
from workers import queries


class Source(msgspec.Struct, frozen=True):
    """Of the virtual hosts that the person may view whole: when the last event came, and how many events are known to be lost since each is watched."""

    received_at: datetime | None
    lost: int
    now: datetime

    @property
    def text(self) -> str:
        came = f"the last one came {formatting.age(self.received_at, self.now)} ago" if self.received_at else "when the last one came is not known"
        lost = f"; {self.lost:,} in all are known to be lost and not counted" if self.lost else "; none is known to be lost"
        return f"Counted from Celery’s events: {came}{lost}."


def source_of(scope: Scope, brokers: Sequence[Broker], broker: Broker | None, vhost: str | None, now: datetime) -> Source:
    found = [source for source in queries.event_sources(scope, broker.pk if broker else None, brokers) if vhost in (None, source.vhost)]
    received = [source.received_at for source in found if source.received_at]
    return Source(max(received, default=None), sum(source.lost_events for source in found), now)
