"""The form of a target: read and checked field by field. Every problem names its field, so that the page shows it there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import available_timezones

import msgspec

from brokers.characters import is_storable
from dashboard.layout.typed_numbers import number, whole_number
from dashboard.models import Target
from dashboard.notifications import addresses
from dashboard.notifications.choosing import ALL_DAYS, DAYS, LEVELS, MIDNIGHT, Schedule, Selection, minutes
from dashboard.notifications.targets import readable

PATTERNS = {"rules": "Rules", "brokers": "Brokers", "vhosts": "Virtual hosts", "names": "Names"}
SECRETS = ("url", "key", "password")
MANY = ("levels", "days")
"""Fields of which several values are posted."""
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


class Entered(msgspec.Struct, frozen=True):
    """What a form that is right holds. `changes` are fields of `Target`."""

    changes: dict[str, Any]
    address: addresses.Address


def usual(kind: str) -> dict[str, Any]:
    """The fields of a new target."""
    return {
        "name": "", "url": "", "key": "", "host": "", "port": "587", "security": "starttls", "user": "", "password": "", "sender": "", "recipients": "",
        "levels": ["critical", "warning"], "rules": "", "brokers": "", "vhosts": "", "names": "", "days": [str(day) for day in ALL_DAYS], "begins": "00:00",
        "ends": MIDNIGHT, "zone": "UTC", "at_once": "on" if kind != Target.HEARTBEAT else "", "group_seconds": "15", "repeat_minutes": "", "recovery": "on",
        "digest_hour": "",
    }  # fmt: skip


def filled_in(target: Target) -> dict[str, Any]:
    """The fields of a stored one: whatever is secret is empty."""
    selection, schedule, options = *readable(target), target.options
    shown = {name: str(options.get(name, "")) for name in ("host", "port", "security", "user", "sender")}
    return usual(target.kind) | (shown if target.kind == Target.MAIL else {}) | {
        "name": target.name,
        "recipients": ", ".join(options.get("recipients", ())),
        "levels": list(selection.levels),
        **{name: ", ".join(getattr(selection, name)) for name in PATTERNS},
        "days": [str(day) for day in schedule.days],
        "begins": schedule.begins,
        "ends": schedule.ends,
        "zone": schedule.zone,
        "at_once": "on" if target.at_once else "",
        "group_seconds": f"{target.group_seconds:g}",
        "repeat_minutes": "" if target.repeat_seconds is None else f"{target.repeat_seconds / 60:g}",
        "recovery": "on" if target.recovery else "",
        "digest_hour": "" if target.digest_hour is None else str(target.digest_hour),
    }  # fmt: skip


def read(kind: str, given: Mapping[str, Any], known: Target | None, loopback: bool) -> tuple[Entered | None, dict[str, str]]:
    """What it holds, or {field: what is wrong}."""
    problems: dict[str, str] = {}
    address = None
    try:
        address = addresses.read(kind, given, known, loopback)
    except addresses.Problem as problem:
        problems[problem.field] = str(problem)
    changes: dict[str, Any] = {"name": given["name"].strip()}
    if not 0 < len(changes["name"]) <= 100 or re.search(r"[\x00-\x1f\x7f]", changes["name"]):
        problems["name"] = "Enter a name of at most 100 characters."
    if kind != Target.HEARTBEAT:
        changes |= _messages(given, problems)
    return (None if problems or address is None else Entered(changes, address)), problems


def _messages(given: Mapping[str, Any], problems: dict[str, str]) -> dict[str, Any]:
    selection = Selection(tuple(word for word in LEVELS if word in given["levels"]), *(_patterns(name, given[name], problems) for name in PATTERNS))
    if not selection.levels:
        problems["levels"] = "Choose at least one level."
    at_once, digest = given["at_once"] == "on", whole_number(given["digest_hour"])
    if given["digest_hour"].strip() and (digest is None or digest > 23):
        problems["digest_hour"] = "Expected an hour from 0 to 23, or nothing: no digest."
    if not at_once and digest is None and "digest_hour" not in problems:
        problems["at_once"] = "Without this and without a digest nothing would be sent."
    group = _number("group_seconds", given["group_seconds"], 5, 600, problems)
    repeat = _number("repeat_minutes", given["repeat_minutes"], 1, 60 * 24 * 7, problems, ", or nothing: never") if given["repeat_minutes"].strip() else None
    return {
        "selection": msgspec.to_builtins(selection),
        "schedule": msgspec.to_builtins(_schedule(given, problems)),
        "at_once": at_once,
        "group_seconds": group,
        "repeat_seconds": None if repeat is None else repeat * 60,
        "recovery": given["recovery"] == "on",
        "digest_hour": digest,
    }


def _patterns(name: str, text: str, problems: dict[str, str]) -> tuple[str, ...]:
    found = tuple(one.strip() for one in text.split(",") if one.strip())
    if len(found) > 50 or len(text) > 4000:
        problems[name] = "At most 50 patterns."
    if not is_storable(text):
        problems[name] = "It holds a character that can't be stored."
    return found


def _number(name: str, text: str, least: float, most: float, problems: dict[str, str], else_: str = "") -> float:
    value = number(text)
    if value is None or not least <= value <= most:
        problems[name] = f"Expected a number from {least:g} to {most:,.0f}{else_}."
        return least
    return value


def _schedule(given: Mapping[str, Any], problems: dict[str, str]) -> Schedule:
    days = tuple(day for day in ALL_DAYS if str(day) in given["days"])
    begins, ends, zone = given["begins"].strip(), given["ends"].strip(), given["zone"].strip()
    if not days:
        problems["days"] = "Choose at least one day."
    for name, text in (("begins", begins), ("ends", ends)):
        if not _TIME.fullmatch(text) and not (name == "ends" and text == MIDNIGHT):
            problems[name] = "Expected a time such as 08:00" + (" or 24:00." if name == "ends" else ".")
    if zone not in available_timezones():
        problems["zone"] = "Expected a time zone such as UTC or Europe/Berlin."
    if not {"begins", "ends"} & set(problems) and minutes(begins) == minutes(ends):
        problems["ends"] = "The hours are empty; 00:00 to 24:00 is all day."
    return Schedule(days, begins, ends, zone)


def day_names() -> Sequence[tuple[str, str]]:
    return [(str(day), name) for day, name in enumerate(DAYS)]
