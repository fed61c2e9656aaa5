"""What the rules find in what is stored, as maintenance would have it: for tests of pages."""

from __future__ import annotations

from datetime import datetime, timedelta

from brokers.models import Broker
from dashboard.findings.evaluation import Evaluation
from dashboard.findings.lifecycle import Pending
from dashboard.models import FindingRound

LONG = timedelta(hours=1)


def evaluate(now: datetime, *, hareline: bool = False) -> None:
    """The rules look at every broker, as if what they see had been so for an hour. `hareline`: at Hareline itself too, of which no process runs in a test."""
    evaluation = Evaluation()
    for broker in [*Broker.objects.all(), *([None] if hareline else [])]:
        key = broker.pk if broker else None
        evaluation.look_at(broker, now)
        evaluation._pending[key] = {one: Pending(seen.since - LONG, seen.seen_at) for one, seen in evaluation._pending[key].items()}
        evaluation.look_at(broker, now)
    if not hareline:
        FindingRound.objects.update_or_create(broker=None, defaults={"at": now, "took_ms": 0.1, "rules": 4})
