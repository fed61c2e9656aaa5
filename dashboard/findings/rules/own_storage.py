"""Hareline's database: nothing can be stored, the disk is nearly full, or tasks are deleted before their time as there are too many."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from brokers.models import Heartbeat
from brokers.polling import holders
from brokers.polling.share import lives
from dashboard.findings.facts import Facts
from dashboard.findings.installation import Installation
from dashboard.findings.rule import Cause, Evidence, Found, Link, Object, Report, Threshold
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import formatting

KEY = "own_storage"
NAME = "Hareline’s disk or database"
ABOUT = "The disk of Hareline's data is nearly full, nothing can be stored, or tasks are deleted early since there are more than are kept."
NEEDS = ()
THRESHOLDS = (
    Threshold("free", "Free on the disk at least", 1e9, "bytes", least=1e6),
    Threshold("critical_free", "Critical below", 1e8, "bytes", least=1e6),
    Threshold("share", "Tasks kept, of their bound", 95, "%", least=10, most=100),
)
OPENS_AFTER = timedelta(0)
CLEARS_AFTER = timedelta(seconds=60)


OBJECT = "database"


def look(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    known = facts.installation
    if known is None:
        return
    if known.not_stored:
        yield _found(
            "Hareline’s database can’t be written",
            "critical",
            "Nothing new is stored.",
            [Evidence("Reason", known.not_stored, facts.now)],
            known.not_stored,
            "write",
        )
    fullest = min((beat for beat in facts.beats if _free(beat) is not None and lives(beat, facts.now)), key=lambda beat: _free(beat) or 0, default=None)
    if fullest is not None and (_free(fullest) or 0) < thresholds.of(KEY, "free", name=OBJECT):
        yield _disk(fullest, known, thresholds.of(KEY, "critical_free", name=OBJECT))
    if known.tasks_most and known.tasks >= known.tasks_most * thresholds.of(KEY, "share", name=OBJECT) / 100:
        oldest = known.oldest_task_at
        if oldest is not None and facts.now - oldest < timedelta(days=known.task_days) * 0.9:
            yield _tasks(known, oldest, facts.now)


def _free(beat: Heartbeat) -> int | None:
    free = (beat.measured or {}).get("data_free_bytes")
    return free if isinstance(free, int) else None


def _found(title: str, level: str, meaning: str, evidence: list[Evidence], cause: str, detail: str) -> Found:
    return Found(
        KEY,
        Object("hareline", OBJECT),
        "critical" if level == "critical" else "warning" if level == "warning" else "notice",
        title,
        title=title,
        meaning=meaning,
        evidence=evidence,
        causes=[Cause(cause)],
        to_do=["Free space on that disk, or keep less: HARELINE_RETENTION_TASK_DAYS, HARELINE_RETENTION_TASKS and HARELINE_RETENTION_RAW_HOURS."],
        links=[Link("About this installation", "about")],
        clears="when there is room again",
        detail=detail,
    )


def _disk(beat: Heartbeat, known: Installation, critical: float) -> Found:
    free, host = _free(beat) or 0, holders.host_of(beat.holder) or "an unknown machine"
    evidence = [Evidence("Free", formatting.data_size(free), beat.at, f"on {host}"), Evidence("Database", formatting.data_size(known.database_bytes), beat.at)]
    level = "critical" if free < critical else "warning"
    title = f"The disk of Hareline’s data has {formatting.data_size(free)} free"
    return _found(title, level, "Once it is full, nothing can be stored.", evidence, "Hareline's database, or something else on that disk, has grown.", "disk")


def _tasks(known: Installation, oldest: datetime, now: datetime) -> Found:
    kept = formatting.duration(now - oldest)
    evidence = [
        Evidence("Tasks", f"{known.tasks:,} of {known.tasks_most:,}", now, "HARELINE_RETENTION_TASKS"),
        Evidence("Oldest task", formatting.moment_text(oldest, now), oldest, f"HARELINE_RETENTION_TASK_DAYS is {known.task_days:g}"),
    ]
    title = f"Hareline keeps tasks for {kept} only, as there are more than are kept"
    return _found(
        title, "notice", "Tasks older than that can't be found.", evidence, "More tasks run than HARELINE_RETENTION_TASKS allows for that time.", "tasks"
    )
