"""How fast a depth changes: what grows, however slowly, and what only moves."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from brokers.depth_growth import DepthGrowth

Depth = Callable[[int], int]


def read(depth: Depth, published: float | None, seconds: int = 900, every: int = 5) -> list[float | None]:
    """What is read at each poll."""
    growth = DepthGrowth(0, depth(0))
    return [growth.read(at, depth(at), published) for at in range(every, seconds, every)]


@pytest.mark.parametrize(
    ("depth", "published", "per_second"),
    [
        (lambda at: 10 * at, 10.0, 10.0),
        (lambda at: int(0.4 * at), 0.0, 0.4),  # dead letters: not published
        (lambda at: at // 20, 0.05, 0.05),  # one message every 20 s
        (lambda at: 9000 - 3 * at, 5.0, -3.0),
    ],
)
def test_a_steady_change_is_measured(depth: Depth, published: float, per_second: float) -> None:
    found = read(depth, published)
    assert found[0] is None
    assert found[40:] == pytest.approx([per_second] * len(found[40:]), rel=0.5)
    assert all((one or 0) * per_second >= 0 for one in found)


def test_a_depth_that_is_held_by_expiry_does_not_grow() -> None:
    noise = random.Random(7)
    assert set(read(lambda at: 180 + noise.choice((-1, 0, 0, 1)), 0.4)[1:]) == {0.0}


def test_growth_ends_within_a_minute_of_its_end() -> None:
    found = read(lambda at: min(1000, 10 * at), 0.0)
    assert set(found[100 // 5 + 60 // 5 :]) == {0.0}


def test_what_starts_after_a_standstill_is_that_of_the_last_half_minute() -> None:
    growth = DepthGrowth(0, 7)
    growth.stood_still(3600, 7)
    assert growth.read(3605, 67, 12.0) == pytest.approx(60 / 35, abs=0.01)
    new = DepthGrowth(3600, 7)
    new.stood_still(3605, 7)
    assert new.read(3609, 67, 12.0) is None
