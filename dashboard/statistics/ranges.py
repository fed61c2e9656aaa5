"""The range of time that a page or a call is about, and the periods that answer it. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from dashboard.layout.moments import EXAMPLES, moment_of
from workers.task_statistics import KEPT_SECONDS, TIERS, period, tier_for

RANGES = (("1h", 3600, "1 h"), ("24h", 86_400, "24 h"), ("7d", 7 * 86_400, "7 days"))
PERIOD_WORDS = {60: "minute", 3600: "hour", 86_400: "day"}
RENEWED_SECONDS = {60: 30, 3600: 120, 86_400: 600}
"""How often a page of such periods renews itself: what came meanwhile changes little of a longer range."""
LONGEST = timedelta(days=730)


class TimeRange(msgspec.Struct, frozen=True):
    """From `since` on and before `until`, in periods of `seconds`, to the beginning of which `since` is moved."""

    since: datetime
    until: datetime
    seconds: int
    key: str = ""  # of RANGES; "" for another
    mistake: str = ""  # why another range than what was given is shown

    @property
    def length(self) -> timedelta:
        return self.until - self.since

    @property
    def period(self) -> str:
        return PERIOD_WORDS[self.seconds]

    @property
    def starts(self) -> list[int]:
        """Of every period in the range."""
        return list(range(int(self.since.timestamp()), int(-(-self.until.timestamp() // 1)), self.seconds))

    @property
    def renewed_seconds(self) -> int:
        return RENEWED_SECONDS[self.seconds]

    def earlier(self, by: timedelta, now: datetime) -> TimeRange:
        """As long, and so much earlier, in the same periods or, where these are no longer kept, in longer ones."""
        seconds = next((tier for tier in TIERS if tier >= self.seconds and (now - self.since + by).total_seconds() <= KEPT_SECONDS[tier] - tier), TIERS[-1])
        return _of_periods(self.since - by, self.until - by, seconds)


def range_of(since: datetime, until: datetime, now: datetime, key: str = "", mistake: str = "") -> TimeRange:
    """The range in the shortest periods that answer it.

    >>> noon = datetime(2026, 11, 24, 12, 0, 30, tzinfo=UTC)
    >>> found = range_of(noon - timedelta(hours=1), noon, noon)
    >>> found.period, found.since.second, len(found.starts)
    ('minute', 0, 61)
    """
    return _of_periods(since, until, tier_for(since, until, now), key, mistake)


def chosen(key: str, since: str, until: str, now: datetime) -> TimeRange:
    """What the parameters of an address mean; the last hour where they mean nothing, with the mistake."""
    if since or until:
        begins, ends = moment_of(since, now) if since else None, moment_of(until, now) if until else now
        if begins is None or ends is None:
            return _preset("1h", now, f"The range is not a moment. Examples: {EXAMPLES}.")
        if not begins < ends <= now + timedelta(days=1):
            return _preset("1h", now, "The range ends before it begins, or in the future.")
        return range_of(max(begins, ends - LONGEST), min(ends, now), now) if begins < now else _preset("1h", now, "The range is in the future.")
    return _preset(key, now)


def _preset(key: str, now: datetime, mistake: str = "") -> TimeRange:
    name, seconds, _ = next((one for one in RANGES if one[0] == key), RANGES[0])
    return range_of(now - timedelta(seconds=seconds), now, now, name, mistake)


def _of_periods(since: datetime, until: datetime, seconds: int, key: str = "", mistake: str = "") -> TimeRange:
    return TimeRange(datetime.fromtimestamp(period(since.timestamp(), seconds), UTC), until, seconds, key, mistake)
