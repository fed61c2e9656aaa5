"""What is written quickly is what would be written slowly: receipts taken over, moments as text, and tasks of many kinds stored together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workers.test_tasks_stored import NOON, Receiver, brokers, event, receiver, sent  # noqa: F401  (fixtures)
from workers.models import Task
from workers.receiving.events import Event
from workers.receiving.task_fields import take, take_receipt
from workers.receiving.task_order import RECEIVED
from workers.receiving.task_state import TaskRecord
from workers.store.task_columns import moment_text

_text = st.sampled_from([None, "", "x", "x" * 255, "x" * 256, "x" * 4000, "x" * 4001])


@given(st.fixed_dictionaries(dict.fromkeys(("name", "args", "kwargs", "root_id", "parent_id"), _text)), st.sampled_from([None, "2026-11-23T12:00:00"]))
def test_a_receipt_is_taken_over_like_any_event(texts: dict[str, Any], eta: str | None) -> None:
    found = [TaskRecord("t1", 0.0), TaskRecord("t1", 0.0)]
    receipt = Event("task-received", "w@h", uuid="t1", eta=eta, **texts)
    assert take_receipt(found[0], receipt) == take(found[1], receipt, RECEIVED)
    assert found[0] == found[1]


@given(st.integers(0, 4_000_000_000_000_000))
def test_a_moment_is_written_to_the_microsecond(microseconds: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    assert moment_text(microseconds / 1_000_000) == f"{moment:%Y-%m-%d %H:%M:%S.%f}"


def _rows() -> dict[str, dict[str, Any]]:
    columns = [field.attname for field in Task._meta.fields if field.attname not in ("id", "uuid")]
    return {row.pop("uuid"): row for row in Task.objects.values("uuid", *columns)}


@pytest.mark.django_db(transaction=True)
def test_tasks_with_different_fields_are_stored_together_as_alone(receiver: Receiver) -> None:  # noqa: F811
    lives = {
        "sent": [[sent("sent", eta="2026-11-23T12:01:00")], []],
        "received": [[event("received", "received", name="shop.pay", args="(1,)", kwargs="")], [event("started", "received", 1)]],
        "failed": [[event("received", "failed", name="shop.mail")], [event("failed", "failed", 2, exception="E()", traceback="T", retries=2)]],
        "nameless": [[event("started", "nameless")], [event("succeeded", "nameless", 3, result="1", runtime=0.5)]],
        "child": [[event("received", "child", name="shop.pay", parent_id="sent", root_id="sent")], [event("revoked", "child", 1, terminated=True)]],
    }
    for rounds in lives.values():
        for events in rounds:
            receiver.round(*events)
    alone = _rows()
    Task.objects.all().delete()
    again = Receiver(receiver.broker)
    for number in range(2):
        again.round(*(one for rounds in lives.values() for one in rounds[number]))
    assert _rows() == alone
    assert alone["failed"]["exception"] == "E()"
    assert alone["received"]["kwargs"] is None
    assert alone["received"]["first_seen_at"] == NOON
