"""Hareline's own starts, and which of its settings were others than at the one before, in the list of changes of each broker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import transaction

from brokers.diff import ChangeText
from brokers.models import Broker, Installation
from brokers.store.changes import save_changes

NAME = "Hareline"


def note_start(brokers: Iterable[Broker], version: str, settings: Mapping[str, str], now: datetime) -> None:
    """That a poller starts. `settings`: {variable: fingerprint}; values are never stored."""
    with transaction.atomic():
        installation = Installation.objects.select_for_update().first()
        seen = installation.started_with if installation is not None else {}
        for broker in brokers:
            save_changes(broker.pk, start_changes(broker.name, seen, version, settings), now, broker.polled_at)
        if installation is not None:
            installation.started_with = {"version": version, "settings": dict(settings)}
            installation.save(update_fields=["started_with"])


def start_changes(broker: str, seen: Mapping[str, object], version: str, settings: Mapping[str, str]) -> list[ChangeText]:
    """`seen`: version and settings of the start before, {} if none is known.

    >>> seen = {"version": "0.1", "settings": {"HARELINE_POLL_SECONDS": "a1", "HARELINE_HOST": "b2"}}
    >>> [one.text for one in start_changes("prod", seen, "0.2", {"HARELINE_POLL_SECONDS": "c3", "HARELINE_DEBUG": "d4"})]
    ['Hareline 0.2 began to watch prod, before 0.1', 'Settings of Hareline changed: HARELINE_DEBUG set, HARELINE_HOST removed, HARELINE_POLL_SECONDS changed']
    """
    was = seen.get("version")
    other = f", before {was}" if was and was != version else ""
    before = {"version": was} if was else None
    found = [ChangeText("hareline", "started", "", NAME, f"Hareline {version} began to watch {broker}{other}", before, {"version": version})]
    known = seen.get("settings")
    if isinstance(known, Mapping):
        words = {
            name: "set" if name not in known else "removed" if name not in settings else "changed"
            for name in sorted(known.keys() | settings.keys())
            if known.get(name) != settings.get(name)
        }
        if words:
            text = ", ".join(f"{name} {word}" for name, word in words.items())
            found.append(ChangeText("hareline", "changed", "", NAME, f"Settings of Hareline changed: {text}", after=words))
    return found
