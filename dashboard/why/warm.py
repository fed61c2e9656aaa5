"""Routers made in the background once a topology changed, so that the first explanation after it need not wait for one.

Reading ten thousand queues and indexing their bindings takes most of a second. A web process does it for the virtual hosts whose messages were explained last,
as soon as its live pages notice that something was stored.
"""

from __future__ import annotations

from django.utils import timezone

from brokers import queries
from brokers.queries.one_moment import one_moment
from brokers.routing.questions import answer_in
from brokers.routing.virtual_host import VirtualHostRouter
from brokers.scope import EVERYTHING
from dashboard.live.background import Background
from dashboard.why import loaded_vhost

MANY_BINDINGS = 100  # fewer are indexed by the first question in a moment
SHARE = 20  # what took long is followed by a rest of so many times its length: never more than a twentieth of a core
NO_KEY = "hareline.no.such.key"


class Warmer:
    """Remembers for which revisions the routers were made."""

    def __init__(self) -> None:
        self._revisions: dict[tuple[int, str], int] = {}

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


WARMER = Background("why-warmer", Warmer().warm, SHARE)
"""That of this process; `dashboard.asgi` starts it."""
