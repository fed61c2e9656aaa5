"""How often things happen in the shop: steadily, in waves, in bursts."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

Rate = Callable[[float], float]


@dataclass
class Stream:
    """Something that happens `per_second(now)` times a second, by chance, as customers come."""

    send: Callable[[], object]
    per_second: Rate
    due: float = 0.0

    def act(self, now: float, seconds: float) -> None:
        self.due += self.per_second(now) * seconds * random.uniform(0.5, 1.5)
        while self.due >= 1:
            self.due -= 1
            self.send()


def wave(low: float, high: float, period_seconds: float) -> Rate:
    """A rate that swings between two values."""
    return lambda now: low + (high - low) * (1 + math.sin(2 * math.pi * now / period_seconds)) / 2


def burst(high: float, every_seconds: float, lasts_seconds: float) -> Rate:
    """A rate that is `high` for a while at the beginning of each period, else 0."""
    return lambda now: high if now % every_seconds < lasts_seconds else 0.0


def steady(rate: float) -> Rate:
    return lambda _: rate
