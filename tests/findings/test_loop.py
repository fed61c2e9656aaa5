"""The thread in which the rules look: one broker's failure is no other's, and what failed is done again with the next look."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError

from dashboard.findings import loop
from dashboard.findings.loop import FindingsLoop
from tests.findings import objects


@pytest.mark.parametrize("error", [OperationalError("database is locked"), ValueError("a bug")])
def test_what_fails_is_done_again_with_the_next_look_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    brokers = [objects.broker(), objects.broker(pk=2, name="test")]
    monkeypatch.setattr(loop.queries, "brokers", lambda _: brokers)
    monkeypatch.setattr(loop.worker_queries, "event_sources", lambda _: [])
    monkeypatch.setattr(loop, "connection", SimpleNamespace(close=lambda: None))
    monkeypatch.setattr(loop.store, "close_of_other_brokers", lambda _: 0)
    looked: list[Any] = []
    failing = {"prod"}

    def look_at(broker: Any, _: Any) -> None:
        if broker is not None and broker.name in failing:
            raise error
        looked.append(broker.name if broker else None)

    one = FindingsLoop(lambda: True)
    monkeypatch.setattr(one._evaluation, "look_at", look_at)
    monkeypatch.setattr(loop.time, "monotonic", lambda: 1000.0)
    one.round()
    assert looked == ["test", None]
    failing.clear()
    one.round()
    assert looked == ["test", None, "prod"]
    one.round()
    assert len(looked) == 3
