"""Whether this installation can do its work: database, migrations, and the other processes. A broker that is down is no reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError

from brokers import database_damage, database_file
from brokers import queries as broker_queries
from brokers.clock import is_within
from brokers.models import Broker, Heartbeat
from brokers.polling import holders, leases
from brokers.scope import EVERYTHING
from dashboard import queries
from dashboard.layout import formatting
from dashboard.operations import processes as of_all
from workers import presence
from workers import queries as worker_queries
from workers.models import EventSource

PROCESSES = ("poller", "receiver", "maintenance")
BEATS_EVERY = timedelta(seconds=5)
MISSED = 3
POLL_STORED_WITHIN = timedelta(seconds=60)
POLLS_MISSED = 4


def parts(now: datetime) -> dict[str, str]:
    """{part: why it is not ready, "" if it is}. Without a database nothing is known about the rest."""
    try:
        reason = schema(*queries.migration_differences())
        if reason:
            return {"database": "", "migrations": reason}
        database_damage.passed("readiness")
        beats = leases.heartbeats()
        silent = processes(beats, now)
        not_stored = database_file.why_nothing_is_stored if any(silent.values()) else database_file.not_writable
        missing = {kind: of_all.gone_text(kind, beats, now, holders.this_process()) for kind in ("web", *PROCESSES)}
        found = {"database": not_stored(), "migrations": "", "configuration": "; ".join(of_all.conflicts(beats, now)), **missing}
        found |= {kind: silent[kind] or missing[kind] for kind in PROCESSES}
        brokers = broker_queries.brokers(EVERYTHING)
        found["poller"] = found["poller"] or polls(brokers, now)
        found["receiver"] = found["receiver"] or events(worker_queries.event_sources(EVERYTHING), now)
        return found
    except DatabaseError as error:
        damaged = database_damage.note(error, "readiness", database_damage.A_WHILE_SECONDS)
        return {"database": database_damage.sentence() if damaged else f"the database does not answer ({type(error).__name__})"}


def notes(now: datetime) -> list[str]:
    """What is no reason to be not ready, and somebody should know: an upgrade that is not through. [] also without a database."""
    try:
        text = of_all.versions_text(leases.heartbeats(), now, settings.VERSION)
        return [text] if text else []
    except DatabaseError:
        return []


def schema(missing: Sequence[str], unknown: Sequence[str]) -> str:
    """Why the database's tables and this version don't fit each other, "" if they do. Pure.

    >>> schema([], ["brokers.0009_later"])
    'the database was last used by a newer Hareline, whose migrations this version does not know: brokers.0009_later'
    """
    if unknown:
        return f"the database was last used by a newer Hareline, whose migrations this version does not know: {', '.join(unknown[:5])}"
    return f"not applied: {', '.join(missing[:5])}" if missing else ""


def processes(beats: Sequence[Heartbeat], now: datetime) -> dict[str, str]:
    """{process: why nobody does its work, "" if somebody does}. Pure."""
    latest = {beat.kind: beat for beat in sorted(beats, key=lambda beat: (_is_fresh(beat, now), beat.at))}
    problems = of_all.problems(latest_first(beats), lambda beat: _is_fresh(beat, now))
    return {kind: problems[kind] if kind in problems else _silence(latest.get(kind), now) for kind in PROCESSES}


def _is_fresh(beat: Heartbeat, now: datetime) -> bool:
    return is_within(beat.at, now, MISSED * BEATS_EVERY)


def latest_first(beats: Iterable[Heartbeat]) -> list[Heartbeat]:
    return sorted(beats, key=lambda beat: beat.at, reverse=True)


def _silence(beat: Heartbeat | None, now: datetime) -> str:
    if beat is None:
        return "has never stored a heartbeat; is it started?"
    return f"was stopped {formatting.age(beat.ended_at, now)} ago" if beat.ended_at else f"last stored a heartbeat {formatting.age(beat.at, now)} ago"


def events(sources: Sequence[EventSource], now: datetime) -> str:
    """Why a receiver that lives does no work: the threads of some virtual hosts end again and again, or have stored nothing for long. "" if none. Pure.

    Without the virtual hosts' names, which are not for strangers.
    """
    failing = [source for source in sources if source.broker.configured and source.fault]
    late = [source for source in sources if source.broker.configured and not source.fault and presence.is_late(source.beat_at, now)]
    found = [f"of {len(failing):,} of {formatting.count(len(sources), 'virtual host')} the thread ends again and again by an error"] if failing else []
    if late:
        oldest = min(source.beat_at for source in late if source.beat_at is not None)
        found.append(f"has stored nothing of {len(late):,} of {formatting.count(len(sources), 'virtual host')} for {formatting.age(oldest, now)}")
    return "; ".join(found)


def polls(brokers: Sequence[Broker], now: datetime) -> str:
    """Why a poller that lives does no work: no poll of a broker was stored for long, neither an answer nor a failure. "" if all were. Pure.

    Without the brokers' names, which are not for strangers.
    """
    late = [broker for broker in brokers if is_late(broker, now)]
    if not late:
        return ""
    attempts = [broker.tried_at for broker in late if broker.tried_at is not None]
    since = f"for {formatting.age(min(attempts), now)}" if len(attempts) == len(late) else "yet"
    return f"has stored no poll of {len(late):,} of {formatting.count(len(brokers), 'broker')} {since}"


def is_late(broker: Broker, now: datetime) -> bool:
    last = broker.tried_at or broker.since
    return last is None or not is_within(last, now, max(POLL_STORED_WITHIN, POLLS_MISSED * timedelta(seconds=broker.poll_seconds or 0)))
