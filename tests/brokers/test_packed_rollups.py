"""Minutes that are packed by object answer as the rows did that they were made of."""

from __future__ import annotations

from datetime import datetime

import pytest

from brokers import queries
from brokers.models import Broker, Rollup, RollupBlock
from brokers.packing import pack_history
from brokers.queries.frames import moment
from brokers.queries.rollups import last_rollup, rollup_frames
from brokers.scope import EVERYTHING
from brokers.store import save_rollup_blocks, trim_history
from tests.brokers.facts import NOON, after
from tests.brokers.recorded import NAMES
from tests.brokers.recording import Recording, drop_polls, milliseconds, roll_up

pytestmark = pytest.mark.django_db
MOMENTS = (70, 1340, 2999, 3590, 3790, 5000, 7100)


@pytest.fixture
def recording() -> Recording:
    """Two hours in minutes, the first of which is to be packed."""
    found = Recording()
    found.poll(0, 7200)
    roll_up()
    drop_polls()
    Rollup.objects.filter(step=600).delete()
    return found


def pack() -> None:
    while pack_history():
        pass


def read(recording: Recording) -> list[object]:
    broker, found = recording.broker.pk, list[object]()
    for ids in (recording.ids, recording.ids[1:2]):
        found.append(queries.sparklines(EVERYTHING, broker, "queues", ids, "depth", NOON, after(7200), 60))
    found += [queries.history_bands(EVERYTHING, broker, "queues", recording.ids[0], NAMES, after(660), after(3300), 60)]
    for seconds in MOMENTS:
        at, then = moment(broker, "queues", after(seconds)) or (None, None)
        known = {name: {key: one for key, one in then.column(name).items() if one is not None} for name in NAMES[1:]} if then else {}
        found.append((at, then and then.every_seconds, known))
    return found


def test_minutes_that_are_packed_answer_as_before(recording: Recording) -> None:
    before, rows = read(recording), Rollup.objects.count()
    assert [pack_history(), pack_history()] == [1, 0]
    assert Rollup.objects.count() < rows - 40 and Rollup.objects.filter(is_key=True, data=b"").count() == RollupBlock.objects.count() == 1
    assert read(recording) == before
    recording.check(60, 0, 7200)
    assert moment(recording.broker.pk, "queues", after(3400)) is None and moment(recording.broker.pk, "queues", after(-60)) is None
    assert last_rollup(recording.broker.pk, "queues", 60) == after(7140)


def test_packed_minutes_are_trimmed_with_their_keyframe(recording: Recording) -> None:
    pack()
    trim_history(after(7400), 1, rollup_days={60: 1 / 24})
    assert not RollupBlock.objects.exists() and Rollup.objects.earliest("at").at == after(3720)


def test_of_packed_minutes_only_those_count_that_were_over_when_the_clock_was_set_back(recording: Recording) -> None:
    pack()
    recording.polls = [poll for poll in recording.polls if poll.at < milliseconds(1815)]
    recording.poll(1815, 2900)
    assert RollupBlock.objects.get().until == last_rollup(recording.broker.pk, "queues", 60) == after(1740)
    assert moment(recording.broker.pk, "queues", after(1801)) is not None
    roll_up()
    drop_polls()
    minutes = queries.history_bands(EVERYTHING, recording.broker.pk, "queues", recording.ids[0], ["ready"], after(60), after(2880), 60)
    assert minutes.times[-1] == after(2880) and [place for place, one in enumerate(minutes.share["ready"]) if one < 0.9] == [30]
    recording.check(60, 0, 1800)
    recording.check(60, 1860, 2880)
    pack()
    recording.check(60, 0, 1800)


def test_the_ends_of_a_gap_are_found_in_what_is_packed(recording: Recording) -> None:
    Rollup.objects.update(kind="broker")
    before = [queries.recorded_beside(EVERYTHING, after(seconds)) for seconds in (3300, -60, 9000)]
    Rollup.objects.update(kind="queues")
    pack()
    Rollup.objects.update(kind="broker")
    RollupBlock.objects.update(kind="broker")
    assert [queries.recorded_beside(EVERYTHING, after(seconds)) for seconds in (3300, -60, 9000)] == before


def test_the_ends_of_a_gap_of_all_brokers_are_those_of_the_one_that_was_recorded_longest(recording: Recording) -> None:
    pack()
    later = RollupBlock.objects.get()
    Rollup.objects.update(kind="broker")
    RollupBlock.objects.update(kind="broker")
    before = queries.recorded_beside(EVERYTHING, after(3300))
    later.pk, later.broker, later.kind, later.at, later.until = None, Broker.objects.create(name="started later"), "broker", after(1200), after(1260)
    later.save()
    assert queries.recorded_beside(EVERYTHING, after(3300)) == before


def test_rows_that_changed_meanwhile_are_not_packed(recording: Recording) -> None:
    rows = rollup_frames(recording.broker.pk, "queues", 60, NOON, after(3600))
    begins: list[datetime] = [at for at, _ in rows]
    assert len(begins) > 40
    Rollup.objects.filter(at=begins[-1]).delete()
    assert not save_rollup_blocks(recording.broker.pk, "queues", 60, begins, [])
    assert rollup_frames(recording.broker.pk, "queues", 60, NOON, after(3600)) == rows[:-1] and not RollupBlock.objects.exists()
