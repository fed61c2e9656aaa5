"""How receiving and inspecting stand in a virtual host, as its row of `EventSource` states them. Pure."""

from __future__ import annotations

from workers.errors import Refused, Unreachable, WatchError
from workers.grants import asking_grant, events_grant
from workers.models import EventSource
from workers.receiving.liveness import Hearing
from workers.receiving.place import Place
from workers.store import SourceFacts

NOT_RECEIVED = "its events are not received: HARELINE_EVENTS does not name this broker"
NOT_ASKED = "workers are not asked: HARELINE_INSPECT does not name this broker"


def facts_of(place: Place, hearing: Hearing, problem: WatchError | None, asking: Hearing, asking_problem: WatchError | None) -> SourceFacts:
    """`problem`, `asking_problem`: what stands in the way of each now."""
    user = place.targets()[0].user
    return SourceFacts(
        queue=place.queue if place.hears else "",
        state=_state(place.hears, hearing, problem, EventSource.RECEIVING),
        reason=hearing.reason,
        grant=events_grant(user, place.vhost) if _lacks_rights(problem) else "",
        since=hearing.since,
        inspect_state=_state(place.asks, asking, asking_problem, "asking"),
        inspect_reason=asking.reason,
        inspect_grant=asking_grant(user, place.vhost) if _lacks_rights(asking_problem) else "",
    )


def _state(allowed: bool, hearing: Hearing, problem: WatchError | None, well: str) -> str:
    if not allowed:
        return EventSource.OFF
    if not hearing.reason:
        return well
    if isinstance(problem, Refused):
        return EventSource.REFUSED
    return EventSource.UNREACHABLE if isinstance(problem, Unreachable) else EventSource.UNKNOWN


def _lacks_rights(problem: WatchError | None) -> bool:
    return isinstance(problem, Refused) and problem.action != "login"
