"""The form that marks a moment, as it was filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property

from brokers.models import Broker
from dashboard.changes import marks
from dashboard.layout.moments import moment_of

FIELDS = ("title", "at", "url", "broker")
LONGEST = 2_000


class MarkForm:
    """`given` is {} before anything was posted."""

    def __init__(self, given: Mapping[str, str], brokers: Sequence[Broker], now: datetime) -> None:
        self.given = {name: str(given.get(name, ""))[:LONGEST].strip() for name in FIELDS}
        self.is_posted = bool(given)
        self.brokers, self.now = brokers, now

    @property
    def chosen(self) -> Broker | None:
        """None: all brokers."""
        return next((one for one in self.brokers if one.name == self.given["broker"]), None)

    @property
    def is_of_unknown_broker(self) -> bool:
        """True if it names a broker that is not one of `brokers`: it is no mark of all of them."""
        return bool(self.given["broker"]) and self.chosen is None

    @property
    def at(self) -> datetime | None:
        return moment_of(self.given["at"], self.now) if self.given["at"] else self.now

    @cached_property
    def problems(self) -> dict[str, str]:
        if not self.is_posted:
            return {}
        unknown = {"broker": f"There is no broker {self.given['broker']}."} if self.is_of_unknown_broker else {}
        return marks.problems(self.given["title"], self.given["url"], self.at, self.now) | unknown
