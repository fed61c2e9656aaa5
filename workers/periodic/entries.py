"""The entries of a schedule as an application's configuration has them: name, task, schedule, arguments, destination. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from workers.periodic.schedules import Schedule, read

MOST_ENTRIES, LONGEST_NAME, LONGEST_TEXT = 1_000, 500, 500
LARGEST_BYTES = 128 * 1024


class Entry(msgspec.Struct, frozen=True):
    """One entry. `args` and `kwargs` are as Python prints them, None where they are unknown or too long to compare; `enabled` is False for one that is
    paused; `last_run_at` and `runs` are what the scheduler itself noted, where it does. `sources` name who reported it; without any, nobody did, and its
    period was worked out from `observed_runs` runs."""

    name: str
    task: str
    schedule: Schedule
    args: str | None = "()"
    kwargs: str | None = "{}"
    queue: str | None = None
    enabled: bool = True
    last_run_at: datetime | None = None
    runs: int | None = None
    sources: tuple[str, ...] = ()
    observed_runs: int = 0


def kept(conf: Mapping[str, Any]) -> dict[str, Any] | None:
    """What is stored of a worker's answer to `conf`: {"timezone", "entries": [{"name", "task", "schedule", "args", "kwargs", "queue"}]}; the first of
    them, where all would take more than 128 KiB. None where it has no schedule.

    >>> kept({"beat_schedule": {"nightly": {"task": "report", "schedule": 30.0, "args": [1]}}})["entries"][0]["args"]
    '(1,)'
    """
    given = {name.lower().removeprefix("celery_").removeprefix("celerybeat_"): value for name, value in conf.items() if isinstance(name, str)}
    schedule = given.get("beat_schedule") or given.get("schedule")
    if not isinstance(schedule, dict) or not schedule:
        return None
    timezone = given.get("timezone")
    entries, size = [], 0
    for name, one in list(schedule.items())[:MOST_ENTRIES]:
        entry = _kept_entry(str(name), one) if isinstance(one, dict) else None
        size += len(msgspec.json.encode(entry))
        if entry and entry["task"] and size <= LARGEST_BYTES:
            entries.append(entry)
    return {"timezone": timezone[:100] if isinstance(timezone, str) else "UTC", "entries": entries, "left_out": len(schedule) - len(entries)}


def _kept_entry(name: str, reported: Mapping[str, Any]) -> dict[str, Any]:
    options = reported.get("options")
    queue = options.get("queue") if isinstance(options, dict) else None
    args, kwargs = reported.get("args"), reported.get("kwargs")
    return {
        "name": _text(name, LONGEST_NAME),
        "task": _text(reported.get("task"), LONGEST_NAME),
        "schedule": one if isinstance(one := reported.get("schedule"), int | float) and not isinstance(one, bool) else _text(one, 200),
        "args": _printed(tuple(args) if isinstance(args, list) else ()),
        "kwargs": _printed(kwargs if isinstance(kwargs, dict) else {}),
        "queue": _text(queue, 255) if isinstance(queue, str) else None,
    }


def _printed(value: Any) -> str | None:
    try:
        text = _text(repr(value), LONGEST_TEXT + 1)
    except RecursionError:
        return None
    return text if len(text) <= LONGEST_TEXT else None


def _text(found: Any, length: int) -> str:
    text = "" if found is None else found if isinstance(found, str) else repr(found)
    return text[:length].encode("utf-8", "replace").decode().replace("\x00", "�")


def entries_of(stored: Any, source: str) -> list[Entry]:
    """The entries that `kept` stored, [] for anything else."""
    if not isinstance(stored, dict) or not isinstance(stored.get("entries"), list):
        return []
    timezone = stored.get("timezone")
    zone = timezone if isinstance(timezone, str) else "UTC"
    found = []
    for one in stored["entries"]:
        if isinstance(one, dict) and isinstance(one.get("name"), str) and isinstance(one.get("task"), str):
            schedule = read(one.get("schedule"), _named(one.get("timezone")) or zone)
            last = one.get("last_run_at")
            entry = Entry(one["name"], one["task"], schedule, _named(one.get("args")), _named(one.get("kwargs")), _named(one.get("queue")), sources=(source,))
            runs = one.get("runs")
            found.append(
                msgspec.structs.replace(
                    entry,
                    enabled=one.get("enabled") is not False,
                    last_run_at=_moment(last),
                    runs=runs if isinstance(runs, int) else None,
                )
            )
    return found


def sends(entry: Entry, args: str | None, kwargs: str | None) -> bool:
    """Whether a task with these arguments, as its events print them, may be one of the entry. Schedulers send lists and tuples, which are the same then.

    >>> sends(Entry("a", "t", read(1), "(1,)", "{}"), "[1]", "{}")
    True
    """
    return args is not None and entry.args is not None and _inside(args) == _inside(entry.args) and kwargs == entry.kwargs


def _inside(printed: str) -> str:
    return printed[1:-1].rstrip(",")


def _named(found: Any) -> str | None:
    return found if isinstance(found, str) else None


def _moment(found: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(found) if isinstance(found, str) else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None


def merged(entries: Iterable[Entry]) -> list[Entry]:
    """Each entry once, by name: hundreds of workers report the schedule of one application. One that several report otherwise stays several times."""
    found: dict[tuple[Any, ...], Entry] = {}
    for one in entries:
        key = (one.name, one.task, one.schedule, one.args, one.kwargs, one.queue)
        known = found.get(key)
        if known is None:
            found[key] = one
        else:
            sources = tuple(dict.fromkeys((*known.sources, *one.sources)))
            newer = one if one.last_run_at and (known.last_run_at is None or one.last_run_at > known.last_run_at) else known
            found[key] = msgspec.structs.replace(newer, sources=sources, enabled=known.enabled and one.enabled)
    return sorted(found.values(), key=lambda one: (one.name.casefold(), one.name))
