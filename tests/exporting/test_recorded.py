"""Samples made of snapshots: a store that has them shows at each moment what Hareline's own history shows, gaps included."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from brokers.recorded_moments import moments_of
from brokers.snapshots import METRICS, Encoder, gap_frame
from dashboard.exporting.names import Figure
from dashboard.exporting.protocol import STALE, WriteRequest, encoded
from dashboard.exporting.recorded import KINDS, Window, window, written_figures

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
STEP = timedelta(seconds=5)
READY, UNACKED, MESSAGES = (next(figure for figure in written_figures("queues") if figure.field == name) for name in ("ready", "unacknowledged", "messages"))
Row = tuple[float | None, ...]
Frames = list[tuple[datetime, bytes, bool]]
"""Moment, frame, whether it is a keyframe."""


def row(ready: float | None, unacknowledged: float | None = 0, rate: float | None = None) -> Row:
    return (ready, unacknowledged, None, rate, *[None] * (len(METRICS["queues"]) - 4))


def recorded(polls: Sequence[Mapping[int, Row] | str]) -> Frames:
    """What the poller stores: a frame each 5 s, "failed" for a poll that failed and "missing" for one that was not made."""
    encoder, found, last, is_key = Encoder("queues"), Frames(), NOON - timedelta(hours=1), True
    for number, poll in enumerate(polls):
        at = NOON + number * STEP
        if poll == "failed":
            found.append((at, gap_frame("queues", 5.0), True))
            is_key = True
        elif not isinstance(poll, str):
            is_key = is_key or at - last > 3 * STEP
            found.append((at, encoder.encode(poll, 5.0, is_key), is_key))
            last, is_key = at, False
    return found


def from_keyframe(frames: Frames, after: datetime) -> list[tuple[datetime, bytes]]:
    """As `brokers.queries.frames` reads them."""
    first = max((at for at, _, is_key in frames if is_key and at <= after), default=datetime.min.replace(tzinfo=UTC))
    return [(at, data) for at, data, _ in frames if at >= first]


def all_windows(frames: Frames, every_seconds: float, most_samples: int, most_objects: int = 1000) -> list[Window]:
    after, found = NOON - timedelta(seconds=1), []
    while (one := window("queues", moments_of("queues", from_keyframe(frames, after)), after, every_seconds, most_objects, most_samples)).until is not None:
        found.append(one)
        after = one.until
    return found


def joined(windows: list[Window]) -> dict[tuple[Figure, int], list[tuple[int, float | None]]]:
    """The samples of all windows, None for a stale marker."""
    found: dict[tuple[Figure, int], list[tuple[int, float | None]]] = {}
    for one in windows:
        for key, samples in one.samples.items():
            found.setdefault(key, []).extend((at, None if math.isnan(value) else value) for at, value in samples)
    return found


def milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def shown(samples: Sequence[tuple[int, float | None]], at: datetime) -> float | None:
    """What a store answers for a moment."""
    return next((value for then, value in reversed(samples) if then <= milliseconds(at)), None)


queues = st.dictionaries(st.integers(1, 4), st.tuples(st.none() | st.integers(0, 99), st.none() | st.integers(0, 9), st.none() | st.just(0.25)), max_size=3)
polls = st.lists(st.sampled_from(["failed", "missing", "missing"]) | queues, min_size=1, max_size=14)


@given(polls, st.integers(1, 40))
def test_a_store_shows_what_was_recorded_and_nothing_where_nothing_was(drawn: list[dict[int, tuple[float | None, ...]] | str], most_samples: int) -> None:
    steps = [step if isinstance(step, str) else {key: row(*values) for key, values in step.items()} for step in drawn]
    frames = recorded(steps)
    found = joined(all_windows(frames, 1.0, most_samples))
    assert found == joined(all_windows(frames, 1.0, 10**9))  # wherever one window ends and the next begins
    assert all([at for at, _ in samples] == sorted({at for at, _ in samples}) for samples in found.values())
    if not frames:
        return
    state: dict[int, Row] = {}
    truth, holds_until = state, NOON - STEP
    for number, step in enumerate(steps[: 1 + round((frames[-1][0] - NOON) / STEP)]):
        at = NOON + number * STEP
        if step == "failed":
            truth, holds_until = {}, at
        elif not isinstance(step, str):
            state.update(step)
            truth, holds_until = dict(state), at + 3 * STEP
        for moment in (at, at + STEP / 2) if number + 1 < len(steps) and at + STEP / 2 <= frames[-1][0] else (at,):
            holds = moment < holds_until
            for key in range(1, 5):
                ready, unacknowledged = truth.get(key, row(None, None))[:2] if holds else (None, None)
                both = None if ready is None or unacknowledged is None else ready + unacknowledged
                for figure, value in ((READY, ready), (UNACKED, unacknowledged), (MESSAGES, both)):
                    assert shown(found.get((figure, key), []), moment) == value, (moment - NOON, key, figure.field)


def test_moments_closer_than_the_interval_are_left_out_but_not_the_end_of_what_was_known() -> None:
    frames = recorded([*({1: row(number)} for number in range(7)), "failed", {1: row(8)}, {1: row(9)}])
    samples = joined(all_windows(frames, 15.0, 10**9))[READY, 1]
    assert [(at - milliseconds(NOON), value) for at, value in samples] == [(0, 0), (15_000, 3), (30_000, 6), (35_000, None), (40_000, 8)]


def test_missing_polls_end_a_series_once_the_last_one_no_longer_counts() -> None:
    frames = recorded([{1: row(1)}, *["missing"] * 9, {1: row(2)}])
    samples = joined(all_windows(frames, 15.0, 10**9))[READY, 1]
    assert [(at - milliseconds(NOON), value) for at, value in samples] == [(0, 1), (15_000, None), (50_000, 2)]


def test_of_too_many_queues_the_deepest_are_written() -> None:
    frames = recorded([{1: row(5), 2: row(1, 9), 3: row(7)}, {1: row(50)}])
    found = joined(all_windows(frames, 1.0, 10**9, most_objects=2))
    assert [value for _, value in found[READY, 2]] == [1, 1]
    assert [value for _, value in found[READY, 3]] == [7, None]
    assert [value for _, value in found[READY, 1]] == [50]


def test_every_kind_has_families_for_its_recorded_numbers() -> None:
    for kind in KINDS:
        assert {figure.field for figure in written_figures(kind)} >= {metric.name for metric in METRICS[kind]}, kind


def test_a_stale_marker_keeps_its_bits() -> None:
    request = WriteRequest.FromString(decompressed(encoded([([("__name__", "up"), ("broker", "prod")], [(1000, 2.5), (2000, STALE)])])))
    assert bytes.fromhex("020000000000f07f") in request.SerializeToString()
    assert [(label.name, label.value) for label in request.timeseries[0].labels] == [("__name__", "up"), ("broker", "prod")]
    assert [sample.timestamp for sample in request.timeseries[0].samples] == [1000, 2000]


def decompressed(body: bytes) -> bytes:
    import cramjam

    return bytes(cramjam.snappy.decompress_raw(body))
