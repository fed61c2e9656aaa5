"""Days of queues for `script/soak noise`: made from seeds, with what was planted in them, and recorded on a real broker."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import zstandard

POLL_SECONDS = 5.0
DAY_SECONDS = 86_400.0
HOUR = 3600.0
RECORDED = Path(__file__).parents[2] / "tests" / "cases" / "findings" / "recorded_queues.json.zst"
METRICS = ("ready", "unacknowledged", "consumers", "publish_per_second", "deliver_per_second", "ack_per_second", "redeliver_per_second", "memory_bytes")
Rate = Callable[[float], float]


class Planted(NamedTuple):
    """What a rule should find, in seconds from the start."""

    rule: str
    begin: float
    end: float


@dataclass(frozen=True)
class Course:
    """A queue's numbers at every poll, and the truth about them. `allowed`: by rule what may be found and need not."""

    name: str
    numbers: Mapping[str, Sequence[float | None]]
    planted: Sequence[Planted] = ()
    allowed: Mapping[str, Sequence[Planted]] = field(default_factory=dict)


@dataclass
class Shape:
    """How a queue behaves: messages that come a second, how many its consumers can process a second, how many consumers there are."""

    name: str
    comes: Rate
    can: Rate
    consumers: Callable[[float], int] = lambda _: 2
    prefetch: int = 8
    planted: tuple[Planted, ...] = ()
    allowed: Mapping[str, Sequence[Planted]] = field(default_factory=dict)


def _wave(low: float, high: float, period: float) -> Rate:
    return lambda now: low + (high - low) * (1 + math.sin(2 * math.pi * now / period)) / 2


def _bursts(low: float, high: float, every: float, lasts: float) -> Rate:
    return lambda now: high if now % every < lasts else low


def _within(times: Sequence[Planted], yes: float, no: Rate) -> Rate:
    return lambda now: yes if any(one.begin <= now < one.end for one in times) else no(now)


def _planted(rule: str, seconds: float, *hours: float) -> tuple[Planted, ...]:
    return tuple(Planted(rule, hour * HOUR, hour * HOUR + seconds) for hour in hours)


def shapes() -> list[Shape]:
    """What a broker's queues do in a day: most of it is no problem."""
    growing, slow = _planted("growing", 1200, 3, 9, 17), _planted("growing", 6 * HOUR, 8)
    alone, stuck = _planted("no_consumer", 600, 2, 11, 20), _planted("stuck", 600, 4, 13, 21)
    restarts = _planted("no_consumer", 15, *range(1, 24))
    under = tuple(one._replace(rule="growing") for one in stuck)  # it grows because it stands still, and is put under that

    def except_in(times: Sequence[Planted]) -> Callable[[float], int]:
        return lambda now: int(not any(one.begin <= now < one.end for one in times))

    return [
        Shape("steady, 5/s", lambda _: 5.0, lambda _: 20.0),
        Shape("waves over minutes, at times at its capacity", _wave(1, 11, 300), lambda _: 12.0),
        Shape("daily wave", _wave(0.2, 15, DAY_SECONDS), lambda _: 25.0),
        Shape("bursts of 160 messages every 4 min", _bursts(2, 40, 240, 4), lambda _: 12.0),
        Shape("batches of 600 messages every 30 min", _bursts(0.5, 60, 1800, 10), lambda _: 6.0),
        Shape("rare messages, one in 3 min", lambda _: 1 / 180, lambda _: 5.0),
        Shape("consumers restart every hour, 15 s", lambda _: 3.0, _within(restarts, 0.0, lambda _: 20.0), except_in(restarts)),
        Shape("grows by 5/s for 20 min, three times", _within(growing, 17.0, lambda _: 5.0), lambda _: 12.0, planted=growing),
        Shape("grows by 0.2/s for 6 h", _within(slow, 5.2, lambda _: 4.0), lambda _: 5.0, planted=slow),
        Shape("consumers gone for 10 min, three times", lambda _: 3.0, _within(alone, 0.0, lambda _: 20.0), except_in(alone), planted=alone),
        Shape("stands still for 10 min, three times", lambda _: 3.0, _within(stuck, 0.0, lambda _: 20.0), planted=stuck, allowed={"growing": under}),
    ]


def courses(seconds: float, seed: int = 1) -> list[Course]:
    return [simulated(shape, seconds, random.Random(f"{seed} {shape.name}")) for shape in shapes()]  # noqa: S311


def simulated(shape: Shape, seconds: float, chance: random.Random) -> Course:
    """The course of a queue that takes what comes and gives what its consumers can, by chance, poll after poll."""
    numbers: dict[str, list[float | None]] = {name: [] for name in METRICS}
    depth = 0
    for place in range(int(seconds / POLL_SECONDS)):
        now = place * POLL_SECONDS
        came = _poisson(shape.comes(now) * POLL_SECONDS, chance)
        done = min(depth + came, _poisson(shape.can(now) * POLL_SECONDS, chance))
        depth += came - done
        consumers = shape.consumers(now)
        unacknowledged = min(depth, consumers * shape.prefetch)
        row = (depth - unacknowledged, unacknowledged, consumers, came / POLL_SECONDS, done / POLL_SECONDS, done / POLL_SECONDS, 0.0, 20_000 + 500 * depth)
        for name, value in zip(METRICS, row, strict=True):
            numbers[name].append(value)
    planted = tuple(one for one in shape.planted if one.end <= seconds)
    return Course(shape.name, numbers, planted, shape.allowed)


def _poisson(mean: float, chance: random.Random) -> int:
    if mean > 50:
        return max(0, round(chance.gauss(mean, math.sqrt(mean))))
    limit, found, product = math.exp(-mean), 0, chance.random()
    while product > limit:
        found += 1
        product *= chance.random()
    return found


def recorded_courses(path: Path = RECORDED) -> list[Course]:
    """Queues of a healthy demo as its polls recorded them: nothing was planted. None where there is no recording."""
    if not path.exists():
        return []
    found = json.loads(zstandard.ZstdDecompressor().decompress(path.read_bytes()))
    return [Course(f"recorded: {name}", numbers) for name, numbers in found.items()]
