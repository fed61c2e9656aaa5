"""A task that was stored and loaded takes any further event as one that never left memory: through the real database and the real load."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from brokers import store as broker_store
from brokers.addresses import BrokerAddress
from workers import queries
from workers.models import Task
from workers.receiving.events import Event
from workers.receiving.task_buffer import TaskBuffer
from workers.receiving.task_order import EVENTS
from workers.store.tasks import save_tasks

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)

_text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5) | st.just("x" * 5000)
_moment = st.sampled_from([
    "2026-11-23T13:00:00+01:00", "2026-11-23T12:00:00.123457", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-12:00", "20261123T12", "soon", "",
])  # fmt: skip
_seconds = st.floats(-1e5, 1e5).map(lambda seconds: NOON.timestamp() + seconds) | st.sampled_from([None, 0.0, -5.0, 1e300, 1795435200123.0])
_TEXTS = ("name", "args", "kwargs", "root_id", "parent_id", "queue", "exchange", "routing_key", "result", "exception", "traceback")
events = st.builds(
    Event, type=st.sampled_from(EVENTS), hostname=st.sampled_from(["w@h", "v@i"]), uuid=st.just("t1"), timestamp=_seconds,
    pid=st.none() | st.integers(0, 3), clock=st.none() | st.integers(0, 2**53), retries=st.none() | st.integers(0, 2**31 - 1),
    eta=st.none() | _moment, expires=st.none() | _moment, runtime=st.none() | st.floats(0, 1e9),
    signum=st.none() | st.integers() | st.just("SIGKILL"), terminated=st.none() | st.booleans(), requeue=st.none() | st.booleans(),
    **{name: st.none() | _text for name in _TEXTS},
)  # fmt: skip


class Receiver:
    """Takes events of one virtual host in rounds. `forgets`: it is started anew before each."""

    def __init__(self, vhost: str, forgets: bool) -> None:
        self.vhost, self.forgets, self.buffer = vhost, forgets, TaskBuffer()
        self.broker = broker_store.ensure_brokers([BrokerAddress("prod", ("http://h:1",), "u", "p")], NOON)["prod"].pk

    def round(self, events: Sequence[Event], ahead: float) -> None:
        if self.forgets:
            self.buffer = TaskBuffer()
        self.buffer.note_clock("w@h", ahead)
        self.buffer.add_events(events, NOON.timestamp())
        self.buffer.settle(queries.load_tasks(self.broker, self.vhost, self.buffer.missing()))
        assert not self.buffer.faults
        changed = list(self.buffer.changed.values())
        with transaction.atomic():
            save_tasks(self.broker, self.vhost, changed, NOON)
        self.buffer.note_stored(changed)

    def row(self) -> dict[str, Any]:
        (found,) = Task.objects.filter(vhost=self.vhost).values()
        return {name: value for name, value in found.items() if name not in ("id", "vhost")}


class Reloading(TestCase):
    @settings(deadline=None)
    @given(st.lists(events, min_size=1, max_size=6), events, st.sampled_from([0.0, 0.1, -3600.0]))
    def test_a_loaded_task_is_the_one_that_was_stored(self, before: list[Event], further: Event, ahead: float) -> None:
        at_once, kept, started_anew = Receiver("a", False), Receiver("b", False), Receiver("c", True)
        at_once.round([*before, further], ahead)
        for receiver in (kept, started_anew):
            for event in before:
                receiver.round([event], ahead)
            receiver.round([further], ahead)
        assert at_once.row() == kept.row() == started_anew.row()


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["task-failed", "task-succeeded"])
def test_a_text_that_is_not_there_is_null_however_many_rounds_it_took(kind: str) -> None:
    end = Event(type=kind, hostname="w@h", uuid="t1", timestamp=NOON.timestamp(), exception="" if kind == "task-failed" else None)
    sent = Event(type="task-sent", hostname="w@h", uuid="t1", timestamp=NOON.timestamp() - 1, args="")
    at_once, twice = Receiver("a", False), Receiver("b", True)
    at_once.round([end, sent], 0.0)
    for event in (end, sent):
        twice.round([event], 0.0)
    assert at_once.row() == twice.row()
    assert at_once.row()["result"] is None and at_once.row()["exception"] is None


@pytest.mark.django_db(transaction=True)
def test_a_late_sending_of_a_task_with_eta_and_expiry_changes_neither() -> None:
    receiver = Receiver("/", forgets=True)
    when = {"eta": "2026-11-23T13:00:00+01:00", "expires": "2026-11-23T12:00:30.250000"}
    at = NOON.timestamp()
    for event in (
        Event("task-received", "w@h", at, uuid="t1", name="shop.pay", **when),
        Event("task-succeeded", "w@h", at + 1, uuid="t1", result="7"),
        Event("task-sent", "gen1@web", at - 1, uuid="t1", name="shop.pay", queue="pay", **when),
    ):
        receiver.round([event], 0.0)
    row = receiver.row()
    assert (row["state"], row["eta"], row["expires"]) == ("SUCCESS", NOON, NOON.replace(second=30, microsecond=250000))
    assert (row["sent_queue"], row["result"]) == ("pay", "7")


@pytest.mark.django_db(transaction=True)
def test_a_row_of_an_earlier_version_takes_further_events() -> None:
    receiver = Receiver("/", forgets=True)
    at = NOON.timestamp()
    Task.objects.create(
        broker_id=receiver.broker, vhost="/", uuid="t1", name="shop.pay", state="STARTED", worker="w@h", first_seen_at=NOON, changed_at=NOON,
        tries=[[at, 1, "w@h", at, ""], [at + 1, 2, "w@h", at + 1, ""]],
    )  # fmt: skip
    again = Event("task-started", "w@h", at + 1, uuid="t1", clock=8, pid=7)
    receiver.round([again, Event("task-succeeded", "w@h", at + 2, uuid="t1", result="7", clock=9, pid=7)], 0.0)
    row = receiver.row()
    assert (row["state"], row["name"], row["result"], len(row["tries"])) == ("SUCCESS", "shop.pay", "7", 3)
