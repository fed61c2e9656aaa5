"""When to try again what could not be delivered, and when to give up. Pure: the random number is an argument."""

from __future__ import annotations

from datetime import datetime, timedelta

FIRST_SECONDS, LONGEST_SECONDS = 5.0, 600.0
MOST_ATTEMPTS = 160
GIVES_UP_AFTER = timedelta(hours=24)
LEAST_ATTEMPTS = 3
"""Not given up before, however late it is: the clock may have been set, or the target been away for all of the time."""


def pause(failures: int, random: float) -> timedelta:
    """How long nothing is sent to a target that failed so many times in a row: twice as long each time, between half of that and all of it.

    >>> [pause(failures, 1.0).total_seconds() for failures in (1, 2, 3, 8, 1000)], pause(1, 0.0).total_seconds()
    ([5.0, 10.0, 20.0, 600.0, 600.0], 2.5)
    """
    longest = min(FIRST_SECONDS * 2 ** min(failures - 1, 20), LONGEST_SECONDS)
    return timedelta(seconds=longest * (0.5 + random / 2))


def may_try(next_try_at: datetime | None, now: datetime) -> bool:
    """False until the pause is over; a moment further off than any pause was set before the clock was set back."""
    return next_try_at is None or not timedelta(0) < next_try_at - now <= timedelta(seconds=LONGEST_SECONDS)


def gives_up(attempts: int, planned_at: datetime, now: datetime) -> bool:
    """Whether a message that failed again is given up: after some 24 hours of attempts."""
    return attempts >= MOST_ATTEMPTS or (attempts >= LEAST_ATTEMPTS and now - planned_at >= GIVES_UP_AFTER)
