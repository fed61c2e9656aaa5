"""Schedules and their states in words. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from cron_descriptor import FormatException, MissingFieldException, Options, WrongArgumentException, get_description

from dashboard.layout import formatting
from workers.periodic.entries import Entry
from workers.periodic.schedules import Crontab, Every, Schedule
from workers.periodic.slots import Outcome, Slot

State = Literal["on time", "late", "missed", "doubled", "delivered twice", "paused", "unknown"]


def schedule_text(schedule: Schedule) -> str:
    """ "every 30 s", "at 03:00, Monday through Friday (Europe/Berlin)".

    >>> schedule_text(Every(90.0)), schedule_text(Crontab("0", "3", "*", "*", "mon-fri"))
    ('every 1 min 30 s', 'at 03:00, Monday through Friday (UTC)')
    """
    if isinstance(schedule, Every):
        return f"every {formatting.duration(schedule.seconds)}"
    if not isinstance(schedule, Crontab):
        return schedule.text
    options = Options()
    options.use_24hour_time_format = True
    try:
        words = get_description(schedule.expression, options)
    except (FormatException, MissingFieldException, WrongArgumentException, ValueError, IndexError):
        words = schedule.expression
    return f"{words[:1].lower()}{words[1:]} ({schedule.timezone})"


def state_of(entry: Entry, slots: Sequence[Slot], now: datetime) -> tuple[str, State, str]:
    """(level, word, sentence) of what was seen last."""
    if not entry.enabled:
        return "off", "paused", "It is disabled in the scheduler’s table, so it is not sent."
    closed = [slot for slot in slots if slot.outcome != "due"]
    if not closed:
        return "unknown", "unknown", "No run of it has been seen, and it is not known to have been due in the last 24 hours."
    if all(slot.outcome == "unknown" for slot in closed):
        return "unknown", "unknown", "No run of it has been seen in the last 24 hours, and events have not been received all the time."
    last = closed[-1]
    if last.outcome == "missed":
        missed = missed_at_the_end(closed)
        since = formatting.moment_text(missed[0].at, now)
        never = "" if len(missed) < len(closed) else " None was seen in the last 24 hours."
        return (
            "warning" if entry.observed_runs else "critical",
            "missed",
            f"No run was seen since {since}, when it was {'expected' if entry.observed_runs else 'due'}: {formatting.count(len(missed), 'run')} missed.{never}",
        )
    if last.outcome == "unknown":
        return "unknown", "unknown", "Events were not received when it was due last."
    if last.outcome == "doubled":
        return "warning", "doubled", f"{len({run.uuid for run in last.runs})} tasks were sent for one moment: two schedulers run, or somebody sent one by hand."
    if last.is_delivered_twice:
        return "warning", "delivered twice", "The broker delivered the same task to workers more than once."
    if last.outcome == "late":
        return "warning", "late", f"The last run came {formatting.duration(timedelta(seconds=last.late_seconds))} after it was due."
    return "ok", "on time", ""


def missed_at_the_end(closed: Sequence[Slot]) -> list[Slot]:
    """The last slots, in their order, as far as they were missed."""
    found: list[Slot] = []
    for slot in reversed(closed):
        if slot.outcome != "missed":
            break
        found.append(slot)
    return found[::-1]


def day_text(slots: Sequence[Slot]) -> str:
    """ "46 on time, 1 late, 2 missed"; "" where nothing is known."""
    counts = Counter(slot.outcome for slot in slots)
    words: tuple[tuple[Outcome, str], ...] = (("ran", "on time"), ("late", "late"), ("doubled", "doubled"), ("missed", "missed"), ("unknown", "unknown"))
    return ", ".join(f"{counts[outcome]:,} {word}" for outcome, word in words if counts[outcome])
