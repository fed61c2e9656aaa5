"""What a schedule says, and which of its moments had a run: pure, in tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.periodic.entries import Entry, entries_of, kept, merged
from workers.periodic.observed import observed_period
from workers.periodic.schedules import Crontab, Every, Other, Schedule, period, read
from workers.periodic.slots import Run, next_due, slots

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)  # a Monday
LONG_AGO = NOON - timedelta(days=30)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def run(name: str, seconds: float, deliveries: int = 1) -> Run:
    return Run(name, at(seconds), deliveries=deliveries)


@pytest.mark.parametrize(
    ("reported", "expected"),
    [
        (30, Every(30.0)),
        (0.5, Every(0.5)),
        ("<freq: 10.50 seconds>", Every(10.5)),
        ("<freq: 2.00 minutes>", Every(120.0)),
        ("0:01:00", Every(60.0)),
        ("1 day, 0:00:30", Every(86430.0)),
        ("2 days, 1:00:00.500000", Every(176400.5)),
        ("<crontab: */5 3,4 * * mon-fri (m/h/dM/MY/d)>", Crontab("*/5", "3,4", "*", "*", "mon-fri", "Europe/Berlin")),
        ("<crontab: 0 0 sun 1-7 jan (m/h/d/dM/MY)>", Crontab("0", "0", "1-7", "jan", "sun", "Europe/Berlin")),
        ("<crontab: 0 4\n   mon * *\n   (m/h/d/dM/MY), Asia/Tokyo>\n  ", Crontab("0", "4", "*", "*", "mon", "Asia/Tokyo")),
        ("<solar: sunset at latitude 1, longitude: 2>", Other("<solar: sunset at latitude 1, longitude: 2>")),
        (0, Other("0")),
        (True, Other("")),
        (None, Other("")),
        ("<script>alert(1)</script>", Other("<script>alert(1)</script>")),
        ("<crontab: 1 2 3 4 5 (of another order)>", Other("<crontab: 1 2 3 4 5 (of another order)>")),
    ],
)
def test_a_schedule_is_read_as_celery_prints_it(reported: Any, expected: Schedule) -> None:
    assert read(reported, "Europe/Berlin") == expected


@pytest.mark.parametrize(
    ("expression", "hours", "expected"),
    [
        ("0 13 * * *", 24, ["2026-11-30T13:00", "2026-12-01T13:00"][:1]),
        ("*/30 * * * *", 2, ["2026-11-30T12:00", "2026-11-30T12:30", "2026-11-30T13:00", "2026-11-30T13:30"]),
        ("0 0 1 * tue", 48, ["2026-12-01T00:00"]),  # both fields of the day must fit, and the first of December is a Tuesday
        ("0 0 1 * mon", 48, []),
        ("61 * * * *", 24, []),
        ("nonsense * * * *", 24, []),
    ],
)
def test_a_crontab_is_due_when_celery_would_send_it(expression: str, hours: int, expected: list[str]) -> None:
    minute, hour, day, month, weekday = expression.split()
    moments = Crontab(minute, hour, day, month, weekday).moments(NOON, NOON + timedelta(hours=hours))
    assert [moment.isoformat()[:16] for moment in moments] == expected


def test_a_crontab_counts_in_its_time_zone_through_a_change_of_the_clock() -> None:
    march = datetime(2027, 3, 27, 12, tzinfo=UTC)
    moments = Crontab("0", "9", "*", "*", "*", "Europe/Berlin").moments(march, march + timedelta(days=2))
    assert [moment.hour for moment in moments] == [7, 7] and moments[0].day == 28  # summer time begins on the 28th
    assert Crontab("0", "9", "*", "*", "*", "no/such zone").moments(march, march + timedelta(days=1))[0].hour == 9


def test_the_period_is_that_between_two_moments() -> None:
    assert period(Every(90.0), NOON) == timedelta(seconds=90)
    assert period(Crontab("*/5", "*", "*", "*", "*"), NOON) == timedelta(minutes=5)
    assert period(Crontab("0", "4", "*", "*", "*"), NOON) == timedelta(days=1)
    assert period(Other("?"), NOON) is None


HALF_MINUTES = Every(30.0)
EACH_MINUTE = Crontab("*", "*", "*", "*", "*")


@pytest.mark.parametrize(
    ("schedule", "runs", "now", "expected"),
    [
        (HALF_MINUTES, [run("a", 0), run("b", 30.2), run("c", 60.1)], 70, "ran ran ran"),
        (HALF_MINUTES, [run("a", 0), run("b", 30), run("c", 31)], 40, "ran doubled"),
        (HALF_MINUTES, [run("a", 0), run("b", 120)], 130, "ran missed missed missed ran"),
        (HALF_MINUTES, [run("a", 0)], 45, "ran missed"),
        (HALF_MINUTES, [run("a", 0)], 35, "ran due"),
        (HALF_MINUTES, [run("a", 0), run("a", 1)], 10, "ran"),  # one task, seen twice
        (HALF_MINUTES, [run("a", 0), run("x", 15), run("b", 30), run("y", 45)], 50, "doubled doubled"),  # two schedulers, in turns
        (HALF_MINUTES, [], 100, ""),  # nothing to count from
        (EACH_MINUTE, [run("a", 0.2), run("b", 60.1), run("c", 121)], 125, "ran ran ran"),
        (EACH_MINUTE, [run("a", 0.2), run("c", 121)], 125, "ran missed ran"),
        (EACH_MINUTE, [run("a", 0.2), run("b", 60.1), run("c", 60.2)], 100, "ran doubled"),
        (EACH_MINUTE, [run("a", 0.2), run("b", 75)], 100, "ran late"),
        (EACH_MINUTE, [run("a", -1), run("b", 59)], 70, "ran ran"),  # clocks differ
        (EACH_MINUTE, [run("a", 0)], 65, "ran due"),
        (Other("<solar>"), [run("a", 0), run("b", 50)], 70, "ran ran"),
    ],
)
def test_each_moment_has_what_was_seen_of_it(schedule: Schedule, runs: list[Run], now: float, expected: str) -> None:
    found = slots(schedule, runs, NOON - timedelta(seconds=2), at(now), LONG_AGO)
    assert " ".join(slot.outcome for slot in found) == expected


def test_a_moment_before_events_were_received_is_unknown_and_never_missed() -> None:
    found = slots(EACH_MINUTE, [run("a", 180)], NOON, at(190), known_from=at(100))
    assert [slot.outcome for slot in found] == ["unknown", "unknown", "missed", "ran"]
    found = slots(HALF_MINUTES, [run("a", 0), run("b", 120)], NOON, at(125), known_from=at(70))
    assert [slot.outcome for slot in found] == ["ran", "unknown", "unknown", "missed", "ran"]


def test_a_task_delivered_twice_is_another_thing_than_two_tasks_for_one_moment() -> None:
    (slot,) = slots(HALF_MINUTES, [run("a", 0, deliveries=2)], NOON, at(5), LONG_AGO)
    assert (slot.outcome, slot.is_delivered_twice) == ("ran", True)


def test_the_next_moment_of_an_interval_counts_from_the_last_run() -> None:
    assert next_due(HALF_MINUTES, [run("a", 0), run("b", 31)], at(40)) == at(61)
    assert next_due(HALF_MINUTES, [], NOON) is None
    assert next_due(Crontab("0", "4", "*", "*", "*"), [], NOON) == datetime(2026, 12, 1, 4, tzinfo=UTC)


@given(st.lists(st.floats(0, 4000), max_size=40), st.sampled_from((HALF_MINUTES, EACH_MINUTE, Every(7.5))), st.floats(0, 5000))
def test_each_run_is_in_one_slot_at_the_most_and_slots_are_in_order(moments: list[float], schedule: Schedule, now: float) -> None:
    runs = [run(str(number), seconds) for number, seconds in enumerate(moments) if seconds <= now]
    found = slots(schedule, runs, NOON, at(now), LONG_AGO)
    assert [slot.at for slot in found] == sorted(slot.at for slot in found)
    seen = [one.uuid for slot in found for one in slot.runs]
    assert len(seen) == len(set(seen)) and set(seen) <= {one.uuid for one in runs}
    if isinstance(schedule, Every):
        assert set(seen) == {one.uuid for one in runs}
    assert all((slot.outcome in ("ran", "late", "doubled")) == bool(slot.runs) for slot in found)


CONF = {
    "timezone": "Europe/Berlin",
    "broker_url": "amqp://me:secret@rabbit",
    "beat_schedule": {
        "nightly": {
            "task": "reports.nightly",
            "schedule": "<crontab: 0 3 * * * (m/h/dM/MY/d)>",
            "args": [1, "x"],
            "kwargs": {"k": [1]},
            "options": {"queue": "slow"},
        },
        "broken": "no entry",
        "nameless": {"schedule": 3},
    },
}


def test_the_schedule_of_a_worker_is_kept_and_nothing_else() -> None:
    found = kept(CONF)
    assert found is not None and "secret" not in str(found) and found["left_out"] == 2
    (entry,) = entries_of(found, "worker-a@web-1")
    expected = Entry("nightly", "reports.nightly", Crontab("0", "3", "*", "*", "*", "Europe/Berlin"), "(1, 'x')", "{'k': [1]}", "slow")
    assert entry == Entry(*(getattr(expected, name) for name in ("name", "task", "schedule", "args", "kwargs", "queue")), sources=("worker-a@web-1",))
    assert kept({"timezone": "UTC"}) is None and kept({"CELERYBEAT_SCHEDULE": CONF["beat_schedule"]}) is not None


@pytest.mark.parametrize("stored", [None, [], {}, {"entries": 3}, {"entries": [1, {"name": 1, "task": "x"}, {"name": "a"}]}])
def test_what_is_no_schedule_has_no_entries(stored: Any) -> None:
    assert entries_of(stored, "w") == []


def test_a_schedule_that_is_too_long_is_kept_in_part_and_the_rest_counted() -> None:
    many = {f"entry {number}": {"task": "t" * 400, "schedule": 1} for number in range(2000)}
    found = kept({"beat_schedule": many})
    assert found is not None and 100 < len(found["entries"]) < 1000 and found["left_out"] == 2000 - len(found["entries"])


def test_workers_that_report_the_same_entry_share_it_and_a_different_one_stands_beside() -> None:
    one, other = Entry("a", "t", Every(1.0), sources=("w1",)), Entry("a", "t", Every(2.0), sources=("w3",))
    assert merged([one, Entry("a", "t", Every(1.0), sources=("w2",)), other]) == [Entry("a", "t", Every(1.0), sources=("w1", "w2")), other]


def test_runs_that_come_regularly_have_a_period_also_where_some_are_missing() -> None:
    came = [at(60 * number + number % 3) for number in range(30) if number not in (7, 8)]
    assert observed_period(came, at(1800)) == timedelta(minutes=1)


@pytest.mark.parametrize(
    "seconds",
    [
        [60 * number for number in range(9)],  # too few
        [10 * number for number in range(30)],  # for five minutes only, as a loop in a shell
        [2 * number for number in range(600)],  # always
        [60 * number + (30 if number % 4 == 0 else 0) for number in range(40)],  # irregular
        [60 * number for number in range(-200, -80)],  # over
    ],
)
def test_what_comes_rarely_in_a_loop_all_the_time_irregularly_or_no_longer_has_none(seconds: list[float]) -> None:
    assert observed_period(map(at, seconds), at(2400)) is None


@given(st.lists(st.floats(min_value=-86_400, max_value=0), max_size=80))
def test_a_period_that_is_observed_is_one_of_whole_seconds_between_its_runs(seconds: list[float]) -> None:
    apart = observed_period(map(at, seconds), NOON)
    assert apart is None or (5 <= apart.total_seconds() == int(apart.total_seconds()) and apart <= timedelta(days=1))
