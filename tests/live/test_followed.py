"""When a topic is loaded again: after something was stored, and after a failure, each topic by its own clock."""

from __future__ import annotations

from dashboard.live.followed import Followed
from dashboard.live.topics import BROKER, Topic


def followed() -> Followed:
    return Followed(Topic(BROKER, 1), "epoch")


def test_a_topic_is_due_until_it_has_taken_in_the_revision() -> None:
    one = followed()
    assert one.is_due((1,), 0)
    one.took_in((1,))
    assert not one.is_due((1,), 0) and one.is_due((2,), 0)


def test_a_topic_that_failed_waits_longer_each_time_and_is_tried_without_news() -> None:
    one, at, waited = followed(), 0.0, []
    one.took_in((1,))
    for _ in range(7):
        one.failed(at)
        pause = next(seconds for seconds in range(1, 100) if one.is_due((1,), at + seconds))
        waited.append(pause)
        at += pause
    assert waited == [1, 2, 4, 8, 15, 15, 15]
    one.took_in((1,))
    assert not one.is_due((1,), at) and one.is_due((2,), at)


def test_a_failure_long_ago_overflows_nothing() -> None:
    one = followed()
    for _ in range(5000):
        one.failed(0)
    assert not one.is_due((1,), 14.9) and one.is_due((1,), 15)
