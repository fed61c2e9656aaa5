"""Celery's states of a task as people read them: a word, a shape or an icon, and what it means. Pure.

UNKNOWN is ours: what a task was last seen as is kept beside it, and never shown as if it were so now.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from dashboard.layout import formatting
from workers.models import Task
from workers.state_sources import HAS_ENDED

UNKNOWN = "UNKNOWN"


class State(msgspec.Struct, frozen=True):
    """`level` is a word of `dashboard.layout.levels`, whose shape is drawn, or "" where the state is neither good nor bad: then `icon` is."""

    name: str
    word: str
    meaning: str
    level: str = ""
    icon: str = ""
    ended: bool = False


STATES: Mapping[str, State] = {
    state.name: state
    for state in (
        State("PENDING", "sent", "sent; no worker node has reported receiving it", icon="send"),
        State("RECEIVED", "received", "a worker node has received it and not started it yet", icon="inbox"),
        State("STARTED", "started", "a worker node is running it", icon="player-play"),
        State("RETRY", "retrying", "an attempt failed; it waits for the next one", "warning"),
        State("SUCCESS", "succeeded", "it returned", "ok", ended=True),
        State("FAILURE", "failed", "it raised an exception", "critical", ended=True),
        State("REVOKED", "revoked", "it was revoked, or it expired", "notice", ended=True),
        State("REJECTED", "rejected", "its worker node rejected the message", "warning", ended=True),
        State(UNKNOWN, "unknown", "its outcome is unknown", "unknown"),
    )
}
CHOICES = tuple(name.lower() for name in STATES)
WORDS: Mapping[str, tuple[str, ...]] = {
    "failed": ("FAILURE",),
    "error": ("FAILURE",),
    "succeeded": ("SUCCESS",),
    "done": ("SUCCESS",),
    "running": ("STARTED",),
    "active": ("STARTED",),
    "sent": ("PENDING",),
    "waiting": ("PENDING", "RECEIVED"),
    "queued": ("PENDING", "RECEIVED"),
    "retrying": ("RETRY",),
    "retried": ("RETRY",),
    "cancelled": ("REVOKED",),
    "expired": ("REVOKED",),
    "ended": ("SUCCESS", "FAILURE", "REVOKED", "REJECTED"),
    "finished": ("SUCCESS", "FAILURE", "REVOKED", "REJECTED"),
}
"""Everyday words for states, in filters."""
_OTHER = State("", "unknown", "Celery knows no such state", "unknown")


def state_of(task: Task) -> State:
    return STATES.get(task.state, _OTHER)


def has_ended(task: Task) -> bool:
    """Whether a task that was running is no longer on its worker node, by that node's own account, while nothing shows how it ended."""
    return task.state == UNKNOWN and task.last_seen_state == "STARTED" and task.state_source in HAS_ENDED


def last_seen(task: Task) -> str:
    """ "last seen started" of a task whose state is unknown, "" of the others.

    >>> last_seen(Task(state="UNKNOWN", last_seen_state="STARTED"))
    'last seen started'
    """
    if task.state != UNKNOWN or not task.last_seen_state:
        return ""
    if has_ended(task):
        return "ended"
    seen = STATES.get(task.last_seen_state)
    return f"last seen {seen.word if seen else task.last_seen_state.lower()}"


def state_text(task: Task) -> str:
    """The state in a short phrase: "succeeded after 1 retry", "unknown, last seen started".

    >>> state_text(Task(state="SUCCESS", retries=1)), state_text(Task(state="SUCCESS", retries=None))
    ('succeeded after 1 retry', 'succeeded')
    """
    state = state_of(task)
    if has_ended(task):
        return "ended, how is unknown"
    if seen := last_seen(task):
        return f"{state.word}, {seen}"
    if task.revoked_by and task.state in ("PENDING", "RECEIVED", "RETRY"):
        return f"{state.word}, and revoked"
    if state.ended and task.retries:
        return f"{state.word} after {formatting.count(task.retries, 'retry', 'retries')}"
    return state.word
