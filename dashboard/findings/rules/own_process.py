"""A process of Hareline that is missing, silent, set up differently, or reports that it can't do its work."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from brokers.clock import is_within
from brokers.polling.share import lives
from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Link, Object, Report, Threshold, Unsure
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import formatting
from dashboard.layout.levels import Word
from dashboard.operations import processes, readiness

KEY = "own_process"
NAME = "Hareline’s process missing"
ABOUT = "A process of Hareline is not running, stands still, lags behind, or can't do its work."
NEEDS = ()
THRESHOLDS = (Threshold("tail", "The web process behind by", 10, "s", least=1),)
OPENS_AFTER = timedelta(seconds=10)  # two of its heartbeats; a missing one has missed three already
PATIENCE = timedelta(seconds=20)
"""An upgrade ends and starts processes one after the other: so long one that ended in good order is not missed, nor any after the start of what looks."""
OPENS_TEXT = "once it was seen for 10 s, but not within 20 s after the process was stopped in good order or maintenance was started"
CLEARS_AFTER = timedelta(seconds=10)

WORK = {
    "poller": "Brokers are not polled: queues, exchanges and connections are unknown.",
    "receiver": "No events of workers are received: worker nodes and tasks are unknown, and what is not received by its queue's limit is lost.",
    "maintenance": "Old data is not deleted, and nobody looks for problems.",
    "web": "Pages and calls are answered by fewer processes.",
}
LEVELS: dict[str, Word] = {"poller": "critical", "receiver": "critical", "maintenance": "warning", "web": "warning"}


def look(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    beats, now = facts.beats, facts.now
    why = {kind: (text, LEVELS[kind]) for kind, text in readiness.processes(list(beats), now).items() if text}
    for kind in WORK:
        text = "" if kind in why else processes.gone_text(kind, list(beats), now, "")
        if text:
            why[kind] = (text, "warning")
    for kind, (text, level) in why.items():
        if _may_still_start(kind, facts):
            yield Unsure("it may still be starting", kind="process", name=kind)
        else:
            yield _found(kind, text, level, facts)
    for sentence in processes.conflicts(beats, now):
        yield _conflict(sentence)
    behind = max(((beat.measured or {}).get("tail_seconds") or 0.0 for beat in beats if lives(beat, now)), default=0.0)
    if behind >= thresholds.of(KEY, "tail", name="web"):
        text = f"it is {formatting.duration(behind)} behind the database, so that open pages show what was"
        yield _found("web", text, "warning", facts, "tail")


def _may_still_start(kind: str, facts: Facts) -> bool:
    """Not one that lives and reports a problem."""
    latest = max((beat for beat in facts.beats if beat.kind == kind), key=lambda beat: beat.at, default=None)
    if latest is not None and lives(latest, facts.now):
        return False
    looking = [beat.started_at for beat in facts.beats if beat.kind == "maintenance" and beat.started_at and lives(beat, facts.now)]
    moments = [*looking, *([latest.ended_at] if latest is not None and latest.ended_at else [])]
    return any(is_within(moment, facts.now, PATIENCE) for moment in moments)


def _found(kind: str, text: str, level: Word, facts: Facts, detail: str = "") -> Found:
    latest = max((beat for beat in facts.beats if beat.kind == kind), key=lambda beat: beat.at, default=None)
    if latest is not None and not detail and not lives(latest, facts.now):  # by its moment, since an age would stand still
        text = f"was stopped at {formatting.moment_text(latest.ended_at, facts.now)}" if latest.ended_at else "does not respond"
    evidence = [Evidence("Last heartbeat", formatting.moment_text(latest.at, facts.now) if latest else "never", latest.at if latest else None)]
    if latest is not None and latest.problem:
        evidence.append(Evidence("Reports", latest.problem, latest.at))
    return Found(
        KEY,
        Object("process", kind),
        level,
        f"needs attention: {text}",
        title=f"Hareline’s {kind} process{'' if text.startswith(('was stopped', 'does not respond', 'has never')) else ':'} {text}",
        since=latest.at if latest and not detail else None,
        meaning=WORK[kind],
        evidence=evidence,
        causes=[Cause("It was stopped or killed and not started again, stands still, or its machine is cut off from the database.")],
        to_do=["Look at its log and at what supervises it; start it again."],
        links=[Link("About this installation", "about")],
        clears="when a process of the kind stores heartbeats again",
        detail=detail,
    )


def _conflict(sentence: str) -> Found:
    who, _, what = sentence.partition(" has another ")
    return Found(
        KEY,
        Object("process", who),
        "warning",
        f"has another {what}" if what else sentence,
        title=f"Hareline’s {sentence}",
        meaning="What one process stores or signs the others may not understand.",
        causes=[Cause("Processes were started with different environments.")],
        to_do=["Start all of them with the same settings."],
        links=[Link("About this installation", "about")],
        clears="when all have the same",
        detail="settings",
    )
