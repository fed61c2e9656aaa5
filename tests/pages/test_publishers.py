"""Who publishes to an exchange is only said as of now: what was read before an outage, or long ago, is unknown."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from brokers.models import Broker, Exchange
from dashboard.exchanges.row import known_publishers

NOON = datetime.fromisoformat("2026-11-24T12:00:00+00:00")


@pytest.mark.parametrize(
    ("read", "since", "polled", "state", "known"),
    [
        (-5, -3600, 0, "up", True),
        (-15, -3600, 0, "up", True),
        (-16, -3600, 0, "up", False),  # nobody looked since
        (-10, -5, 0, "up", False),  # before the outage
        (-5, -5, 0, "up", True),
        (-5, -1, 0, "unreachable", False),
        (-120, -3600, -120, "up", False),  # not polled
        (None, -3600, 0, "up", False),
    ],
)
def test_what_is_known(read: int | None, since: int, polled: int, state: str, known: bool) -> None:
    def moment(seconds: int | None) -> datetime | None:
        return None if seconds is None else NOON + timedelta(seconds=seconds)

    broker = Broker(name="prod", state=state, since=moment(since), polled_at=moment(polled), poll_seconds=5)
    exchange = Exchange(broker=broker, name="orders", publishers=[{"host": "web"}], publishers_at=moment(read))
    assert known_publishers(exchange, NOON) == (([{"host": "web"}], moment(read)) if known else (None, None))
