"""Writing snapshots: one row a poll and kind, in the codec of `brokers.snapshots`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from brokers.models import Snapshot, SnapshotBlock
from brokers.snapshots import RAW_STEP, STEPS_TO_A_GAP, Encoder, gap_frame
from brokers.store.rollups import drop_rollups_after
from brokers.store.rows import insert_rows

KEYFRAME_EVERY = timedelta(minutes=5)
_FIELDS = ("broker", "kind", "step", "at", "is_key", "data")


class SnapshotWriter:
    """Writes the snapshots of one kind ("queues", "workers") of one broker, inside the caller's transaction.

    The caller passes only what changed; after a failed commit it discards the writer (or calls `start_anew` and passes everything).
    """

    def __init__(self, broker_id: int, kind: str, interval_seconds: float = 5.0) -> None:
        self.interval_seconds = interval_seconds
        self._broker_id, self._kind = broker_id, kind
        self._encoder = Encoder(kind)
        self._key_due_at: datetime | None = None
        self._last_at: datetime | None = None
        self._in_gap = False

    @property
    def is_new(self) -> bool:
        """Nothing was written yet: the next `write` needs every object, not only what changed."""
        return self._last_at is None

    def start_anew(self) -> None:
        """The next snapshot is a keyframe: nothing was written for a while."""
        self._key_due_at = None

    def write_gap(self, at: datetime) -> None:
        """Stores that from this moment on nothing is known, until the next `write`; repeated calls store it once."""
        if not self._in_gap and (self._last_at is None or at > self._last_at):
            data = gap_frame(self._kind, self.interval_seconds)
            self._insert(at, True, data)
            self._in_gap = True
        self.start_anew()

    def write(self, changed: Mapping[int, Sequence[float | None]], at: datetime) -> None:
        """Stores a moment: the numbers of the objects that changed, by primary key, in the order of `snapshots.METRICS[kind]`."""
        if self._last_at is None or at <= self._last_at:
            self._drop_later(at)
        is_key = self._key_due_at is None or at >= self._key_due_at or self._missed(at)
        data = self._encoder.encode(changed, self.interval_seconds, is_key)
        self._insert(at, is_key, data)
        if is_key:
            self._key_due_at = at + KEYFRAME_EVERY
        self._last_at, self._in_gap = at, False

    def _insert(self, at: datetime, is_key: bool, data: bytes) -> None:
        insert_rows(Snapshot, _FIELDS, [(self._broker_id, self._kind, RAW_STEP, at, is_key, data)])

    def _drop_later(self, at: datetime) -> None:
        """Deletes what was stored for moments still to come, before the clock was set back: it would mix with what follows."""
        Snapshot.objects.filter(broker_id=self._broker_id, kind=self._kind, step=RAW_STEP, at__gt=at).delete()
        SnapshotBlock.objects.filter(broker_id=self._broker_id, kind=self._kind, until__gt=at).delete()
        drop_rollups_after(self._broker_id, self._kind, at)

    def _missed(self, at: datetime) -> bool:
        return self._last_at is None or not timedelta() < at - self._last_at <= STEPS_TO_A_GAP * timedelta(seconds=self.interval_seconds)
