"""Workers in memory: what events, answers and time make of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from workers.grants import events_grant, inspection_grant
from workers.inspection import answers as inspection
from workers.receiving.events import Event
from workers.receiving.liveness import BlockedFrom, Disturbance, Evidence, Liveness, Reading, Subscription, assess
from workers.receiving.worker_registry import WorkerRegistry
from workers.receiving.worker_state import WorkerState

SAMPLES = Path(__file__).parent.parent / "cases" / "celery"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LISTENING = Subscription(NOON - timedelta(hours=1))
DEAF = Subscription(NOON - timedelta(minutes=1), "no AMQP connection to rabbit:5672: Connection refused")


def ago(seconds: float) -> datetime:
    return NOON - timedelta(seconds=seconds)


def heartbeat(kind: str = "worker-heartbeat", at: datetime = NOON, hostname: str = "w@h", pid: int = 7, **fields: Any) -> Event:
    return Event(kind, hostname, at.timestamp(), pid, freq=2.0, **fields)


@pytest.mark.parametrize(
    ("evidence", "subscription", "state", "words"),
    [
        (Evidence(ago(1)), LISTENING, "online", ""),
        (Evidence(ago(9)), LISTENING, "gone", "it sent one every 2 s"),
        (Evidence(ago(9), control_queue=False), LISTENING, "gone", "control queue is gone"),
        (Evidence(ago(9), control_queue=True), LISTENING, "unknown", "control queue still present at the last poll"),
        (Evidence(ago(9), pool="solo"), LISTENING, "unknown", "solo pool sends none"),
        (Evidence(ago(9), pool="solo", control_queue=False), LISTENING, "gone", "control queue is gone"),
        (Evidence(ago(9), frequency=timedelta(seconds=30)), LISTENING, "online", ""),
        (Evidence(ago(9), answered_at=ago(2)), LISTENING, "online", "responds, but sends no heartbeats"),
        (Evidence(ago(5), offline_at=ago(4)), LISTENING, "gone", "shut down"),
        (Evidence(ago(1), offline_at=ago(4)), LISTENING, "online", ""),
        (Evidence(ago(5), offline_at=ago(1)), LISTENING, "unknown", "it is shutting down, or reconnecting"),
        (Evidence(ago(9), offline_at=ago(2), answered_at=ago(1)), LISTENING, "online", "responds, but sends no heartbeats"),
        (Evidence(last_event_at=ago(3)), LISTENING, "unknown", "has sent no heartbeat"),
        (Evidence(ago(1)), DEAF, "unknown", "Connection refused"),
        (Evidence(ago(90), answered_at=ago(1)), DEAF, "online", ""),
        (Evidence(answered_at=ago(90), control_queue=False), DEAF, "gone", "stopped responding"),
    ],
)
def test_the_state_of_a_worker_follows_from_the_evidence(evidence: Evidence, subscription: Subscription, state: str, words: str) -> None:
    verdict = assess(evidence, subscription, NOON)
    assert isinstance(verdict, Liveness)
    assert verdict.state == state
    assert words in verdict.reason


@pytest.mark.parametrize(
    ("evidence", "blocked", "silence"),
    [
        (Evidence(ago(1)), None, ""),
        (Evidence(ago(9)), None, ""),
        (Evidence(ago(9), control_queue=False), None, "disconnected"),
        (Evidence(ago(9), control_queue=True), None, "connected"),
        (Evidence(ago(5), offline_at=ago(4)), None, "shut down"),
        (Evidence(ago(9), control_queue=True), BlockedFrom(ago(9), "the broker takes nothing"), "blocked"),
    ],
)
def test_how_a_worker_fell_silent_is_a_word_beside_the_reason(evidence: Evidence, blocked: BlockedFrom | None, silence: str) -> None:
    verdict = assess(evidence, LISTENING, NOON, blocked=blocked)
    assert isinstance(verdict, Liveness)
    assert verdict.silence == silence


@pytest.mark.parametrize(
    ("evidence", "disturbed_ago", "state"),
    [
        (Evidence(ago(40), control_queue=False), 30, "unknown"),
        (Evidence(ago(90), control_queue=False), 61, "gone"),
        (Evidence(ago(20), control_queue=False), 30, "gone"),  # it had come back since
        (Evidence(ago(40), offline_at=ago(35)), 30, "gone"),
        (Evidence(ago(40), offline_at=ago(9)), 30, "unknown"),  # it waited for the connection, as that of every worker does that connects again
        (Evidence(ago(40), offline_at=ago(11)), 30, "gone"),
        (Evidence(ago(20), offline_at=ago(9)), 30, "gone"),  # it had come back before it sent worker-offline
        (Evidence(ago(1)), 30, "online"),
    ],
)
def test_silence_after_a_restart_of_the_broker_is_unknown_until_a_worker_had_time_to_reconnect(evidence: Evidence, disturbed_ago: float, state: str) -> None:
    verdict = assess(evidence, LISTENING, NOON, Disturbance(ago(disturbed_ago), "the broker’s node rabbit@a started"))
    assert isinstance(verdict, Liveness)
    assert verdict.state == state
    assert ("the broker’s node rabbit@a started at 2026-11-23 11:59:30 UTC" in verdict.reason) is (state == "unknown")


def test_without_a_connection_of_our_own_a_missing_control_queue_proves_nothing() -> None:
    broken = Disturbance(NOON, "our own connection to the broker came back after a break")
    verdict = assess(Evidence(answered_at=ago(20), control_queue=False), DEAF, NOON, broken)
    assert verdict == Liveness("unknown", DEAF.reason, DEAF.since)


def test_just_after_events_are_received_again_missing_heartbeats_prove_nothing() -> None:
    assert assess(Evidence(ago(60)), Subscription(ago(1)), NOON) is None


def test_heartbeats_that_reach_us_late_show_that_we_are_behind_not_that_the_worker_is_gone() -> None:
    assert assess(Evidence(ago(60), arrived_at=ago(1)), LISTENING, NOON) is None
    assert assess(Evidence(ago(60), arrived_at=ago(9)), LISTENING, NOON).state == "gone"  # type: ignore[union-attr]


def test_after_a_standstill_of_our_own_missing_heartbeats_prove_nothing_until_waiting_ones_had_time_to_arrive() -> None:
    reading = Reading()
    for second in range(60):
        reading.note(float(second), ago(120 - second))
    assert reading.listening(LISTENING) is LISTENING
    reading.note(119.0, ago(1))
    assert assess(Evidence(ago(60)), reading.listening(LISTENING), NOON) is None
    assert assess(Evidence(ago(60)), reading.listening(LISTENING), ago(-8)).state == "gone"  # type: ignore[union-attr]
    assert reading.listening(DEAF) is DEAF
    assert reading.listening(Subscription(NOON)) == Subscription(NOON)


def test_a_producer_is_no_worker() -> None:
    registry = WorkerRegistry()
    registry.apply([Event("task-sent", "gen811@web-2")], NOON)
    assert registry.workers == {}


def test_events_applied_twice_change_no_state() -> None:
    once, twice = WorkerRegistry(), WorkerRegistry()
    events = [heartbeat("worker-online", ago(3)), heartbeat(at=ago(1), active=2, processed=9)]
    once.apply(events, NOON)
    twice.apply(events + events, NOON)
    for registry in (once, twice):
        registry.assess(LISTENING, NOON)
    first, second = once.workers["w@h"], twice.workers["w@h"]
    assert (first.state, first.active, first.heartbeat_at) == (second.state, second.active, second.heartbeat_at)


def test_a_heartbeat_sent_before_worker_offline_does_not_bring_a_worker_back_and_a_new_one_does() -> None:
    registry = WorkerRegistry()
    registry.apply([heartbeat(at=ago(9)), heartbeat("worker-offline", ago(5)), heartbeat(at=ago(6))], ago(4))
    registry.assess(LISTENING, NOON)
    assert registry.workers["w@h"].state == "gone"
    registry.apply([heartbeat("worker-online", NOON, pid=8)], NOON)
    registry.assess(LISTENING, NOON)
    assert (registry.workers["w@h"].state, registry.workers["w@h"].pid) == ("online", 8)


def test_of_the_process_before_nothing_is_said_of_the_one_that_took_its_place() -> None:
    registry = WorkerRegistry()
    registry.apply([heartbeat(at=ago(9), pid=7, active=2)], ago(9))
    registry.workers["w@h"].uptime_seconds = 2315
    registry.apply([heartbeat("worker-online", NOON, pid=8)], NOON)
    assert (registry.workers["w@h"].pid, registry.workers["w@h"].uptime_seconds) == (8, None)


def test_a_worker_that_connects_again_is_never_gone_and_keeps_its_tasks() -> None:
    registry = WorkerRegistry()
    registry.apply([heartbeat(at=ago(9), active=2)], ago(9))
    registry.assess(LISTENING, ago(9))
    states = []
    for second, event in ((5, heartbeat("worker-offline", ago(8))), (4, None), (3, None), (2, heartbeat("worker-online", ago(2)))):
        registry.apply([event] if event else [], ago(second))
        registry.assess(LISTENING, ago(second))
        states.append(registry.workers["w@h"].state)
    assert (states, registry.workers["w@h"].active) == (["unknown", "unknown", "unknown", "online"], 2)
    registry.apply([heartbeat("worker-offline", ago(1))], ago(1))
    registry.assess(LISTENING, NOON + timedelta(seconds=3))
    assert (registry.workers["w@h"].state, registry.workers["w@h"].reason, registry.workers["w@h"].active) == ("gone", "it shut down cleanly", 0)


def test_a_heartbeat_that_waited_in_the_queue_is_as_old_as_it_is() -> None:
    registry = WorkerRegistry()
    registry.apply([heartbeat(at=ago(100))], ago(100))
    registry.workers["w@h"].clock_skew_seconds = 0.0
    registry.apply([heartbeat(at=ago(60))], NOON)
    assert registry.workers["w@h"].heartbeat_at == ago(60)


def test_a_worker_that_was_unknown_while_no_receiver_ran_gets_the_reason_that_holds_now() -> None:
    reason = "Hareline’s receiver does not run, so no events of workers are received"
    stored = WorkerState(hostname="w@h", first_seen_at=ago(999), state="unknown", reason=reason, since=ago(20), heartbeat_at=ago(20))
    registry = WorkerRegistry([stored])
    just_begun = Subscription(ago(1))
    registry.assess(just_begun, NOON)
    (worker,) = registry.take_changes()
    assert (worker.state, worker.since) == ("unknown", ago(20))
    assert "has just started" in worker.reason
    registry.apply([heartbeat()], NOON)
    registry.assess(just_begun, NOON)
    assert worker.state == "online"


def test_one_that_is_gone_stays_gone_while_no_events_are_received() -> None:
    registry = WorkerRegistry(
        [WorkerState(hostname="w@h", first_seen_at=ago(999), state="gone", reason="no heartbeat since 11:00:00 UTC", since=ago(900), heartbeat_at=ago(900))]
    )
    registry.assess(DEAF, NOON)
    assert (registry.workers["w@h"].state, registry.workers["w@h"].since) == ("gone", ago(900))


def test_names_are_bounded_and_the_longest_gone_is_forgotten_first() -> None:
    gone = [WorkerState(hostname=f"{age}@h", first_seen_at=ago(age), state="gone", since=ago(age), id=age) for age in (100, 300, 200)]
    registry = WorkerRegistry(gone, most_workers=3)
    assert registry.apply([heartbeat(hostname="new@h")], NOON) == 0
    assert (set(registry.workers), registry.forgotten) == ({"100@h", "200@h", "new@h"}, [300])
    full = WorkerRegistry([WorkerState(hostname="w@h", first_seen_at=NOON, state="online")], most_workers=1)
    assert full.apply([heartbeat(hostname="new@h")], NOON) == 1


def test_a_name_that_never_sent_a_heartbeat_makes_room_for_a_worker_but_not_for_another_name() -> None:
    registry = WorkerRegistry(most_workers=2)
    assert registry.apply([heartbeat(hostname="real@h"), Event("task-started", "name1@h")], NOON) == 0
    assert registry.apply([Event("task-started", "name2@h")], NOON) == 1
    assert registry.apply([heartbeat(hostname="late@h")], NOON) == 0
    assert set(registry.workers) == {"real@h", "late@h"}
    assert registry.apply([heartbeat(hostname="third@h")], NOON) == 1


def test_one_that_came_back_is_not_forgotten_as_gone_and_goes_to_the_end_once_it_is_gone_again() -> None:
    registry = WorkerRegistry(
        [WorkerState(hostname=f"{age}@h", first_seen_at=ago(age), state="gone", since=ago(age), id=age) for age in (300, 200)], most_workers=2
    )
    registry.apply([heartbeat(hostname="300@h")], NOON)
    registry.assess(LISTENING, NOON)
    registry.assess(LISTENING, NOON + timedelta(seconds=60))
    assert registry.workers["300@h"].state == "gone"
    registry.apply([heartbeat(hostname="new@h")], NOON)
    assert set(registry.workers) == {"300@h", "new@h"}


def test_rates_are_of_the_last_seconds_and_unknown_while_no_events_are_received() -> None:
    registry = WorkerRegistry()
    for second in range(6):
        at = NOON + timedelta(seconds=second)
        registry.apply([heartbeat(at=at)] + [Event("task-succeeded", "w@h")] * 4 + [Event("task-failed", "w@h")], at)
        registry.assess(LISTENING, at)
    worker = registry.workers["w@h"]
    assert (worker.succeeded_per_second, worker.failed_per_second) == (4.0, 1.0)
    registry.assess(DEAF, NOON + timedelta(seconds=6))
    assert (worker.succeeded_per_second, worker.failed_per_second) == (None, None)


def test_only_what_changed_is_handed_out() -> None:
    registry = WorkerRegistry()
    registry.apply([heartbeat()], NOON)
    registry.assess(LISTENING, NOON)
    assert [worker.hostname for worker in registry.take_changes()] == ["w@h"]
    registry.assess(LISTENING, NOON + timedelta(seconds=1))
    registry.assess(LISTENING, NOON + timedelta(seconds=2))
    registry.take_changes()
    registry.assess(LISTENING, NOON + timedelta(seconds=3))
    assert registry.take_changes() == []


@pytest.mark.parametrize(
    ("sample", "pool", "slots", "processes"),
    [("prefork", "prefork", 2, 2), ("threads", "threads", 3, None), ("solo", "solo", 1, 1), ("gevent", "gevent", 5, None), ("eventlet", "eventlet", 5, None)],
)
def test_the_answers_of_every_pool(sample: str, pool: str, slots: int, processes: int | None) -> None:
    (answer,) = json.loads((SAMPLES / f"stats_{sample}.json").read_text()).values()
    found = inspection.stats(answer)
    assert (found["pool"], found["concurrency"], found["processes"] and len(found["processes"])) == (pool, slots, processes)
    assert found["autoscale_max"] is None


def test_an_autoscaled_pool_reports_its_limits() -> None:
    (answer,) = json.loads((SAMPLES / "stats_prefork-autoscale.json").read_text()).values()
    found = inspection.stats(answer)
    assert (found["concurrency"], found["autoscale_min"], found["autoscale_max"]) == (1, 1, 3)


def test_registered_tasks_keep_values_with_blanks() -> None:
    found = inspection.registered(["shop.slow [exchange=my tasks routing_key=a=b rate_limit=10/s]", "shop.add", 5])["registered"]
    assert found == [
        {"name": "shop.slow", "attributes": {"exchange": "my tasks", "routing_key": "a=b", "rate_limit": "10/s"}},
        {"name": "shop.add", "attributes": {}},
    ]


@pytest.mark.parametrize("answer", [None, 5, "text", [], {}, [None, 5, {"name": 5}], {"pool": []}, {"pool": {"processes": "N/A", "max-concurrency": -1}}])
def test_odd_answers_leave_things_unknown(answer: Any) -> None:
    for reader in inspection.READERS.values():
        reader(answer)


def test_grants_are_quoted_for_the_shell() -> None:
    assert events_grant("o'neil", "a b").startswith("""rabbitmqctl set_permissions -p 'a b' 'o'"'"'neil' """)
    assert "celery" in inspection_grant("u", "/")
