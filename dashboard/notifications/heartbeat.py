"""The dead man's switch: a ping every minute as long as Hareline itself is well, so that somebody notices when it is not."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta

import structlog
from django.conf import settings

from brokers import queries as broker_queries
from brokers.clock import is_within
from brokers.models import Broker
from brokers.scope import EVERYTHING
from dashboard import queries, store
from dashboard.models import FindingRound, Target
from dashboard.notifications import sending, vault
from dashboard.notifications.sending import Outcome
from dashboard.notifications.targets import address_of
from dashboard.operations import readiness

log = structlog.get_logger(__name__)
EVERY_SECONDS = 60.0
UNWELL_SECONDS = 5.0  # so soon it is looked again
LOOKED_WITHIN = timedelta(minutes=1)
FROM_ENVIRONMENT = 0
"""The address of HARELINE_HEARTBEAT_URL, among the primary keys of targets."""


def why_unwell(now: datetime) -> str:
    """Why no ping is sent, "" if Hareline is well. Raises DatabaseError."""
    parts = {part: why for part, why in readiness.parts(now).items() if why}
    if parts:
        return "; ".join(f"{part}: {why}" for part, why in parts.items())
    return not_looked([one for one in broker_queries.brokers(EVERYTHING) if one.configured], queries.rounds(EVERYTHING), now)


def not_looked(brokers: Sequence[Broker], rounds: Sequence[FindingRound], now: datetime) -> str:
    """Why the rules are not at work, "" if they looked at each broker and at Hareline itself within a minute. Pure."""
    fresh = {one.broker_id for one in rounds if is_within(one.at, now, LOOKED_WITHIN)}
    late = [one.name for one in brokers if one.pk not in fresh] + ([] if None in fresh else ["Hareline itself"])
    return f"the rules have not looked at {', '.join(late)} within a minute" if late else ""


class Pings:
    """The database is used only by the thread that calls `round`."""

    def __init__(self, ping: Callable[[str], Outcome] = sending.ping, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._ping, self._monotonic = ping, monotonic
        self._pinging: dict[int, Future[Outcome]] = {}
        self._next = float("-inf")
        self._logged: dict[int, str] = {}

    def round(self, now: datetime) -> None:
        """Raises DatabaseError; then the next round does it."""
        for pk, future in list(self._pinging.items()):
            if future.done():
                self._note(pk, sending.result(future), now)
                del self._pinging[pk]  # after it is stored: the next round does what failed
        if self._monotonic() < self._next:
            return
        addresses = self._addresses(now)
        why = why_unwell(now) if addresses else ""
        self._next = self._monotonic() + (UNWELL_SECONDS if why else EVERY_SECONDS)
        self._log(-1, f"Hareline is not well: {why}" if why else "", "no heartbeats are sent")
        for pk, url in addresses.items() if not why else ():
            if pk not in self._pinging:
                self._pinging[pk] = sending.in_background(self._ping, url)

    def _addresses(self, now: datetime) -> dict[int, str]:
        found = {FROM_ENVIRONMENT: settings.HEARTBEAT_URL} if settings.HEARTBEAT_URL else {}
        for target in queries.targets():
            if target.kind == Target.HEARTBEAT and not target.paused:
                try:
                    found[target.pk] = address_of(target)["url"]
                except vault.Unreadable as error:
                    self._note(target.pk, Outcome(str(error)), now)
        return found

    def _note(self, pk: int, outcome: Outcome, now: datetime) -> None:
        if pk != FROM_ENVIRONMENT and outcome.error:
            store.missed(pk, outcome.error, random.random(), now)  # noqa: S311
        elif pk != FROM_ENVIRONMENT:
            store.reached(pk, now)
        self._log(pk, outcome.error, "a heartbeat was not received")

    def _log(self, pk: int, why: str, event: str) -> None:
        """When it begins, when its reason changes, and when it ends."""
        if why != self._logged.get(pk, ""):
            self._logged[pk] = why
            if why:
                log.warning(event, reason=why, target=pk or "HARELINE_HEARTBEAT_URL")
            else:
                log.info("heartbeats go on", target=pk or "HARELINE_HEARTBEAT_URL")
