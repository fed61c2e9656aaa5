"""Hareline's work that is late though its processes live: polls, the receipt of events, maintenance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from brokers.clock import is_within
from brokers.models import Broker
from brokers.polling.share import lives
from dashboard.findings import poller
from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Link, Object, Report, Threshold
from dashboard.findings.rules.broker_away import POLLS
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import formatting, levels
from dashboard.layout.levels import Word
from dashboard.operations import readiness
from workers import presence
from workers.models import EventSource

KEY = "own_work"
NAME = "Hareline is behind"
ABOUT = "Hareline polls late, receives events late, or its maintenance is late, though its processes run."
NEEDS = ()
THRESHOLDS = (Threshold("waiting", "Events that wait to be received", 5000, least=100),)
OPENS_AFTER = timedelta(seconds=10)
CLEARS_AFTER = timedelta(seconds=20)

LATE_JOBS = timedelta(seconds=60)
"""Beside three of its intervals, a job of maintenance may be so late."""


def look(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    known, now = facts.installation, facts.now
    if known is None:
        return
    silent = readiness.processes(list(facts.beats), now)
    if not silent["poller"]:
        for broker in known.brokers:
            if not broker.same_as and _is_late(broker, facts):
                yield _poll(broker, facts)
    if not silent["receiver"]:
        for source in known.sources:
            yield from _thread(source, now)
    for source in known.sources:
        waiting = known.waiting.get(source.pk, 0)
        if waiting >= thresholds.of(KEY, "waiting", name=_events_of(source)):
            yield _lag(source, waiting, now)
    if not silent["maintenance"]:
        for name, done in _jobs(facts).items():
            yield from _job(name, done, now)


def _is_late(broker: Broker, facts: Facts) -> bool:
    """By its numbers, as soon as the poller reports that it sends no requests; else by what it tried last."""
    return readiness.is_late(broker, facts.now) or (levels.is_stale(broker, facts.now) and poller.stands_still(broker, facts.beats, facts.now))


def _jobs(facts: Facts) -> dict[str, Mapping[str, Any]]:
    """When each job was done last, by whichever process: one that stands by did its last before the other took over."""
    found: dict[str, Mapping[str, Any]] = {}
    for beat in facts.beats:
        if lives(beat, facts.now):
            for name, done in ((beat.measured or {}).get("jobs") or {}).items():
                found[str(name)] = max(found.get(str(name), done), done, key=lambda one: datetime.fromisoformat(str(one["at"])))
    return found


def _found(name: str, detail: str, level: Word, title: str, since: datetime | None, meaning: str, evidence: list[Evidence], cause: str) -> Found:
    return Found(
        KEY,
        Object("hareline", name),
        level,
        title,
        title=title,
        since=since,
        meaning=meaning,
        evidence=evidence,
        causes=[Cause(cause)],
        to_do=["Look at Hareline's log, and at the load of its machine and of its database."],
        links=[Link("About this installation", "about")],
        clears="when it is up to date again",
        detail=detail,
    )


def _poll(broker: Broker, facts: Facts) -> Found:
    now = facts.now
    idle = poller.idle(broker, facts.beats, now)
    at = broker.tried_at or broker.since
    since = f"since {formatting.moment_text(at, now)}" if at else "yet"
    every = f"one every {formatting.duration(broker.poll_seconds)}" if broker.poll_seconds else ""
    return _found(
        POLLS.format(broker.name),
        "poll",
        "critical",
        f"Hareline has stored no poll of {broker.name} {since}",
        at,
        "What is shown of it is old.",
        [
            Evidence("Last attempt", formatting.moment_text(at, now) if at else "never", at, every),
            *([Evidence("No request sent for", formatting.duration(idle))] if idle else []),
        ],
        "The thread that polls it stands still or ends again and again, or nothing can be stored.",
    )


def _thread(source: EventSource, now: datetime) -> Iterable[Found]:
    where = f"{source.vhost} at {source.broker.name}"
    if source.fault:
        title, since = f"Hareline’s receiver fails in {where}", source.fault_since
        evidence, cause = Evidence("Error", source.fault, source.fault_since), "An error in Hareline ends the thread again and again."
    elif presence.is_late(source.beat_at, now):
        title, since = f"Hareline’s receiver has stored nothing of {where} since {formatting.moment_text(source.beat_at, now)}", source.beat_at
        last = formatting.moment_text(source.beat_at, now)
        evidence, cause = Evidence("Last stored", last, source.beat_at), "Its thread stands still, or nothing can be stored."
    else:
        return
    yield _found(f"receipt of events of {where}", "thread", "critical", title, since, "Worker nodes and tasks there are unknown.", [evidence], cause)


def _events_of(source: EventSource) -> str:
    return f"events of {source.vhost} at {source.broker.name}"


def _lag(source: EventSource, waiting: int, now: datetime) -> Found:
    last = formatting.moment_text(source.received_at, now) if source.received_at else "never"
    return _found(
        _events_of(source),
        "lag",
        "warning",
        f"Hareline receives the {_events_of(source)} late: {waiting:,} wait",
        None,
        "States of workers and tasks are shown late; beyond the limit of their queue events are dropped.",
        [Evidence("Waiting", f"{waiting:,}", source.broker.polled_at, f"depth of {source.queue}"), Evidence("Last event", last, source.received_at)],
        "More events come than the receiver and the database can take, or the receiver was away.",
    )


def _job(name: str, done: Mapping[str, Any], now: datetime) -> Iterable[Found]:
    every, at = done.get("every_seconds"), datetime.fromisoformat(str(done["at"]))
    if every and not is_within(at, now, 3 * timedelta(seconds=float(every)) + LATE_JOBS):
        last = Evidence("Last done", formatting.moment_text(at, now), at, f"every {formatting.duration(float(every))}")
        title = f"Hareline’s maintenance is late: {name} was last done at {formatting.moment_text(at, now)}"
        yield _found(
            f"maintenance: {name}", "job", "warning", title, at, "Old data stays, and the database grows.", [last], "The job takes too long, or fails."
        )
