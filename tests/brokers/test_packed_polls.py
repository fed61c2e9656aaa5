"""Polls that are packed by object answer as before, also while they are packed, and what of them is kept in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import zstandard
from django.db import connection
from structlog.testing import capture_logs

from brokers import queries, unreadable
from brokers.models import Rollup, Snapshot, SnapshotBlock
from brokers.packing import pack_history
from brokers.queries import kept_frames
from brokers.queries.frames import moment
from brokers.queries.history_sizes import history_sizes
from brokers.scope import EVERYTHING
from brokers.snapshots import Frame
from brokers.store import trim_history
from tests.brokers.facts import NOON, after
from tests.brokers.recorded import NAMES
from tests.brokers.recording import Recording, roll_up

pytestmark = pytest.mark.django_db


@pytest.fixture
def recording() -> Recording:
    return Recording()


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


@pytest.mark.parametrize("packed", [range(1), range(5)], ids=["a keyframe alone", "all"])
def test_rows_that_are_emptied_as_they_are_packed_between_two_statements_are_left_to_their_block(recording: Recording, packed: range) -> None:
    recording.poll(0, 600)
    roll_up()
    rows = list(Rollup.objects.filter(step=60).order_by("at").values_list("pk", flat=True))

    def pack_between(execute: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        if sql.startswith("SELECT id, data FROM brokers_rollup"):
            Rollup.objects.filter(pk__in=[rows[place] for place in packed]).update(data=b"")
        return execute(sql, *arguments)

    kept_frames.KEPT.clear()
    where = "broker_id = %s AND kind = 'queues' AND step = 60 AND length(data) > 0"
    with connection.execute_wrapper(pack_between):
        assert len(kept_frames.frames_where("brokers_rollup", where, [recording.broker.pk])) == len(rows) - len(packed)
