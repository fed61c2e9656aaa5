"""Stored targets as the rest of the room needs them: what is chosen, and what a process that sends gets."""

from __future__ import annotations

import contextlib
from datetime import datetime
from typing import Any

import msgspec

from dashboard import queries, store
from dashboard.models import Target
from dashboard.notifications import addresses, vault
from dashboard.notifications.choosing import Schedule, Selection, digest_is_due
from dashboard.notifications.decisions import Recipient


def selection_of(target: Target) -> Selection:
    return msgspec.convert(target.selection, Selection)


def schedule_of(target: Target) -> Schedule:
    return msgspec.convert(target.schedule, Schedule)


def readable(target: Target) -> tuple[Selection, Schedule]:
    """As stored; for the form what is usual, where that can't be read."""
    try:
        return selection_of(target), schedule_of(target)
    except ValueError:
        return Selection(), Schedule()


def problem(target: Target, now: datetime) -> str:
    """Why messages to it can't be planned, in part or at all; "" if they can. Forms refuse such values, older versions stored some."""
    if target.kind == Target.HEARTBEAT:
        return ""
    try:
        checked(target, now)
        digest_is_due(target.digest_hour, schedule_of(target).zone, None, now)
    except Exception as error:  # noqa: BLE001  (whatever it is, its row says so, and the planner logs it)
        return f"What is stored of it can't be used ({error}). Correct it and save it"
    return ""


def unusable(now: datetime) -> list[tuple[str, str, datetime]]:
    """(name, why, since when) of the targets to which nothing can be planned; not of the paused ones."""
    return [(one.name, why, one.changed_at) for one in queries.targets() if not one.paused and (why := problem(one, now))]


def checked(target: Target, now: datetime) -> Recipient:
    """The recipient, whose hours can be read. Raises ValueError."""
    found = recipient(target)
    found.schedule.is_open(now)
    return found


def recipient(target: Target) -> Recipient:
    return Recipient(target.pk, target.name, selection_of(target), schedule_of(target), target.at_once, target.repeat_seconds, target.recovery)


def address_of(target: Target) -> dict[str, Any]:
    """With its secrets. Raises `vault.Unreadable`."""
    return addresses.whole(target, vault.decrypted(target.secret))


def rotate_secrets() -> int:
    """How many targets were encrypted anew by the first key of HARELINE_SECRETS_KEY, so that the older keys may be taken out of it."""
    changed = 0
    for target in queries.targets():
        with contextlib.suppress(vault.Unreadable):  # its row on the page says so
            secret = vault.rotated(target.secret)
            changed += store.replace_secret(target, secret) if secret != target.secret else 0
    return changed


def unreadable_targets() -> list[str]:
    """The names of targets that none of today's keys decrypts."""
    found = []
    for target in queries.targets():
        try:
            vault.decrypted(target.secret)
        except vault.Unreadable:
            found.append(target.name)
    return found
