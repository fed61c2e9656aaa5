"""The state of a task: whatever order, repetition and loss its events come in."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime
from typing import Any

import pytest
from celery.worker import request

from workers.receiving.events import Event, parse
from workers.receiving.orphaned_tasks import Held, WorkerEvidence, assess
from workers.receiving.task_state import TaskRecord, apply, happenings, merge

NOON = 1795435200.0


def event(kind: str, at: float, hostname: str = "w@h", **fields: Any) -> Event:
    return Event(f"task-{kind}", hostname, NOON + at, uuid="t1", **fields)


def record_of(*events: Event, ahead: float = 0.0) -> TaskRecord:
    record = None
    for one in events:
        record = merge(record, one, NOON + 1000, ahead)
    assert record is not None
    return record


SENT = event("sent", 0, "gen7@web", name="shop.pay", args="(1,)", kwargs="{}", queue="pay", exchange="", routing_key="pay", retries=0, root_id="t1")
RECEIVED = event("received", 1, name="shop.pay", args="(1,)", kwargs="{}", retries=0, root_id="t1")
STARTED = event("started", 2)
FAILED = event("failed", 3, exception="ValueError('no')", traceback="Traceback …")
SUCCEEDED = event("succeeded", 3, result="7", runtime=0.9)


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([SENT], "PENDING"),
        ([SENT, RECEIVED], "RECEIVED"),
        ([RECEIVED, STARTED], "STARTED"),
        ([STARTED, RECEIVED], "STARTED"),
        ([STARTED], "STARTED"),
        ([SENT, RECEIVED, STARTED, SUCCEEDED], "SUCCESS"),
        ([SUCCEEDED, STARTED, RECEIVED, SENT], "SUCCESS"),
        ([RECEIVED, STARTED, FAILED], "FAILURE"),
        ([RECEIVED, STARTED, event("retried", 3, exception="IOError()")], "RETRY"),
        ([RECEIVED, STARTED, event("cancelled", 3)], "RETRY"),
        ([RECEIVED, STARTED, event("cancelled", 3), event("received", 5, "v@h"), event("started", 6, "v@h")], "STARTED"),  # acknowledged late
        ([RECEIVED, event("revoked", 2, expired=True)], "REVOKED"),
        ([RECEIVED, STARTED, event("rejected", 3, requeue=False)], "REJECTED"),
        ([RECEIVED, STARTED, SUCCEEDED, event("received", 9, "v@h")], "SUCCESS"),  # delivered again, since its acknowledgement was lost
        ([RECEIVED, STARTED, SUCCEEDED, event("received", 9, "v@h"), event("started", 10, "v@h"), event("failed", 11, "v@h")], "FAILURE"),
        ([RECEIVED, STARTED, FAILED, event("received", 9), event("started", 10), event("retried", 11)], "FAILURE"),
        ([RECEIVED, event("rejected", 2, requeue=True), event("received", 3, "v@h")], "RECEIVED"),
        ([RECEIVED, STARTED, FAILED, event("rejected", 3.1, requeue=True), event("received", 4, "v@h")], "RECEIVED"),  # Celery, of a hard time limit
        ([RECEIVED, STARTED, event("revoked", 3, terminated=True), event("succeeded", 4)], "SUCCESS"),  # it outlived the signal
        ([RECEIVED, STARTED, SUCCEEDED, event("rejected", 9, "v@h", requeue=True), event("received", 10, "v@h")], "SUCCESS"),
        ([RECEIVED, STARTED, SUCCEEDED, event("sent", 5, "gen7@web")], "SUCCESS"),  # the sender's clock is ahead, or it waited for a confirm
        ([event("rejected", 3.00002), event("failed", 3.00001)], "REJECTED"),  # Celery sends both
        ([event("started", 2), event("succeeded", 2)], "SUCCESS"),  # the clock stood still between them
        ([event("succeeded", 2), event("started", 2)], "SUCCESS"),
    ],
)
def test_the_state_is_that_of_the_latest_moment_or_of_the_last_end(events: list[Event], state: str) -> None:
    assert record_of(*events).state == state


def test_where_our_clock_cannot_order_moments_the_senders_own_does() -> None:
    ends = event("rejected", 3.00002), event("failed", 3.00001)
    assert record_of(*ends, ahead=-2000.0).state == "REJECTED"  # both seem to be later than we received them


def test_the_fields_of_each_event_are_kept() -> None:
    record = record_of(SENT, RECEIVED, STARTED, SUCCEEDED)
    assert (record.name, record.args, record.queue, record.routing_key, record.sender, record.worker) == ("shop.pay", "(1,)", "pay", "pay", "gen7@web", "w@h")
    assert [record.sent_at, record.received_at, record.started_at, record.ended_at] == [NOON, NOON + 1, NOON + 2, NOON + 3]
    assert (record.result, record.runtime, record.retries) == ("7", 0.9, 0)


def test_every_try_is_kept_with_its_exception() -> None:
    tries = [
        RECEIVED, STARTED, event("retried", 3, exception="IOError('down')", traceback="T1"),
        event("received", 3.1, "v@h", name="shop.pay", retries=1, eta="2026-11-23T12:03:00+00:00"), event("started", 180, "v@h"),
        event("failed", 181, "v@h", exception="ValueError('no')", traceback="T2"),
    ]  # fmt: skip
    record = record_of(*tries)
    assert (record.state, record.retries, record.exception, record.traceback, record.worker) == ("FAILURE", 1, "ValueError('no')", "T2", "v@h")
    assert [(found.event, found.detail) for found in happenings(record.moments) if found.detail] == [
        ("task-retried", "IOError('down')"),
        ("task-failed", "ValueError('no')"),
    ]
    assert record_of(*reversed(tries)).moments == record.moments


def test_a_clock_that_is_ahead_or_behind_is_corrected() -> None:
    record = record_of(event("sent", 0, "gen7@web"))
    apply(record, event("started", 3601), NOON + 1000, ahead=3600)
    apply(record, event("received", 3600.5), NOON + 1000, ahead=3600)
    assert (record.state, record.received_at, record.started_at) == ("STARTED", NOON + 0.5, NOON + 1)


def test_what_comes_from_the_future_was_sent_by_now() -> None:
    assert record_of(event("started", 5000)).started_at == NOON + 1000


def test_the_same_event_again_changes_nothing_even_if_the_clock_was_measured_anew() -> None:
    record = record_of(RECEIVED, STARTED, SUCCEEDED)
    assert not apply(record, STARTED, NOON + 1000, ahead=-10)
    assert record.state == "SUCCESS"


def test_a_task_with_hundreds_of_moments_keeps_the_first_and_the_last() -> None:
    record = record_of(*(event("retried", at, exception=f"E{at}") for at in range(300)))
    kept = [moment.at - NOON for moment in record.moments]
    assert kept == [*range(10), *range(260, 300)]
    assert (record.left_out, record.state) == (250, "RETRY")


def test_long_texts_are_cut_where_they_matter_least() -> None:
    record = record_of(event("failed", 1, exception="e" * 10_000, traceback="x" * 50_000 + "the end"))
    assert (len(record.exception or ""), len(record.traceback or "")) == (4000, 20_000)
    assert (record.traceback or "").endswith("the end")


def test_usable_fields_of_events_that_celery_did_not_send_are_kept() -> None:
    parsed = parse(
        b'{"type": "task-received", "hostname": "w@h", "uuid": "t1", "args": [1, "a"], "kwargs": {"b": null}, "retries": "2", "name": "n\\u0000\\ud800"}'
    )
    record = record_of(*parsed.events)
    assert (record.args, record.kwargs, record.retries, record.name) == ('[1, "a"]', '{"b": null}', 2, "n�?")
    assert record_of(Event("task-started", "w@h", None, uuid="t1")).state == "STARTED"
    assert merge(None, Event("task-progress", "w@h", NOON, uuid="t1"), NOON) is None
    assert merge(None, Event("task-started", "w@h", NOON), NOON) is None


NOTHING: frozenset[str] = frozenset()
RUNNING = [RECEIVED, STARTED]


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        (WorkerEvidence("w@h", known=False), "is no longer known"),
        (WorkerEvidence("w@h", began_timestamp=NOON + 60, began_at=NOON + 60), "restarted at 2026-11-23 12:01:00 UTC"),
        (WorkerEvidence("w@h", held=Held(NOON + 60, NOTHING, NOTHING, NOTHING)), "did not list it at 2026-11-23 12:01:00 UTC"),
    ],
)
def test_a_task_that_its_worker_can_no_longer_have_is_unknown(evidence: WorkerEvidence, words: str) -> None:
    record = record_of(*RUNNING)
    assert assess(record, evidence)
    assert (record.state, record.last_seen_state, record.started_at) == ("UNKNOWN", "STARTED", NOON + 2)
    assert words in record.unknown_reason
    assert not assess(record, evidence)
    apply(record, SUCCEEDED, NOON + 1000)
    assert (record.state, record.last_seen_state, record.unknown_reason) == ("SUCCESS", None, "")


@pytest.mark.parametrize(
    "evidence",
    [
        WorkerEvidence("w@h"),
        WorkerEvidence("other@h", known=False),
        WorkerEvidence("w@h", began_timestamp=NOON - 60),
        WorkerEvidence("w@h", held=Held(NOON + 60, frozenset(["t1"]), frozenset(["t1"]), NOTHING)),
        WorkerEvidence("w@h", held=Held(NOON + 1, NOTHING, NOTHING, NOTHING)),
        WorkerEvidence("w@h", held=Held(NOON + 60, NOTHING, NOTHING, NOTHING, complete=False)),
    ],
)
def test_a_task_that_its_worker_may_have_stays_as_it_was_last_seen(evidence: WorkerEvidence) -> None:
    record = record_of(*RUNNING)
    assert not assess(record, evidence)
    assert record.state == "STARTED"


def test_a_task_that_waits_for_its_rate_limit_is_not_orphaned_though_no_list_holds_it() -> None:
    empty = Held(NOON + 60, NOTHING, NOTHING, NOTHING)
    record = record_of(RECEIVED)
    assert not assess(record, WorkerEvidence("w@h", held=empty, limited=frozenset(["shop.pay"])))


def test_a_worker_that_lists_a_task_has_it() -> None:
    record = record_of(*RUNNING)
    assess(record, WorkerEvidence("w@h", held=Held(NOON + 60, NOTHING, NOTHING, NOTHING)))
    assert assess(record, WorkerEvidence("w@h", held=Held(NOON + 70, frozenset(["t1"]), frozenset(["t1"]), NOTHING)))
    assert (record.state, record.unknown_reason) == ("STARTED", "")


def test_an_older_event_does_not_restore_an_orphaned_task() -> None:
    record = record_of(STARTED)
    assess(record, WorkerEvidence("w@h", known=False))
    apply(record, RECEIVED, NOON + 1000)
    assert (record.state, record.last_seen_state) == ("UNKNOWN", "STARTED")


def test_a_task_that_its_worker_cancelled_has_that_reason_and_is_not_orphaned() -> None:
    record = record_of(RECEIVED, STARTED, event("cancelled", 3))
    last = happenings(record.moments)[-1]
    assert (last.event, last.detail[:9]) == ("task-retried", "cancelled")
    assert not assess(record, WorkerEvidence("w@h", gone_since=datetime.fromtimestamp(NOON + 4, UTC), gone_reason="it shut down cleanly"))
    assert "'task-cancelled'" in inspect.getsource(request), "this Celery has another event for it"
