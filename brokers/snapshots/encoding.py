"""The frames of polls, written one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import zstandard

from brokers.snapshots.codes import codes_of
from brokers.snapshots.frames import VERSION, packed
from brokers.snapshots.metrics import METRICS
from brokers.snapshots.reading import Moment


class Encoder:
    """Encodes the frames of one kind, each as the differences to the previous one."""

    def __init__(self, kind: str) -> None:
        self._moment = Moment(METRICS[kind])
        self._compressor = zstandard.ZstdCompressor(level=6)

    def encode(self, changed: Mapping[int, Sequence[float | None]], interval_seconds: float, is_key: bool) -> bytes:
        """The frame after these objects took these numbers (in the order of METRICS). One that is gone has only None."""
        moment = self._moment
        ids = np.array(sorted(changed), np.int64)
        codes = codes_of([changed[key] for key in ids.tolist()], moment.metrics)
        places = moment.places(ids)
        differences = codes - moment.codes[:, places]
        moment.codes[:, places] = codes
        if is_key:
            kept = moment.codes.any(axis=0)
            moment.ids, moment.codes = moment.ids[kept], moment.codes[:, kept]
            ids, differences = moment.ids, moment.codes
        else:
            moved = differences.any(axis=0)
            ids, differences = ids[moved], differences[:, moved]
        return packed(VERSION, ids, differences, interval_seconds, is_key, self._compressor)
