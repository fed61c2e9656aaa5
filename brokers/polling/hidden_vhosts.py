"""Virtual hosts that a broker leaves out of its list though they exist: those that a user without the tag monitoring may not access.

A permission that was taken away must not look like a deletion, so each one that is missing is looked up by its name.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from brokers.errors import BrokerError, ObjectNotFound
from brokers.management.management_api import ManagementApi
from brokers.polling.poll_memory import DepthMemory

CHECKED_EVERY = timedelta(minutes=1)
"""The broker's log has a warning for each refusal."""
MOST_CHECKED = 20


def hidden(api: ManagementApi, memory: DepthMemory, listed: Iterable[str], now: datetime) -> list[str]:
    """The names of known virtual hosts that are not listed and not known to be deleted, sorted. Those that were not looked up yet, as they are many,
    or without an answer, are among them."""
    missing = {*memory.stored_vhosts, *memory.vhosts, *memory.hidden_vhosts} - set(listed)
    memory.hidden_vhosts = {name: at for name, at in memory.hidden_vhosts.items() if name in missing}
    due = [name for name in sorted(missing) if not _is_recent(memory.hidden_vhosts.get(name), now)]
    for name in due[:MOST_CHECKED]:
        memory.hidden_vhosts[name] = now
        try:
            api.bindings(name)  # refused where the user has no permission
        except ObjectNotFound:
            missing.discard(name)
            del memory.hidden_vhosts[name]
            memory.stored_vhosts -= {name}
        except BrokerError:
            continue
    return sorted(missing)


def _is_recent(checked_at: datetime | None, now: datetime) -> bool:
    return checked_at is not None and timedelta(0) <= now - checked_at < CHECKED_EVERY
