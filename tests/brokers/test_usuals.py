"""What is usual of queues, learned from hours of snapshots."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from brokers import usual_learning
from brokers.models import Broker, UsualHour, Usuals
from brokers.queries.usuals import usuals_data
from brokers.snapshots import Encoder, gap_frame
from brokers.store import SnapshotWriter
from brokers.usual_hours import HOUR, WEEK, Numbers, decode, encode, hour_of, learned, usuals_of
from brokers.usuals import Usual

SEVEN = datetime(2026, 11, 24, 7, tzinfo=UTC)


def keyframes(depths: list[int | None], queue: int = 5, consumers: int = 2, publish: float = 2.0) -> list[tuple[datetime, bytes]]:
    """One in five minutes from seven o'clock on; None is a gap."""
    encoder, found = Encoder("queues"), []
    for number, depth in enumerate(depths):
        at = SEVEN + timedelta(minutes=5 * number)
        row = (depth, 0, consumers, publish, publish, publish, 0.0, None)
        found.append((at, gap_frame("queues", 5.0) if depth is None else encoder.encode({queue: row, 9: (0, 0, 0, 0.0, 0.0, 0.0, 0.0, None)}, 5.0, True)))
    return found


def hour(depth: float, mad: float = 0.0, queue: int = 5) -> Numbers:
    values = np.full((4, 2, 1), np.nan, np.float32)
    values[0] = [[depth], [mad]]
    return Numbers(np.array([queue], np.int64), values)


def test_an_hour_has_median_and_mad_of_each_number() -> None:
    found = hour_of(keyframes([10, 20, 30, 40, 500]))
    assert found.ids.tolist() == [5, 9]
    depth, growth, consumers, oldest = found.values[:, :, 0].tolist()
    assert depth == [30, 10]
    assert growth[0] == pytest.approx(10 / 300)
    assert consumers == [2, 0]
    assert oldest[0] == pytest.approx(30 / (2 + 10 / 300), rel=0.1)  # estimated: ready by what comes in
    assert found.values[:, 0, 1].tolist() == [0, 0, 0, 0]


def test_a_gap_is_unknown_and_nothing_grows_over_it() -> None:
    found = hour_of(keyframes([10, None, None, 910]))
    assert found.values[0, 0, 0] == 460
    assert np.isnan(found.values[1, 0, 0])
    assert len(hour_of(keyframes([None])).ids) == len(hour_of([]).ids) == 0


def test_it_is_stored_in_few_bytes_and_read_again() -> None:
    ids = np.arange(1, 10_001, dtype=np.int64) * 3
    values = np.zeros((4, 2, 10_000), np.float32)
    values[0, 0, :50] = 17.5
    data = encode(Numbers(ids, values))
    assert len(data) < 2000
    again = decode(data)
    assert (again.ids == ids).all() and (again.values == values).all()
    with pytest.raises(ValueError, match="damaged"):
        decode(data[:-7])


def test_the_same_hour_of_the_week_counts_where_enough_weeks_are_known() -> None:
    weeks = {SEVEN - week * WEEK: hour(100 + week) for week in range(1, 6)}
    lately = {SEVEN - back * HOUR: hour(7) for back in range(1, 40)}
    (usuals,) = usuals_of(learned(weeks | lately, SEVEN), [5]).values()
    assert usuals["depth"] == Usual(103, 1, 5, weeks=5)
    assert usuals["depth"].basis == "at this hour, from 5 weeks"
    few = dict(list(weeks.items())[:2])
    (usuals,) = usuals_of(learned(few | lately, SEVEN), [5]).values()
    assert usuals["depth"] == Usual(7, 0, 39, hours=39)
    assert usuals_of(learned({SEVEN - back * HOUR: hour(7) for back in range(1, 6)}, SEVEN), [5]) == {}  # too few of both


def test_one_odd_hour_changes_little_and_how_much_it_moves_within_an_hour_counts() -> None:
    hours = {SEVEN - back * HOUR: hour(20, mad=4) for back in range(1, 9)} | {SEVEN - 9 * HOUR: hour(90_000)}
    usual = usuals_of(learned(hours, SEVEN), [5])[5]["depth"]
    assert (usual.median, usual.mad, usual.samples) == (20, 4, 9)
    assert (usual.low, usual.high) == (2.2088, 37.7912)


def test_queues_of_which_nothing_is_known_are_left_out() -> None:
    found = learned({SEVEN - back * HOUR: hour(1) for back in range(1, 9)}, SEVEN)
    assert set(usuals_of(found, [1, 5, 99])) == {5}
    assert usuals_of(learned({}, SEVEN), [5]) == {}


@pytest.mark.django_db
def test_the_job_reads_each_hour_once_and_learns_for_the_hour_that_begins() -> None:
    broker = Broker.objects.create(name="prod")
    writer = SnapshotWriter(broker.pk, "queues")
    began = SEVEN - timedelta(hours=9)
    for number in range(9 * 12 + 3):
        writer.write({5: (100 + number % 3, 0, 2, 1.0, 1.0, 1.0, 0.0, None)}, began + timedelta(minutes=5 * number))
        writer.start_anew()
    usual_learning.learn_usuals(SEVEN + timedelta(minutes=12))
    assert UsualHour.objects.count() == usual_learning.AT_ONCE
    usual_learning.learn_usuals(SEVEN + timedelta(minutes=17))
    assert sorted(UsualHour.objects.values_list("at", flat=True)) == [began + number * HOUR for number in range(9)]
    assert Usuals.objects.get().at == SEVEN
    usual = usuals_of(decode(usuals_data(broker.pk)), [5])[5]
    assert (usual["depth"], usual["consumers"].median) == (Usual(101, 1, 9, hours=9), 2)

    UsualHour.objects.filter(at=began).update(at=SEVEN - usual_learning.KEPT - HOUR)
    usual_learning.learn_usuals(SEVEN + HOUR)
    assert UsualHour.objects.filter(at__lt=began).count() == 0
    assert Usuals.objects.get().at == SEVEN + HOUR


@pytest.mark.django_db
def test_an_hour_that_is_damaged_is_left_out_and_keeps_no_broker_from_learning(caplog: pytest.LogCaptureFixture) -> None:
    for name in ("prod", "test"):
        broker = Broker.objects.create(name=name)
        for back in range(1, 9):
            data = encode(hour(back)) if (name, back) != ("prod", 3) else b"damaged"
            UsualHour.objects.create(broker=broker, at=SEVEN - back * HOUR, data=data)
    usual_learning.learn_usuals(SEVEN)
    learned_from = {broker.name: usuals_of(decode(usuals_data(broker.pk)), [5])[5]["depth"].samples for broker in Broker.objects.all()}
    assert learned_from == {"prod": 7, "test": 8}
    assert "damaged usual numbers" in caplog.text
