"""Since when events go through a broker. Pure.

A worker's heartbeats go through its broker: while that stands still, and until they have come again for a while, their absence says nothing of the worker.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from brokers.clock import AHEAD
from dashboard.layout.levels import DEFAULT_POLL_SECONDS

if TYPE_CHECKING:
    from brokers.models import Broker
    from workers.models import EventSource

LEAST_GAP = timedelta(seconds=6)
_ALWAYS = datetime.min.replace(tzinfo=UTC)


class Passage(msgspec.Struct, frozen=True):
    """Until `last` events or answers of the broker came without a gap, since `since`."""

    since: datetime
    last: datetime

    def missed(self, heartbeat_at: datetime, patience: timedelta) -> bool:
        """Whether heartbeats of a worker, the last of that moment, are missing though others passed: for half its patience, after a gap for all of it."""
        since_gap = self.since == _ALWAYS or self.last - self.since >= patience
        return since_gap and self.last - heartbeat_at >= patience / 2


class Passages:
    """Of one broker: notes from round to round what came of it."""

    def __init__(self) -> None:
        self._known: Passage | None = None

    def note(self, broker: Broker, sources: Iterable[EventSource], now: datetime) -> Passage | None:
        """None before anything came. What came before the first round has come since ever: a restart of Hareline is no gap."""
        signs = [source.received_at for source in sources if source.received_at is not None]
        if broker.polled_at is not None:
            signs.append(broker.polled_at + timedelta(milliseconds=broker.poll_ms or 0.0))
        last = max((min(at, now) for at in signs if at <= now + AHEAD), default=None)
        if last is None:
            return self._known
        gap = max(LEAST_GAP, 1.5 * timedelta(seconds=broker.poll_seconds or DEFAULT_POLL_SECONDS))
        before = self._known
        if before is None or last < before.last:  # the clock was set back
            self._known = Passage(_ALWAYS, last)
        else:
            self._known = Passage(last if last - before.last > gap else before.since, last)
        return self._known
