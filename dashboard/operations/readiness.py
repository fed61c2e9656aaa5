"""Whether this installation can do its work: database, migrations, and the other processes. A broker that is down is no reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import DatabaseError

from brokers import queries as broker_queries
from brokers.models import Broker, Heartbeat
from brokers.polling import leases
from brokers.scope import EVERYTHING
from dashboard import queries
from dashboard.layout import formatting

PROCESSES = ("poller", "receiver", "chores")
BEATS_EVERY = timedelta(seconds=5)
MISSED = 3
POLL_STORED_WITHIN = timedelta(seconds=60)
POLLS_MISSED = 4


def parts(now: datetime) -> dict[str, str]:
    """{part: why it is not ready, "" if it is}. Without a database nothing can be said about the rest."""
    try:
        reason = schema(*queries.migration_differences())
        if reason:
            return {"database": "", "migrations": reason}
        found = {"database": "", "migrations": "", **processes(leases.heartbeats(), now)}
        found["poller"] = found["poller"] or polls(broker_queries.brokers(EVERYTHING), now)
        return found
    except DatabaseError as error:
        return {"database": f"the database does not answer ({type(error).__name__})"}


def schema(missing: Sequence[str], unknown: Sequence[str]) -> str:
    """Why the database's tables and this version don't fit each other, "" if they do. Pure.

    >>> schema([], ["brokers.0009_later"])
    'the database was last used by a newer Hareline, whose migrations this version does not know: brokers.0009_later'
    """
    if unknown:
        return f"the database was last used by a newer Hareline, whose migrations this version does not know: {', '.join(unknown[:5])}"
    return f"not applied: {', '.join(missing[:5])}" if missing else ""


def processes(beats: Iterable[Heartbeat], now: datetime) -> dict[str, str]:
    """{process: why nobody does its work, "" if somebody does}. Pure."""
    latest: dict[str, datetime] = {}
    for beat in beats:
        latest[beat.kind] = max(beat.at, latest.get(beat.kind, beat.at))
    return {kind: _reason(latest.get(kind), now) for kind in PROCESSES}


def _reason(at: datetime | None, now: datetime) -> str:
    if at is None:
        return "has never been heard of; is it started?"
    return "" if now - at <= MISSED * BEATS_EVERY else f"was last heard of {formatting.age(at, now)} ago"


def polls(brokers: Sequence[Broker], now: datetime) -> str:
    """Why a poller that lives does no work: no poll of a broker was stored for long, neither an answer nor a failure. "" if all were. Pure.

    Without the brokers' names, which are not for strangers.
    """
    late = [broker for broker in brokers if _is_late(broker, now)]
    if not late:
        return ""
    attempts = [broker.tried_at for broker in late if broker.tried_at is not None]
    since = f"for {formatting.age(min(attempts), now)}" if len(attempts) == len(late) else "yet"
    return f"has stored no poll of {len(late):,} of {formatting.count(len(brokers), 'broker')} {since}"


def _is_late(broker: Broker, now: datetime) -> bool:
    last = broker.tried_at or broker.since
    return last is None or now - last > max(POLL_STORED_WITHIN, POLLS_MISSED * timedelta(seconds=broker.poll_seconds or 0))
