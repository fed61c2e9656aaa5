"""Where the figures come from, how old they are, and what is known to be missing of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from brokers.models import Broker
from brokers.scope import Scope
from dashboard.layout import formatting
from dashboard.layout.visibility import Step
from dashboard.statistics.ranges import TimeRange
from dashboard.workers.visibility import no_events
from workers import queries


class Source(msgspec.Struct, frozen=True):
    """Of the virtual hosts that the person may view whole: when the last event came, how many events are known to be lost since each is watched (None where the
    person may view none whole), and by `limits` where none are received now. `since`: when the first period began in which a task was counted that the person
    may view."""

    received_at: datetime | None
    lost: int | None
    since: datetime | None
    now: datetime
    limits: Sequence[Step] = ()

    def text(self, of: TimeRange) -> str:
        """What the figures of a range rest on."""
        came = f"the last one came {formatting.age(self.received_at, self.now)} ago" if self.received_at else "when the last one came is not known"
        lost = "; none is known to be lost" if self.lost == 0 else f"; {self.lost:,} in all are known to be lost and not counted" if self.lost else ""
        hidden = " How many are lost is shown to whoever may view the whole virtual host." if self.lost is None else ""
        begun = f" Nothing was counted before {formatting.moment_text(self.since, self.now)}." if self.since and not self.is_whole(of) else ""
        return f"Counted from Celery’s events: {came}{lost}.{hidden}{begun}"

    def is_whole(self, of: TimeRange) -> bool:
        """True if tasks were already counted when the range began."""
        return self.since is not None and self.since <= of.since


def source_of(scope: Scope, brokers: Sequence[Broker], broker: Broker | None, vhost: str | None, now: datetime) -> Source:
    found = [source for source in queries.event_sources(scope, broker.pk if broker else None, brokers) if vhost in (None, source.vhost)]
    received = [source.received_at for source in found if source.received_at]
    lost = sum(source.lost_events for source in found) if found else None
    return Source(max(received, default=None), lost, queries.counted_since(scope, broker.pk if broker else None, vhost), now, no_events(found))
