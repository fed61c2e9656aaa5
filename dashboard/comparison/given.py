"""The parameters of a comparison, on the page and in calls: two sides, each a broker, a virtual host and a moment. Pure but for what a broker is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from brokers.models import Broker
from dashboard.layout.moments import EXAMPLES, moment_of

EARLIER = timedelta(minutes=5)
FIELDS = ("broker", "vhost", "at", "with_broker", "with_vhost", "with_at")
LONGEST = 255


RecordedSince = Callable[[Broker, str | None], datetime | None]
"""When the first definitions of a broker, or of a virtual host of it, were recorded."""


class Place(msgspec.Struct, frozen=True):
    """A side as it was given: `vhost` None for all virtual hosts."""

    broker: Broker
    vhost: str | None
    at: datetime


def moment_given(text: str, now: datetime) -> tuple[datetime | None, str]:
    """(the moment that the text means, or None, and why it can't be used, or ""); "now" is one."""
    found = now if text == "now" else moment_of(text, now)
    if found is None:
        return None, f"Write a moment as {EXAMPLES}, or now."
    return (None, "This moment is in the future.") if found > now else (found, "")


class Given:
    """The sides, or `problems`: a sentence by the name of its parameter.

    The second side is the same place now, and the first is five minutes before where neither a moment nor another place is given: the first record, of
    `recorded_since`, where that is later. `note` says so then.
    """

    def __init__(self, query: Mapping[str, str], brokers: Sequence[Broker], chosen: Broker | None, now: datetime, recorded_since: RecordedSince) -> None:
        self.texts = {name: str(query.get(name, "")).strip()[:LONGEST] for name in FIELDS}
        self.problems: dict[str, str] = {}
        self._brokers, self._now = brokers, now
        first = self._broker("broker") or chosen or (brokers[0] if brokers else None)
        second = self._broker("with_broker") or first
        vhost = self.texts["vhost"] or None
        with_vhost = self.texts["with_vhost"] or vhost
        elsewhere = second != first or with_vhost != vhost
        at, with_at = self._moment("at", now), self._moment("with_at", now)
        self.note = ""
        if first is None or second is None:
            self.problems.setdefault("broker", "No broker is watched yet.")
            return
        if not (self.texts["at"] or elsewhere or self.problems):
            at = with_at - EARLIER
            since = recorded_since(first, vhost)
            if since is not None and at < since < with_at:
                at = since
                self.note = f"Definitions of {vhost or first.name} are recorded since {since:%Y-%m-%d %H:%M:%S} UTC only; the comparison begins there."
        self.before, self.after = Place(first, vhost, at), Place(second, with_vhost, with_at)

    def _broker(self, name: str) -> Broker | None:
        text = self.texts[name]
        found = next((broker for broker in self._brokers if broker.name == text), None)
        if text and found is None:
            self.problems[name] = f"There is no broker {text}."
        return found

    def _moment(self, name: str, usual: datetime) -> datetime:
        if not self.texts[name]:
            return usual
        found, problem = moment_given(self.texts[name], self._now)
        if problem:
            self.problems[name] = problem
        return found or usual
