"""Routers made in the background once a topology changed, so that the first explanation after it need not wait for one.

Reading ten thousand queues and indexing their bindings takes most of a second. A web process does it for the virtual hosts whose messages were explained last,
as soon as its live pages notice that something was stored.
"""

from __future__ import annotations

import threading
import time

import structlog
from django.db import connection
from django.utils import timezone

from brokers import queries
from brokers.queries.one_moment import one_moment
from brokers.routing.questions import answer_in
from brokers.routing.virtual_host import VirtualHostRouter
from brokers.scope import EVERYTHING
from dashboard.why import loaded_vhost

log = structlog.get_logger(__name__)

MANY_BINDINGS = 100  # fewer are indexed by the first question in a moment
SHARE = 20  # what took long is followed by a rest of so many times its length: never more than a twentieth of a core
NO_KEY = "hareline.no.such.key"


class Warmer:
    """One thread, which works only after `notice`; before `start` that does nothing."""

    def __init__(self, share: int = SHARE) -> None:
        self._share = share
        self._noticed, self._started = threading.Event(), False
        self._revisions: dict[tuple[int, str], int] = {}

    def start(self) -> None:
        self._started = True
        threading.Thread(target=self._run, name="why-warmer", daemon=True).start()

    def notice(self) -> None:
        """Something may have been stored. Returns at once."""
        if self._started:
            self._noticed.set()

    def _run(self) -> None:
        while True:
            self._noticed.wait()
            self._noticed.clear()
            began = time.monotonic()
            try:
                self.warm()
            except Exception:
                log.exception("a router could not be made ahead; the first question makes it")
            finally:
                connection.close()
            time.sleep(1 + self._share * (time.monotonic() - began))

    def warm(self) -> int:
        """Makes the routers that are out of date of the virtual hosts explained last; how many."""
        places = loaded_vhost.recent()
        if not places:
            return 0
        revisions, made = queries.revisions(), 0
        for place in places:
            revision = revisions.get(place[0])
            if revision is not None and self._revisions.get(place) != revision:
                made += _make(*place)
                self._revisions[place] = revision
        self._revisions = {place: self._revisions[place] for place in places if place in self._revisions}
        return made


def _make(broker_id: int, vhost: str) -> bool:
    """True if the router was out of date, and is ready now."""
    with one_moment():
        broker = queries.broker_by_id(EVERYTHING, broker_id)
        loaded = None if broker is None else loaded_vhost.load(EVERYTHING, broker, vhost, timezone.now())
    if loaded is None or loaded.made is not None:
        return False
    index(loaded.router())
    return True


def index(router: VirtualHostRouter) -> None:
    """Works out what the first questions would have to: which of many bindings match, and which nearly do."""
    for name, exchange in router.exchanges.items():
        if len(exchange.bindings) >= MANY_BINDINGS:
            answer_in(router, {"exchange": name, "routing_key": NO_KEY})


WARMER = Warmer()
"""That of this process; `dashboard.asgi` starts it."""
