"""Whether a virtual host's events are received and its workers inspected, as fields of `EventSource`. Pure."""

from __future__ import annotations

from workers.errors import Refused, Unreachable, WatchError
from workers.grants import events_grant, inspection_grant
from workers.models import EventSource
from workers.receiving.liveness import Subscription
from workers.receiving.place import Place
from workers.results.reader import ResultReader
from workers.store import SourceFacts

NOT_RECEIVED = "its events are not received: HARELINE_EVENTS does not name this broker"
NOT_INSPECTED = "workers are not inspected: HARELINE_INSPECT does not name this broker"


def facts_of(
    place: Place,
    subscription: Subscription,
    problem: WatchError | None,
    inspection: Subscription,
    inspection_problem: WatchError | None,
    results: ResultReader | None = None,
) -> SourceFacts:
    """`problem`, `inspection_problem`: what prevents each now."""
    user = place.targets()[0].user
    return SourceFacts(
        queue=place.queue if place.receives_events else "",
        state=_state(place.receives_events, subscription, problem, EventSource.RECEIVING),
        reason=subscription.reason,
        grant=events_grant(user, place.vhost, place.names) if _lacks_rights(problem) else "",
        since=subscription.since,
        inspect_state=_state(place.inspects, inspection, inspection_problem, EventSource.INSPECTING),
        inspect_reason=inspection.reason,
        inspect_grant=inspection_grant(user, place.vhost, place.names) if _lacks_rights(inspection_problem) else "",
        results_state=EventSource.OFF if results is None else EventSource.UNREACHABLE if results.problem else EventSource.READING,
        results_reason="" if results is None else results.problem or results.unreadable,
    )


def _state(allowed: bool, subscription: Subscription, problem: WatchError | None, well: str) -> str:
    if not allowed:
        return EventSource.OFF
    if not subscription.reason:
        return well
    if isinstance(problem, Refused):
        return EventSource.REFUSED
    return EventSource.UNREACHABLE if isinstance(problem, Unreachable) else EventSource.UNKNOWN


def _lacks_rights(problem: WatchError | None) -> bool:
    return isinstance(problem, Refused) and problem.action not in ("login", "address")
