"""A group of failures in words. Pure."""

from __future__ import annotations

from datetime import datetime

import msgspec

from dashboard.failures.filter import NEW_FOR
from workers.failure_groups import ANY_MESSAGE
from workers.models import FailureEvent
from workers.queries import Failures

OTHERS = "Other failures"
EVENTS = {
    FailureEvent.RESOLVED: "Resolved",
    FailureEvent.REOPENED: "Reopened",
    FailureEvent.FAILED_AGAIN: "Failed again, and is open",
    FailureEvent.COMMENT: "Comment",
}


class Mark(msgspec.Struct, frozen=True):
    """The state of a group: a level's word, and what stands beside its shape."""

    level: str
    text: str


def title_of(found: Failures) -> str:
    """The class of the exception."""
    group = found.group
    if group.exception:
        return group.exception
    return "No exception reported" if group.message != ANY_MESSAGE or group.place else OTHERS


def message_of(found: Failures) -> str:
    """What of the message does not vary; "" where there is none."""
    group = found.group
    if group.message != ANY_MESSAGE:
        return group.message
    return "further messages of this exception here" if group.exception or group.place else "what is beyond the number of groups that are kept"


def mark_of(found: Failures, now: datetime) -> Mark:
    """Resolved; failed again after that; new; else open."""
    if found.group.resolved_at is not None:
        return Mark("ok", "resolved")
    if found.group.reopened_at is not None and not found.is_partial:
        return Mark("critical", "failed again")
    if now - found.first_at < NEW_FOR:
        return Mark("warning", "new")
    return Mark("notice", "open")
