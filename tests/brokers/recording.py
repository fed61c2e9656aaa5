"""Polls of three queues that are stored as a poller stores them, with all that the tests of history compare it with."""

from __future__ import annotations

import random
from datetime import datetime

import pytest

from brokers import queries
from brokers.models import Queue, Snapshot
from brokers.rolling_up import HistoryRollups
from brokers.scope import EVERYTHING
from brokers.store import SnapshotWriter
from tests.brokers.facts import NOON, a_broker, after
from tests.brokers.recorded import NAMES, NOTHING, Poll, row, truth

pytestmark = pytest.mark.django_db
EVERY = 30
OUTAGE = range(3000, 3700)
LATER = after(12 * 3600)


class Recording:
    """Three queues, polled every half minute, out of reach for some ten minutes; the second appears and the third is deleted meanwhile."""

    def __init__(self) -> None:
        self.broker = a_broker()
        rows = [Queue(broker=self.broker, vhost="/", name=name, first_seen_at=NOON, changed_at=NOON) for name in ("a", "b", "c")]
        Queue.objects.bulk_create(rows)
        self.ids = list(Queue.objects.order_by("pk").values_list("pk", flat=True))
        self.polls: list[Poll] = []
        self.dice = random.Random(7)
        self.writer = SnapshotWriter(self.broker.pk, "queues", EVERY)

    def poll(self, start: int, end: int) -> None:
        """From then to before then, in seconds after noon."""
        first, second, third = self.ids
        for seconds in range(start, end, EVERY):
            if seconds in OUTAGE:
                self.writer.write_gap(after(seconds))
                self.polls.append(Poll(milliseconds(seconds), None))
                continue
            known = {first: row(self.dice.randrange(500), self.dice.randrange(9), rate=self.dice.randrange(900) / 100)}
            known |= {second: row(seconds)} if seconds >= 1290 else {}
            known |= {third: row(5)} if seconds < 2010 else {}
            self.writer.write({second: NOTHING, third: NOTHING, **known}, after(seconds))
            self.polls.append(Poll(milliseconds(seconds), known))

    def check(self, step: int, start: int, end: int) -> None:
        """Every step of each number is what was polled."""
        for queue in self.ids:
            found = queries.history_bands(EVERYTHING, self.broker.pk, "queues", queue, NAMES, after(start + step), after(end), step)
            for place, time in enumerate(found.times):
                ends = round(time.timestamp() * 1000)
                expected = truth(self.polls, ends - step * 1000, ends, EVERY * 1000)
                for name in NAMES:
                    one = expected.get((queue, name))
                    numbers = tuple(part[name][place] for part in (found.average, found.minimum, found.maximum))
                    assert numbers == ((None,) * 3 if one is None else pytest.approx((one.average, one.minimum, one.maximum), abs=0.006)), (time, name)
                    assert found.share[name][place] == pytest.approx(one.seconds / step if one else 0, abs=0.002)

    @property
    def last(self) -> datetime:
        return datetime.fromtimestamp(self.polls[-1].at / 1000, NOON.tzinfo)


def milliseconds(seconds: int) -> int:
    return round(after(seconds).timestamp() * 1000)


def roll_up(rollups: HistoryRollups | None = None, now: datetime = LATER) -> None:
    rollups = rollups or HistoryRollups()
    while rollups.update(now):
        pass


def drop_polls() -> None:
    Snapshot.objects.all().delete()
