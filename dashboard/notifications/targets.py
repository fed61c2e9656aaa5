"""Stored targets as the rest of the room needs them: what is chosen, and what a process that sends gets."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec

from dashboard import queries, store
from dashboard.models import Target
from dashboard.notifications import addresses, vault
from dashboard.notifications.choosing import Schedule, Selection
from dashboard.notifications.decisions import Recipient


def selection_of(target: Target) -> Selection:
    return msgspec.convert(target.selection, Selection)


def schedule_of(target: Target) -> Schedule:
    return msgspec.convert(target.schedule, Schedule)


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
