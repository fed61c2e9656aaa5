"""Whether this installation can do its work: database, migrations, and the other processes. A broker that is down is no reason."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import DatabaseError

from brokers import leases
from brokers.models import Heartbeat
from dashboard import formatting, queries

PROCESSES = ("poller", "receiver", "chores")
BEATS_EVERY = timedelta(seconds=5)
MISSED = 3


def parts(now: datetime) -> dict[str, str]:
    """{part: why it is not ready, "" if it is}. Without a database nothing can be said about the rest."""
    try:
        missing = queries.missing_migrations()
        if missing:
            return {"database": "", "migrations": f"not applied: {', '.join(missing[:5])}"}
        return {"database": "", "migrations": "", **processes(leases.heartbeats(), now)}
    except DatabaseError as error:
        return {"database": f"the database does not answer ({type(error).__name__})"}


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
