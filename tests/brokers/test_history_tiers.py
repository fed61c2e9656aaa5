"""History beyond the polls that are kept: every tier answers as the polls would have, whatever happens to the process that rolls them up."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
import zstandard
from django.db import connection, transaction
from structlog.testing import capture_logs

from brokers import queries, unreadable
from brokers.errors import NotRecorded
from brokers.history_bound import measure_and_trim
from brokers.history_bytes import Stored, kept_seconds
from brokers.models import Queue, Rollup, Snapshot, SnapshotBlock
from brokers.packing import pack_history
from brokers.queries import kept_frames
from brokers.queries.frames import moment
from brokers.queries.history_sizes import history_sizes
from brokers.rolling_up import HistoryRollups
from brokers.rollups import STEPS
from brokers.scope import EVERYTHING
from brokers.snapshots import Frame
from brokers.store import SnapshotWriter, trim_history
from tests.brokers.facts import NOON, a_broker, after
from tests.brokers.recorded import NAMES, NOTHING, Poll, row, truth

pytestmark = pytest.mark.django_db
EVERY = 30
OUTAGE = range(3000, 3700)
LATER = after(12 * 3600)


class Recording:
    """Three queues, polled every half minute, out of reach for some ten minutes; the second appears and the third is deleted meanwhile."""

    def __init__(self) -> None:
        self.broker = a_broker()
        rows = [Queue(broker=self.broker, vhost="/", name=name, first_seen_at=NOON, changed_at=NOON) for name in ("a", "b", "c")]
        Queue.objects.bulk_create(rows)
        self.ids = list(Queue.objects.order_by("pk").values_list("pk", flat=True))
        self.polls: list[Poll] = []
        self.dice = random.Random(7)
        self.writer = SnapshotWriter(self.broker.pk, "queues", EVERY)

    def poll(self, start: int, end: int) -> None:
        """From then to before then, in seconds after noon."""
        first, second, third = self.ids
        for seconds in range(start, end, EVERY):
            if seconds in OUTAGE:
                self.writer.write_gap(after(seconds))
                self.polls.append(Poll(milliseconds(seconds), None))
                continue
            known = {first: row(self.dice.randrange(500), self.dice.randrange(9), rate=self.dice.randrange(900) / 100)}
            known |= {second: row(seconds)} if seconds >= 1290 else {}
            known |= {third: row(5)} if seconds < 2010 else {}
            self.writer.write({second: NOTHING, third: NOTHING, **known}, after(seconds))
            self.polls.append(Poll(milliseconds(seconds), known))

    def check(self, step: int, start: int, end: int) -> None:
        """Every step of each number is what was polled."""
        for queue in self.ids:
            found = queries.history_bands(EVERYTHING, self.broker.pk, "queues", queue, NAMES, after(start + step), after(end), step)
            for place, time in enumerate(found.times):
                ends = round(time.timestamp() * 1000)
                expected = truth(self.polls, ends - step * 1000, ends, EVERY * 1000)
                for name in NAMES:
                    one = expected.get((queue, name))
                    numbers = tuple(part[name][place] for part in (found.average, found.minimum, found.maximum))
                    assert numbers == ((None,) * 3 if one is None else pytest.approx((one.average, one.minimum, one.maximum), abs=0.006)), (time, name)
                    assert found.share[name][place] == pytest.approx(one.seconds / step if one else 0, abs=0.002)

    @property
    def last(self) -> datetime:
        return datetime.fromtimestamp(self.polls[-1].at / 1000, NOON.tzinfo)


def milliseconds(seconds: int) -> int:
    return round(after(seconds).timestamp() * 1000)


def roll_up(rollups: HistoryRollups | None = None, now: datetime = LATER) -> None:
    rollups = rollups or HistoryRollups()
    while rollups.update(now):
        pass


def drop_polls() -> None:
    Snapshot.objects.all().delete()


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


def test_polls_that_are_packed_answer_as_before(recording: Recording) -> None:
    recording.poll(0, 7200)
    where = (EVERYTHING, recording.broker.pk, "queues")
    exact = [seconds for seconds in range(0, 7200, 311) if seconds not in range(3000, 3730)]

    def read() -> list[object]:
        found: list[object] = [queries.history(*where, queue, [*NAMES], NOON, after(7200), step) for queue in (0, *recording.ids, 10**9) for step in (11, 30)]
        found += [queries.sparklines(*where, recording.ids, "depth", after(100), after(5000), 60)]
        found += [queries.recorded(recording.broker.pk, "queues", after(seconds)) for seconds in exact]
        for seconds in exact:
            at, then = moment(recording.broker.pk, "queues", after(seconds)) or (None, None)
            assert then is not None
            found.append((at, then.every_seconds, {name: {key: one for key, one in then.column(name).items() if one is not None} for name in NAMES[1:]}))
        return found

    before, polls = read(), Snapshot.objects.count()
    assert [pack_history() for _ in range(3)] == [12, 9, 0]
    assert read() == before and Snapshot.objects.count() == polls  # nothing is rolled up yet
    roll_up()
    pack_history()
    assert Snapshot.objects.filter(is_key=False).count() < 10 < polls / 5
    Rollup.objects.all().delete()
    assert read() == before
    recording.check(60, 0, 7200)
    assert moment(recording.broker.pk, "queues", after(3400)) is None


def test_what_cant_be_read_is_one_line_in_the_log_an_hour(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    recording.poll(0, 900)
    Snapshot.objects.filter(is_key=False, at__lt=after(300)).update(data=b"\x09" + bytes(6))
    clock = [0.0]
    monkeypatch.setattr(unreadable.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(unreadable, "_logged", {})
    with capture_logs() as lines:
        for minutes in range(59):
            clock[0] = 60.0 * minutes
            SnapshotBlock.objects.all().delete()
            pack_history()
        assert [line["event"] for line in lines] == ["polls_could_not_be_read"]
        clock[0] = 3600.0
        SnapshotBlock.objects.all().delete()
        pack_history()
        Snapshot.objects.filter(is_key=False, at__lt=after(600)).update(data=b"\x08" + bytes(6))
        SnapshotBlock.objects.all().delete()
        pack_history()
    assert [("format 9" in line["reason"], "format 8" in line["reason"]) for line in lines] == [(True, False)] * 2 + [(False, True)] * 2


def test_polls_that_are_packed_while_they_are_read_are_read_once(recording: Recording) -> None:
    recording.poll(0, 7200)
    pack_history()
    where = (EVERYTHING, recording.broker.pk, "queues", recording.ids[0], [*NAMES], NOON, after(7200), 30)
    before, packed = queries.history(*where), []

    def pack_before(execute: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        if sql.startswith("SELECT id, at, length(data) FROM brokers_snapshot WHERE"):  # what is not packed, by the blocks that there were before
            packed.append(pack_history())
        return execute(sql, *arguments)

    with connection.execute_wrapper(pack_before):
        assert queries.history(*where) == before
    assert packed == [9]


def test_polls_that_are_deleted_while_they_are_read_leave_out_what_needs_them(recording: Recording) -> None:
    recording.poll(0, 1200)
    where = (EVERYTHING, recording.broker.pk, "queues", recording.ids[0], [*NAMES], NOON, after(1170), 30)
    before = queries.history(*where)
    kept_frames.KEPT.clear()

    def delete_before(execute: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        if sql.startswith("SELECT id, data FROM brokers_snapshot"):
            Snapshot.objects.filter(at__lt=after(600)).delete()
        return execute(sql, *arguments)

    with connection.execute_wrapper(delete_before):
        found = queries.history(*where)
    assert {name: numbers[20:] for name, numbers in found.values.items()} == {name: numbers[20:] for name, numbers in before.values.items()}
    assert all(numbers[:20] == [None] * 20 for numbers in found.values.values())


def test_the_latest_polls_are_read_from_the_database_once(recording: Recording) -> None:
    recording.poll(0, 900)
    read = list[str]()

    def noted(execute: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        read.extend([sql] if sql.startswith("SELECT id, data FROM brokers_snapshot") else [])
        return execute(sql, *arguments)

    with connection.execute_wrapper(noted):
        for queue in recording.ids:
            queries.history(EVERYTHING, recording.broker.pk, "queues", queue, [*NAMES], NOON, after(900), 30)
        assert len(read) == 1 and read[0].count("%s") == 30
        recording.poll(900, 930)
        queries.history(EVERYTHING, recording.broker.pk, "queues", recording.ids[0], [*NAMES], NOON, after(930), 30)
    assert len(read) == 2 and read[1].count("%s") == 1


def test_frames_are_kept_up_to_so_many_bytes_and_the_oldest_go_first(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    recording.poll(0, 300)
    rows = list(Snapshot.objects.order_by("pk").values_list("pk", "at", "data"))
    kept, one = kept_frames.KeptFrames(), zstandard.ZstdDecompressor()
    monkeypatch.setattr(kept_frames, "MOST_BYTES", sum(len(data) for _, _, data in rows[1:]))
    keys = [("brokers_snapshot", pk, at, len(data)) for pk, at, data in rows]
    for key, (_, _, data) in zip(keys, rows, strict=True):
        kept.put(key, Frame(bytes(data), one))
        kept.get(keys[1])
    assert [place for place, key in enumerate(keys) if kept.get(key) is None] == [0]
    monkeypatch.setattr(kept_frames, "MOST_BYTES_OF_ONE", 1)
    kept.clear()
    kept.put(keys[0], Frame(bytes(rows[0][2]), one))
    assert kept.get(keys[0]) is None


def test_polls_are_deleted_once_they_are_packed_and_rolled_up_and_blocks_are_trimmed_too(recording: Recording) -> None:
    recording.poll(0, 7200)
    roll_up(now=recording.last)  # up to 6600
    pack_history(), pack_history()
    assert after(6000) < Snapshot.objects.filter(is_key=False).earliest("at").at < after(6600) < SnapshotBlock.objects.latest("until").until
    before = history_sizes()[0].size_bytes
    trim_history(after(7200), 1.5)
    assert after(1200) <= SnapshotBlock.objects.earliest("at").at <= after(1800)
    assert history_sizes()[0].size_bytes < before


def test_packed_polls_of_a_time_that_is_recorded_again_are_deleted(recording: Recording) -> None:
    recording.poll(0, 7200)
    roll_up()
    pack_history()
    recording.poll(1230, 1260)
    assert SnapshotBlock.objects.latest("until").until <= after(1230) and SnapshotBlock.objects.exists()
