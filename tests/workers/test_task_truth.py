"""Whatever order, repetition, delay and loss a task's events come in, what is shown of it is true by an independent account, or unknown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers.task_world import CLOCK_ERROR, NOON, Life, lives
from workers.receiving.events import Event
from workers.receiving.orphaned_tasks import Held, WorkerEvidence, assess
from workers.receiving.task_order import ENDED
from workers.receiving.task_state import TaskRecord, apply

LATER = 2000.0
NONE: frozenset[str] = frozenset()


def received(life: Life, order: Iterable[int], delays: list[float]) -> TaskRecord:
    """The record after the events of a life in this order, each with its delay of delivery."""
    record = TaskRecord("t1", NOON)
    for number in order:
        apply(record, life.events[number], life.true_at[number] + delays[number], life.ahead[number])
    return record


def shuffled(life: Life, random: Any) -> list[int]:
    """Every event once or more often, in any order."""
    numbers = list(range(len(life.events)))
    found = [*numbers, *random.choices(numbers, k=len(numbers))]
    random.shuffle(found)
    return found


DELAYS = st.lists(st.sampled_from([0.0, 0.01, 40.0, 600.0]), min_size=30, max_size=30)


@settings(deadline=None)
@given(lives(), DELAYS, st.randoms(use_true_random=False))
def test_without_loss_the_state_is_true_in_any_order(life: Life, delays: list[float], random: Any) -> None:
    record = received(life, shuffled(life, random), delays)
    assert (record.state, record.worker) == (life.truth, life.worker)
    if not life.restarted_in_place:  # such a restart is only seen once enough of its moments are there
        assert record == received(life, range(len(life.events)), delays)


@settings(deadline=None)
@given(
    st.lists(st.floats(0, 50), min_size=8, max_size=8), st.integers(1, 8), st.integers(0, 8), st.sampled_from([0.1, 0.9, 500.0, 1e6]), st.booleans(),
    st.randoms(use_true_random=False),
)  # fmt: skip
def test_a_worker_whose_time_is_set_back_is_ordered_by_its_lamport_clock(
    pauses: list[float], until: int, set_back_at: int, seconds: float, ends: bool, random: Any
) -> None:
    kinds = (["received", "started", "retried"] * 3)[:until] + ["failed"] * ends
    now, events = NOON, []
    for number, kind in enumerate(kinds):
        now += pauses[number % 8] - (seconds if number == set_back_at else 0)
        events.append(Event(f"task-{kind}", "w@h", now, pid=1, clock=5 + number, uuid="t1", retries=number // 3 if kind == "received" else None))
    random.shuffle(events)
    record = TaskRecord("t1", NOON)
    for event in events:
        apply(record, event, NOON + 2e6)
    assert record.state == {"received": "RECEIVED", "started": "STARTED", "retried": "RETRY", "failed": "FAILURE"}[kinds[-1]]


@settings(deadline=None)
@given(lives(), DELAYS, st.randoms(use_true_random=False))
def test_times_are_as_true_as_the_clocks_are_measured_however_late_the_events_come(life: Life, delays: list[float], random: Any) -> None:
    record = received(life, shuffled(life, random), delays)
    for shown, true in ((record.received_at, life.received_at), (record.started_at, life.started_at)):
        assert (shown is None) == (true is None)
        assert shown is None or true is None or abs(shown - NOON - true) <= CLOCK_ERROR + 0.001
    assert record.ended_at is None or all(at <= record.ended_at for at in (record.received_at, record.started_at) if at is not None)


@settings(deadline=None)
@given(lives(), DELAYS, st.randoms(use_true_random=False), st.data())
def test_with_any_loss_the_state_is_true_or_unknown_once_the_workers_were_inspected(life: Life, delays: list[float], random: Any, data: st.DataObject) -> None:
    """A worker that answers lists what it has. What no worker has and whose end is lost was last seen sent or to be retried, or is unknown."""
    left = [number for number in shuffled(life, random) if data.draw(st.booleans())]
    record = received(life, left, delays)
    for number in range(3):
        running, waiting = (frozenset(["t1"] if (life.holder, life.doing) == (f"w{number}@h{number}", state) else []) for state in ("STARTED", "RECEIVED"))
        assess(record, WorkerEvidence(f"w{number}@h{number}", held=Held(NOON + LATER, running | waiting, running, waiting)))
    if record.state in (life.truth, "UNKNOWN"):
        return
    if record.state in ("RECEIVED", "STARTED"):
        assert (record.state, record.worker) == (life.doing, life.holder)  # delivered again after an end that is lost
        return
    ends = {f"task-{kind}" for kind in ("succeeded", "failed", "revoked", "rejected")}
    if record.state in ENDED:
        assert any(life.events[number].type in ends for number in left)
    assert record.state != "PENDING" or all(life.events[number].type == "task-sent" for number in left)


def test_the_exception_is_that_of_the_last_try_though_its_receipt_came_last() -> None:
    """Until then, the try seems to be one of before another worker's."""
    events = []
    for number, (worker, clock) in enumerate([("a@h", 2), ("a@h", 5), ("a@h", 8), ("b@h", 2)]):
        same = {"hostname": worker, "timestamp": NOON + number + 1, "pid": 1, "uuid": "t1"}
        events.append(Event("task-sent", f"gen{number}@web", NOON + number, pid=7, clock=2, uuid="t1", retries=number))
        events.append(Event("task-received", **same, clock=clock, name="shop.pay", retries=number))  # type: ignore[arg-type]
        events.append(Event("task-started", **same, clock=clock + 1))  # type: ignore[arg-type]
        events.append(Event("task-retried", **same, clock=clock + 2, exception=f"error {number}"))  # type: ignore[arg-type]
    *before, receipt, started, retried = events
    record = TaskRecord("t1", NOON)
    for event in (*before, started, retried, receipt):
        apply(record, event, NOON + 10)
    assert (record.state, record.worker, record.exception) == ("RETRY", "b@h", "error 3")
