"""Consumers that were counted before a queue's latest messages are shown with the moment of their count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from brokers.models import Broker, Queue
from dashboard.layout.queue_levels import queue_level
from dashboard.queues.row import consumers_text

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
COUNTED = NOON - timedelta(seconds=7)


@pytest.mark.parametrize(
    ("values", "counted_at", "text"),
    [
        ({"consumers": 2}, COUNTED, "2"),
        ({"consumers": 0, "nobody_consumes_since": NOON}, COUNTED, "0"),
        ({"consumers": None, "nobody_consumes_since": NOON}, COUNTED, "0 at 11:59:53"),
        ({"consumers": None, "nobody_consumes_since": NOON}, None, "–"),
        ({"consumers": None}, COUNTED, "–"),
    ],
)
def test_how_many_consumers_a_queue_has(values: dict[str, Any], counted_at: datetime | None, text: str) -> None:
    assert consumers_text(Queue(**values), Broker(consumers_at=counted_at), NOON) == text


def test_a_queue_that_had_none_then_is_not_of_unknown_health() -> None:
    broker = Broker(name="prod", state=Broker.UP, polled_at=NOON, tried_at=NOON, poll_seconds=5)
    waits = Queue(name="mail", depth=3, ready=3, unacknowledged=0, consumers=None, ack_per_second=0.0)
    assert queue_level(waits, broker, NOON).word == "unknown"
    waits.nobody_consumes_since = NOON
    level = queue_level(waits, broker, NOON)
    assert (level.word, level.reason) == ("ok", "holds 3 messages, and had no consumer when these were counted last")
