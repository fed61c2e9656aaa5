"""Which stretch of time the charts of a page show, and with what it is compared, as the page's address has it. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import msgspec

from dashboard.layout import formatting
from dashboard.layout.moments import EXAMPLES, moment_of

POINTS_AT_MOST = 288  # a day in steps of 300 s, which the history answers from its keyframes alone
SHORTEST_STEP_SECONDS = 5
SHORTEST = timedelta(seconds=60)
LONG_STEP_SECONDS = 600  # steps beyond it are whole multiples: so long are the longest that are recorded
OF_CHARTS = ("range", "from", "to", "compare", "part", "csv")
"""The parameters that choose what charts show; links of charts keep all others."""


class Range(msgspec.Struct, frozen=True):
    """A stretch of time up to now that a page offers: `key` is what `?range=` holds."""

    key: str
    seconds: int
    words: str


class Compared(msgspec.Struct, frozen=True):
    """An earlier time that a page offers to compare with: `key` is what `?compare=` holds."""

    key: str
    days: int
    words: str

    @property
    def by(self) -> timedelta:
        return timedelta(days=self.days)


RANGES = (
    Range("5m", 300, "5 min"), Range("1h", 3600, "1 h"), Range("6h", 21_600, "6 h"), Range("24h", 86_400, "24 h"), Range("7d", 7 * 86_400, "7 d"),
    Range("30d", 30 * 86_400, "30 d"), Range("90d", 90 * 86_400, "90 d"),
)  # fmt: skip
DEFAULT_RANGE = RANGES[1]
LONGEST = timedelta(seconds=RANGES[-1].seconds)
COMPARED = (Compared("yesterday", 1, "yesterday"), Compared("week", 7, "last week"))
_TO_COMPARE = ((None, "nothing", {}), *((one, one.words, {"compare": one.key}) for one in COMPARED))


class Stretch(msgspec.Struct, frozen=True):
    """What the charts of a page show. `range` None: from `start` to `end`, as `?from=` and `?to=` name them. `follows`: it goes on with the clock."""

    start: datetime
    end: datetime
    range: Range | None = None
    follows: bool = False
    compared: Compared | None = None
    is_cut: bool = False  # it begins with the first record, later than its range does
    mistake: str = ""  # why it is not what the address named
    step: int = 0  # the distance of points in seconds, where that is given

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()

    @property
    def step_seconds(self) -> int:
        """The distance of points: at most 288 on a chart, never closer than the shortest step that is stored.

        >>> noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
        >>> [up_to(noon, one).step_seconds for one in RANGES]
        [5, 15, 75, 300, 2400, 9000, 27000]
        """
        if self.step:
            return self.step
        least = math.ceil(self.seconds / POINTS_AT_MOST)
        unit = LONG_STEP_SECONDS if least > LONG_STEP_SECONDS else SHORTEST_STEP_SECONDS
        return max(SHORTEST_STEP_SECONDS, math.ceil(least / unit) * unit)

    @property
    def words(self) -> str:
        """ "last 1 h", or "11:20:00 to 11:50:00"."""
        if self.range and self.follows:
            return f"last {self.range.words}"
        return f"{formatting.moment_text(self.start, self.end)} to {formatting.moment_text(self.end, self.end)}"


def up_to(end: datetime, shown: Range, since: datetime | None = None, *, follows: bool = True, compared: Compared | None = None, mistake: str = "") -> Stretch:
    """A range that ends then. Where something is recorded only since a moment within it, it begins up to a minute before that: in whole minutes, so that
    whoever looks in the same minute shares what was read."""
    whole = end - timedelta(seconds=shown.seconds)
    start = whole if since is None else max(whole, end - max(SHORTEST, -(-(end - since) // SHORTEST) * SHORTEST))
    return Stretch(start, end, shown, follows, compared, is_cut=start > whole, mistake=mistake)


def stretch_of(query: Mapping[str, str], now: datetime, *, since: datetime | None = None, end: datetime | None = None) -> Stretch:
    """What the parameters `range`, `from`, `to` and `compare` mean; the last hour, with the mistake, where they mean nothing.

    `since`: nothing is recorded from before it. `end`: charts end there and do not go on: the moment of a page in the past, or when the object was deleted.

    >>> noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    >>> stretch_of({"range": "6h"}, noon).words, stretch_of({}, noon, end=noon).words, stretch_of({"from": "11:20", "to": "11:50"}, noon).words
    ('last 6 h', '11:00:00 to 12:00:00', '11:20:00 to 11:50:00')
    """
    compared = next((one for one in COMPARED if one.key == query.get("compare")), None)
    shown = next((one for one in RANGES if one.key == query.get("range")), DEFAULT_RANGE)
    last, mistake = end or now, ""
    if query.get("from") or query.get("to"):
        start, until = moment_of(query.get("from", ""), now), moment_of(query["to"], now) if query.get("to") else last
        mistake = _mistake(start, until, last)
        if start is not None and until is not None and not mistake:
            until = min(until, last)
            return Stretch(max(min(start, until - SHORTEST), until - LONGEST), until, compared=compared)
    return up_to(last, shown, since, follows=end is None, compared=compared, mistake=mistake)


def _mistake(start: datetime | None, until: datetime | None, last: datetime) -> str:
    if start is None or until is None:
        return f"The time to show is not a moment. Examples: {EXAMPLES}."
    if start >= last:
        return "The time to show is later than what is recorded."
    return "The time to show ends before it begins." if start >= until else ""


class Link(msgspec.Struct, frozen=True):
    words: str
    url: str
    current: bool = False


class Links(msgspec.Struct, frozen=True):
    """The addresses around a page's charts: each keeps the rest of the page's address."""

    csv: str  # "…&csv=": what a chart's key follows
    whole: str = ""  # the range again, from a stretch within it; "" where it is shown
    ranges: tuple[Link, ...] = ()
    compared: tuple[Link, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()  # of a form that names a stretch
    since: str = ""  # what that form holds
    until: str = ""
    mistake: str = ""


def links_of(path: str, query: Mapping[str, str], shown: Stretch) -> Links:
    """The links of a page at this address.

    >>> noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    >>> links = links_of("/queues/7/", {"range": "6h", "part": "charts"}, stretch_of({"range": "6h"}, noon))
    >>> links.ranges[1].url, links.compared[1].url, links.csv
    ('/queues/7/?range=1h', '/queues/7/?range=6h&compare=yesterday', '/queues/7/?range=6h&part=charts&csv=')
    """
    kept = {name: value for name, value in query.items() if name not in OF_CHARTS and value}
    span = {"range": shown.range.key} if shown.range else {"from": written(shown.start), "to": written(shown.end)}
    compare = {"compare": shown.compared.key} if shown.compared else {}
    back = next((one.key for one in RANGES if one.key == query.get("range")), DEFAULT_RANGE.key)
    here = span | ({"range": back} if shown.range is None and query.get("range") else {})

    def at(*parts: Mapping[str, str]) -> str:
        chosen = dict(kept)
        for part in parts:
            chosen |= part
        return f"{path}?{urlencode(chosen)}"

    return Links(
        ranges=tuple(Link(one.words, at({"range": one.key}, compare), one == shown.range) for one in RANGES),
        compared=tuple(Link(words, at(here, chosen), shown.compared == one) for one, words, chosen in _TO_COMPARE),
        whole="" if shown.range else at({"range": back}, compare),
        fields=tuple((kept | compare | ({"range": back} if query.get("range") else {})).items()),
        since=query.get("from", "") and written(shown.start),
        until=query.get("from", "") and written(shown.end),
        csv=f"{at(here, compare)}&part=charts&csv=",
        mistake=shown.mistake,
    )


def written(moment: datetime) -> str:
    """A moment as addresses hold it, "2026-11-24T11:20:00Z"."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
