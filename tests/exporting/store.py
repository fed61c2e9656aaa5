"""A long-term store in memory, as strict as Prometheus: what it holds of a series is in the order of time, each moment once."""

from __future__ import annotations

import math

import cramjam

from dashboard.exporting.protocol import WriteRequest
from dashboard.exporting.sending import Answer

Labels = tuple[tuple[str, str], ...]


class Store:
    """`send` is what a Writer calls. `away` is a failure while it is not empty; `oldest` refuses what is older, as a store with a limit does."""

    def __init__(self) -> None:
        self.series: dict[Labels, list[tuple[int, float | None]]] = {}
        self.away, self.oldest = "", 0
        self.requests = 0

    def send(self, body: bytes) -> Answer:
        self.requests += 1
        if self.away:
            return Answer(failed=self.away)
        request = WriteRequest.FromString(bytes(cramjam.snappy.decompress_raw(body)))
        taken: dict[Labels, list[tuple[int, float | None]]] = {}
        for one in request.timeseries:
            labels = tuple((label.name, label.value) for label in one.labels)
            assert list(labels) == sorted(labels) and all(value for _, value in labels), labels
            known = taken.setdefault(labels, list(self.series.get(labels, [])))
            for sample in one.samples:
                pair = (sample.timestamp, None if math.isnan(sample.value) else sample.value)
                if sample.timestamp < self.oldest:
                    return Answer(refused="status 400: they are older than it takes")
                if known and pair[0] <= known[-1][0]:
                    if pair == known[-1]:
                        continue
                    return Answer(refused="status 400: they are not in the order of time there, or were written before", has_later=True)
                known.append(pair)
        self.series.update(taken)
        return Answer(taken=True)

    def values(self, family: str, **labels: str) -> list[float | None]:
        return [value for _, value in self.samples(family, **labels)]

    def samples(self, family: str, **labels: str) -> list[tuple[int, float | None]]:
        (found,) = [samples for names, samples in self.series.items() if dict(names) == {"__name__": family, **labels}]
        return found
