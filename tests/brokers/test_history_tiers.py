"""History beyond the polls that are kept: every tier answers as the polls would have, whatever happens to the process that rolls them up."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from django.db import transaction

from brokers import queries
from brokers.errors import NotRecorded
from brokers.history_bound import measure_and_trim
from brokers.history_bytes import Stored, kept_seconds
from brokers.models import Queue, Rollup, Snapshot
from brokers.queries.frames import moment
from brokers.queries.history_sizes import history_sizes
from brokers.rolling_up import HistoryRollups
from brokers.rollups import STEPS
from brokers.scope import EVERYTHING
from brokers.store import trim_history
from tests.brokers.facts import NOON, after
from tests.brokers.recorded import NAMES, truth
from tests.brokers.recording import EVERY, LATER, Recording, drop_polls, milliseconds, roll_up

pytestmark = pytest.mark.django_db


@pytest.fixture
def recording() -> Recording:
    return Recording()


def test_bands_are_what_was_polled_also_where_the_polls_are_not_kept_any_more(recording: Recording) -> None:
    recording.poll(0, 7200)
    roll_up()
    recording.check(600, 0, 7200)
    drop_polls()
    for step in (60, 600, 1800):
        recording.check(step, 0, 7200)
    Rollup.objects.filter(step=60).delete()
    recording.check(600, 0, 7200)


def test_polls_answer_for_what_is_not_rolled_up_yet(recording: Recording) -> None:
    recording.poll(0, 7200)
    roll_up(now=recording.last)
    assert Rollup.objects.filter(step=600).count() == 10  # none in the outage, and the last is not over
    recording.check(600, 0, 6600)
    recording.check(60, 6000, 7140)


def test_a_number_of_a_step_is_its_average_and_none_where_less_than_half_was_recorded(recording: Recording) -> None:
    recording.poll(0, 4200)
    roll_up()
    drop_polls()
    queue = recording.ids[0]
    found = queries.history(EVERYTHING, recording.broker.pk, "queues", queue, ["depth"], after(600), after(4200), 600)
    averages = [truth(recording.polls, milliseconds(end - 600), milliseconds(end), EVERY * 1000).get((queue, "depth")) for end in range(600, 4201, 600)]
    expected = [round(one.average, 2) if one and one.seconds >= 300 else None for one in averages]
    assert [None if number is None else round(number, 2) for number in found.values["depth"]] == pytest.approx(expected, abs=0.011)
    assert expected[5] is None and found.resolution_seconds == 600


def test_a_past_moment_is_that_of_the_last_minute_and_says_so(recording: Recording) -> None:
    recording.poll(0, 4200)
    roll_up()
    drop_polls()
    for step, seconds in ((60, 1340), (600, 1900)):
        found, recorded = moment(recording.broker.pk, "queues", after(seconds)), queries.recorded(recording.broker.pk, "queues", after(seconds))
        assert found is not None
        at, then = found
        ends = round(at.timestamp() * 1000)
        assert (at, then.every_seconds) == (after(seconds // step * step), step) == (recorded.at, recorded.every_seconds)
        expected = truth(recording.polls, ends - step * 1000, ends, EVERY * 1000)
        for name in NAMES[1:]:
            known = {queue: one.last for (queue, metric), one in expected.items() if metric == name and one.last is not None}
            assert {queue: number for queue, number in then.column(name).items() if number is not None} == known
        if step == 60:
            Rollup.objects.filter(step=60).delete()


def test_of_a_moment_in_a_gap_or_before_the_first_poll_nothing_is_recorded(recording: Recording) -> None:
    recording.poll(0, 4200)
    roll_up()
    drop_polls()
    for seconds in (3400, -100, 30_000):
        assert moment(recording.broker.pk, "queues", after(seconds)) is None
        with pytest.raises(NotRecorded):
            queries.recorded(recording.broker.pk, "queues", after(seconds))
        with pytest.raises(NotRecorded):
            queries.queues(EVERYTHING, broker="prod", at=after(seconds))


def test_history_goes_back_to_the_first_moment_that_can_be_shown(recording: Recording) -> None:
    of_broker = {"broker": recording.broker, "kind": "broker", "data": b"", "is_key": True}
    Snapshot.objects.create(**of_broker, step=5, at=after(480))
    Rollup.objects.create(**of_broker, step=600, at=NOON)  # of ten minutes of which nothing but the end is recorded
    assert queries.recorded_since(EVERYTHING) == {recording.broker.pk: {5: after(480), 600: after(600)}}
    assert queries.first_recorded(EVERYTHING) == after(480)


def test_a_process_that_is_started_anew_or_undone_continues_where_the_last_one_was(recording: Recording) -> None:
    class KilledError(Exception):
        pass

    first, second = HistoryRollups(), HistoryRollups()
    for part in range(3):
        recording.poll(part * 1500, (part + 1) * 1500)
        with pytest.raises(KilledError), transaction.atomic():
            first.update(recording.last)
            raise KilledError
        for rollups in (first, second, first, HistoryRollups()):
            rollups.update(recording.last)
    roll_up(first)
    drop_polls()
    for step in STEPS:
        recording.check(step, 0, 4200)


def test_a_day_of_polls_that_was_never_rolled_up_is_caught_up_with_an_hour_at_a_time(recording: Recording) -> None:
    recording.poll(0, 14_400)
    rollups = HistoryRollups()
    assert rollups.update(LATER) == 50 + 5
    roll_up(rollups)
    assert Rollup.objects.filter(step=60).count() == 240 - 12  # without the outage
    assert Rollup.objects.filter(step=600).count() == 24 - 1


def test_an_hour_that_is_recorded_again_after_the_clock_was_set_back_is_not_mixed_with_what_was_there(recording: Recording) -> None:
    recording.poll(0, 2700)
    roll_up()
    recording.polls = [poll for poll in recording.polls if poll.at < milliseconds(915)]
    recording.poll(915, 2415)
    roll_up()
    drop_polls()
    for step in STEPS:
        recording.check(step, 0, 2400)
    assert max(Rollup.objects.values_list("at", flat=True)) == after(2340)


def test_nothing_is_known_of_an_hour_that_the_clock_was_set_forward(recording: Recording) -> None:
    recording.poll(0, 1200)
    roll_up(now=after(4900))
    recording.poll(4800, 6000)
    roll_up()
    drop_polls()
    for step in STEPS:
        recording.check(step, 0, 6000)


def test_rollups_are_kept_for_their_own_time_and_deleted_objects_as_long_as_the_longest(recording: Recording) -> None:
    recording.poll(0, 14_400)
    roll_up()
    Queue.objects.filter(pk=recording.ids[2]).update(gone_at=after(2010))
    trim_history(after(14_400), 1, rollup_days={60: 2 / 24, 600: 5 / 24})
    assert [Snapshot.objects.order_by("at")[0].at, Rollup.objects.filter(step=60).order_by("at")[0].at] == [after(10_620), after(7200)]
    assert Rollup.objects.filter(step=600).count() == 23 and Queue.objects.filter(pk=recording.ids[2]).exists()
    recording.check(600, 0, 14_400)
    trim_history(after(14_400), 1, rollup_days={60: 2 / 24, 600: 2 / 24})
    assert not Queue.objects.filter(pk=recording.ids[2]).exists()


def test_history_is_kept_within_its_bytes(recording: Recording) -> None:
    recording.poll(0, 9000)
    roll_up()
    before = {one.tier: one for one in measure_and_trim(0)}
    total = sum(one.size_bytes for one in before.values())
    assert list(before) == [5, 60, 600] and total > 100_000
    for _ in range(2):
        measure_and_trim(total * 0.7)
    after_that = {one.tier: one for one in history_sizes()}
    assert sum(one.size_bytes for one in after_that.values()) <= total * 0.7
    assert after_that[5].first > before[5].first and after_that[60].first == before[60].first
    recording.check(600, 0, 9000)


def test_when_polls_alone_are_not_enough_minutes_go_and_then_all_alike() -> None:
    day = 86_400.0
    stored = [Stored(5, 0, day, 100.0), Stored(60, 0, 10 * day, 100.0), Stored(600, 0, 80 * day, 100.0)]
    assert kept_seconds(stored, 300) == {}
    assert kept_seconds(stored, 250) == {5: day / 2}
    assert kept_seconds(stored, 150) == pytest.approx({5: 3600.0, 60: 4.583333 * day}, rel=1e-5)
    least = kept_seconds(stored, 10)
    assert least[5] == 1800 and least[600] == pytest.approx(7 * day * 10 / 22.916667, rel=1e-6)


def test_a_sparkline_of_a_history_of_minutes_is_of_its_polls_and_ends_with_the_latest(recording: Recording) -> None:
    recording.poll(0, 301)
    queue, polled = recording.ids[0], [poll.queues[recording.ids[0]][0] for poll in recording.polls if poll.queues]
    where = (EVERYTHING, recording.broker.pk, "queues", [queue], "ready")

    def line(end: int) -> list[float | None]:
        return queries.sparklines(*where, after(end) - timedelta(hours=1), after(end), 60)[queue]

    before = line(300)
    roll_up(now=recording.last)
    known = [number for number in line(300) if number is not None]
    assert line(300) == before and len(before) == 60 and len(known) == 60
    assert sorted(set(known)) == sorted(set(polled)) and known[0] == polled[0] and known[-1] == polled[-1]
    short = [number for number in line(60) if number is not None]
    assert (len(short), short[0], short[-1]) == (13, polled[0], polled[2])


def test_the_step_is_chosen_by_the_time_and_by_what_is_recorded(recording: Recording) -> None:
    recording.poll(0, 7200)
    where = (EVERYTHING, recording.broker.pk, "queues", recording.ids[0], ["ready"])
    assert steps(queries.history(*where, after(3600), after(7200), None).times) == {5}
    roll_up()
    drop_polls()
    found = queries.history(*where, after(4), after(7200), None)
    assert (steps(found.times), found.times[0]) == ({60}, NOON)
    assert steps(queries.history_bands(*where, NOON - timedelta(days=80), after(7200)).times) == {10_800}


def steps(times: list[datetime]) -> set[float]:
    return {(later - earlier).total_seconds() for earlier, later in pairwise(times)}
