"""What a broker's snapshots hold, as samples of the exported families. Pure.

A sample has the moment of its poll. Where a number becomes unknown, its object is gone, a poll failed or polls are missing, the series ends with a stale
marker: readers then show a gap, as Hareline's own charts do, and no line through it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec
import numpy as np

from brokers.recorded_moments import RecordedMoment
from brokers.snapshots import METRICS, STEPS_TO_A_GAP, Integers
from dashboard.exporting.names import FIGURES, Figure
from dashboard.exporting.protocol import STALE, Sample

KINDS = ("broker", "nodes", "vhosts", "queues", "exchanges", "workers")
"""The kinds of snapshots that are written."""


Known = dict[Figure, tuple[Integers, list[float]]]
"""What is known at a moment: of each family the objects, by primary key, and their values."""


class Window(msgspec.Struct):
    """The samples of the moments after one until `until`, by family and object; `until` None: there was none that is due."""

    samples: dict[tuple[Figure, int], list[Sample]] = msgspec.field(default_factory=dict)
    until: datetime | None = None
    count: int = 0

    def add(self, at: datetime, known: Known) -> None:
        milliseconds = round(at.timestamp() * 1000)
        for figure, (ids, values) in known.items():
            for key, value in zip(ids.tolist(), values, strict=True):
                self.samples.setdefault((figure, key), []).append((milliseconds, value))
            self.count += len(values)


def written_figures(kind: str) -> list[Figure]:
    """The families of a kind that are recorded, or made from what is."""
    recorded = {metric.name for metric in METRICS[kind]}
    return [figure for figure in FIGURES[kind] if figure.field in recorded or (figure.field == "messages" and kind == "queues")]


def window(kind: str, moments: Iterable[RecordedMoment], after: datetime, every_seconds: float, most_objects: int, most_samples: int) -> Window:
    """The next moments that are due, as many as make up `most_samples`, one at least. `moments` begin at or before `after`, where there are any; what holds
    then was written, if it is one of them. Raises UnreadableSnapshot."""
    found = Window()
    before: Known = {}
    written_at, holds_until = after, None
    for moment in moments:
        if holds_until is not None and moment.at > max(after, holds_until):  # polls are missing
            found.add(holds_until, _ended(before, {}))
            before = {}
        interval = timedelta(seconds=moment.interval_seconds)
        holds_until = None if moment.is_gap else moment.at + STEPS_TO_A_GAP * interval
        if moment.at <= after:
            before = _known(kind, moment, most_objects) if moment.at == after else {}
        elif moment.is_gap or not before or moment.at - written_at >= timedelta(seconds=every_seconds) - interval / 2:
            known = _known(kind, moment, most_objects)
            found.add(moment.at, _ended(before, known))
            found.add(moment.at, known)
            before, found.until, written_at = known, moment.at, moment.at
        if found.until is not None and found.count >= most_samples:
            break
    return found


def _ended(before: Known, known: Known) -> Known:
    """Stale markers of what was known and no longer is."""
    ended: Known = {}
    for figure, (ids, _) in before.items():
        gone = np.setdiff1d(ids, known[figure][0] if figure in known else np.empty(0, np.int64), assume_unique=True)
        if len(gone):
            ended[figure] = (gone, [STALE] * len(gone))
    return ended


def _known(kind: str, moment: RecordedMoment, most: int) -> Known:
    """Of at most so many objects: the deepest queues; of other kinds the first. {} where nothing is known."""
    if moment.is_gap:
        return {}
    columns = {metric.name: (moment.codes[index], metric.scale) for index, metric in enumerate(METRICS[kind])}
    chosen = np.arange(len(moment.ids))
    if len(chosen) > most:
        depth = _whole(columns["ready"][0]) + _whole(columns["unacknowledged"][0]) if kind == "queues" else chosen * 0
        chosen = np.sort(np.argsort(-depth, kind="stable")[:most])
    found: Known = {}
    for figure in written_figures(kind):
        names = ("ready", "unacknowledged") if figure.field == "messages" else (figure.field,)
        codes = [columns[name][0][chosen] for name in names]
        known = np.logical_and.reduce([one != 0 for one in codes])
        if known.any():
            values = np.sum([_whole(one[known]) for one in codes], axis=0) / columns[names[0]][1]
            found[figure] = (moment.ids[chosen][known], values.tolist())
    return found


def _whole(codes: Integers) -> Integers:
    """What codes stand for, as in `brokers.snapshots.numbers`: 0 is unknown, what is not negative is one more."""
    return np.where(codes > 0, codes - 1, codes)
