"""Rules about Hareline itself: its processes, its work, its storage."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from brokers.models import Heartbeat
from dashboard.findings.facts import Facts
from dashboard.findings.installation import Installation
from dashboard.findings.rule import Found, Unsure
from dashboard.findings.rules import own_process, own_storage, own_work
from tests.findings import objects
from tests.findings.objects import NOON, found

KINDS = ("web", "poller", "receiver", "maintenance")


def beat(kind: str, **values: Any) -> Heartbeat:
    usual = {
        "kind": kind,
        "holder": f"web-1:{KINDS.index(kind) + 1}:1",
        "at": NOON,
        "started_at": NOON - timedelta(hours=1),
        "measured": {"data_free_bytes": 10**11},
    }
    return Heartbeat(**(usual | values))


def facts(*others: Heartbeat, **installation: Any) -> Facts:
    """All four processes run, unless another heartbeat of the kind is given."""
    beats = [*others, *(beat(kind) for kind in KINDS if kind not in {other.kind for other in others})]
    return Facts(NOON, None, beats=beats, installation=Installation(**installation))


def titles(rule: Any, seen: Facts) -> list[str]:
    return [one.whole_title for one in found(rule, seen)]


def test_an_installation_that_works_has_no_finding() -> None:
    seen = facts(brokers=[objects.broker()], sources=[objects.source()], database_bytes=10**6)
    assert [titles(rule, seen) for rule in (own_process, own_work, own_storage)] == [[], [], []]


OLD = NOON - timedelta(minutes=2)


@pytest.mark.parametrize(
    ("one", "level", "title"),
    [
        (beat("poller", at=OLD), "critical", "Hareline’s poller process does not respond"),
        (beat("receiver", at=OLD, ended_at=OLD), "critical", "Hareline’s receiver process was stopped at 11:58:00"),
        (beat("maintenance", problem="the database is locked"), "warning", "Hareline’s maintenance process: the database is locked"),
    ],
)
def test_a_process_that_is_silent_stopped_or_hindered(one: Heartbeat, level: str, title: str) -> None:
    (reported,) = found(own_process, facts(one))
    assert (reported.level, reported.whole_title) == (level, title)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


@pytest.mark.parametrize(
    ("beats", "waits"),
    [
        ([beat("poller", at=NOON - seconds(19), ended_at=NOON - seconds(19))], True),  # an upgrade starts it again
        ([beat("poller", at=NOON - seconds(21), ended_at=NOON - seconds(21))], False),
        ([beat("poller", at=OLD), beat("maintenance", started_at=NOON - seconds(19))], True),  # the machine may have started anew
        ([beat("poller", at=OLD), beat("maintenance", started_at=NOON - seconds(21))], False),
        ([beat("poller", at=OLD, ended_at=OLD), beat("maintenance", started_at=NOON - seconds(3))], True),
        ([beat("poller", problem="the database is locked"), beat("maintenance", started_at=NOON - seconds(3))], False),
        ([beat("poller", at=NOON - seconds(16))], False),  # killed, or it stands still
    ],
)
def test_a_process_that_may_still_start_is_not_missed_yet_and_what_is_open_stays(beats: list[Heartbeat], waits: bool) -> None:
    (one,) = objects.look(own_process, facts(*beats))
    assert isinstance(one, Unsure) is waits
    assert not isinstance(one, Unsure) or one.covers("process", "", "poller")


def test_one_that_was_never_started_and_one_of_several_that_was_killed() -> None:
    never = Facts(NOON, None, beats=[beat(kind) for kind in KINDS if kind != "receiver"])
    assert titles(own_process, never) == ["Hareline’s receiver process has never stored a heartbeat; is it started?"]
    killed = facts(beat("web"), beat("web", holder="web-2:9:1", at=OLD))
    (one,) = found(own_process, killed)
    assert (one.level, "killed, stuck or cut off" in one.whole_title) == ("warning", True)


def test_processes_with_other_settings_and_a_web_process_that_is_behind() -> None:
    keys = [beat(kind, facts={"secret": "b" if kind == "web" else "a", "configuration": {}, "software": {}}) for kind in KINDS]
    (one,) = found(own_process, facts(*keys))
    assert "another secret key" in one.whole_title
    assert titles(own_process, facts(beat("web", measured={"tail_seconds": 14.0}))) == [
        "Hareline’s web process: it is 14 s behind the database, so that open pages show what was"
    ]
    assert titles(own_process, facts(beat("web", measured={"tail_seconds": 9.9}))) == []


def test_polls_that_are_late_count_only_while_the_poller_lives() -> None:
    late = objects.broker(tried_at=NOON - timedelta(minutes=3), polled_at=NOON - timedelta(minutes=3))
    (one,) = found(own_work, facts(brokers=[late]))
    assert (one.level, one.whole_title) == ("critical", "Hareline has stored no poll of prod since 11:57:00")
    assert titles(own_work, facts(beat("poller", at=OLD), brokers=[late])) == []


def test_polls_are_late_as_soon_as_the_numbers_are_old_where_the_poller_sends_no_requests() -> None:
    old = objects.broker(tried_at=NOON - timedelta(seconds=20), polled_at=NOON - timedelta(seconds=20))
    reported: list[dict[str, float]] = [{"prod": 0.0}, {"prod": 12.0}, {}]
    waits, still, standing_by = (beat("poller", holder=f"web-1:{pid}:1", measured={"idle_seconds": one}) for pid, one in enumerate(reported))
    assert titles(own_work, facts(still, standing_by, brokers=[old])) == ["Hareline has stored no poll of prod since 11:59:40"]
    for well in ((waits,), (standing_by,), (waits, still)):
        assert titles(own_work, facts(*well, brokers=[old])) == []
    assert titles(own_work, facts(still, brokers=[objects.broker()])) == [], "its numbers are new"


def test_a_thread_of_the_receiver_that_fails_or_stands_still() -> None:
    failing = objects.source(fault="the thread has ended by an error 4 times", fault_since=OLD)
    still = objects.source(pk=3, vhost="/b", beat_at=OLD)
    assert titles(own_work, facts(sources=[failing, still])) == [
        "Hareline’s receiver fails in / at prod",
        "Hareline’s receiver has stored nothing of /b at prod since 11:58:00",
    ]
    assert titles(own_work, facts(beat("receiver", at=OLD), sources=[failing, still])) == []


def test_events_that_wait_in_their_queue() -> None:
    source = objects.source(queue="hareline.x.events")
    (one,) = found(own_work, facts(sources=[source], waiting={2: 6000}))
    assert one.whole_title == "Hareline receives the events of / at prod late: 6,000 wait"
    assert one.evidence[0].source == "depth of hareline.x.events"
    assert titles(own_work, facts(sources=[source], waiting={2: 4999})) == titles(own_work, facts(sources=[source])) == []


def test_a_job_of_maintenance_that_is_late() -> None:
    def jobs(minutes: int, every: float | None = 60.0) -> Facts:
        done = {"at": (NOON - timedelta(minutes=minutes)).isoformat(), "seconds": 1.0, "every_seconds": every}
        return facts(beat("maintenance", measured={"jobs": {"deleting old data": done}}))

    assert titles(own_work, jobs(5)) == ["Hareline’s maintenance is late: deleting old data was last done at 11:55:00"]
    assert titles(own_work, jobs(4)) == titles(own_work, jobs(99, None)) == []


def test_a_job_is_not_late_that_another_process_does_now() -> None:
    done = ({"jobs": {"a job": {"at": (NOON - timedelta(minutes=minutes)).isoformat(), "every_seconds": 5.0}}} for minutes in (3, 0))
    before, now = (beat("maintenance", holder=f"web-1:{pid}:1", measured=one) for pid, one in enumerate(done))
    for order in ((before, now), (now, before)):
        assert titles(own_work, facts(*order)) == []
    assert len(titles(own_work, facts(before))) == 1


def test_a_disk_that_is_nearly_full_by_the_process_that_has_least() -> None:
    def disk(free: int) -> list[tuple[str, str]]:
        reported = found(own_storage, facts(beat("web", measured={"data_free_bytes": free}), database_bytes=10**9))
        return [(one.level, one.whole_title) for one in reported]

    assert disk(10**9) == []
    assert disk(5 * 10**8) == [("warning", "The disk of Hareline’s data has 500 MB free")]
    assert disk(10**7) == [("critical", "The disk of Hareline’s data has 10.0 MB free")]
    assert found(own_storage, facts(beat("web", at=OLD, measured={"data_free_bytes": 5}))) == []


def test_tasks_that_are_deleted_before_their_time() -> None:
    full: dict[str, Any] = {"tasks": 990_000, "tasks_most": 1_000_000, "task_days": 7.0}
    (one,) = found(own_storage, facts(**full, oldest_task_at=NOON - timedelta(days=2)))
    assert (one.level, one.whole_title) == ("notice", "Hareline keeps tasks for 2 d only, as there are more than are kept")
    for other in (
        {"oldest_task_at": NOON - timedelta(days=6.9)},
        {"oldest_task_at": None},
        {"tasks": 900_000, "oldest_task_at": NOON},
        {"tasks_most": None, "oldest_task_at": NOON},
    ):
        assert found(own_storage, facts(**(full | other))) == []


def test_a_database_that_takes_nothing() -> None:
    (one,) = found(own_storage, facts(not_stored="Hareline’s database is read-only, so nothing can be stored."))
    assert (one.level, one.object.kind) == ("critical", "hareline")


def identities(reported: list[Found]) -> set[str]:
    return {Facts(NOON).identity(one.rule, one.object, one.detail) for one in reported}


def test_all_of_it_at_once_has_an_identity_each() -> None:
    sources = [objects.source(fault="x"), objects.source(pk=3, vhost="/b", beat_at=OLD)]
    seen = facts(brokers=[objects.broker(tried_at=OLD), objects.broker(name="test", tried_at=OLD)], sources=sources, waiting={2: 6000, 3: 6000})
    reported = [one for rule in (own_process, own_work, own_storage) for one in found(rule, seen)]
    assert len(identities(reported)) == len(reported) == 6
