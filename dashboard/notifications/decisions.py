"""What each target is to be notified of now: from findings and what it was notified of before. Pure.

It compares what is with what a target knows, and not what happened with what was sent. So whatever is not stored, because a process was killed or the
database was locked, is decided again with the next round, and once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

import msgspec

from dashboard.layout.levels import rank
from dashboard.notifications.choosing import Schedule, Selection

if TYPE_CHECKING:
    from dashboard.models import Finding, Notice

Event = Literal["opened", "returned", "level", "repeated", "recovered"]
FAILING = "notification_failing"
"""The rule about targets that fail: such a finding is not sent to the target that it is about."""


class Recipient(msgspec.Struct, frozen=True):
    """A target as decisions need it."""

    pk: int
    name: str
    selection: Selection
    schedule: Schedule
    at_once: bool = True
    repeat_seconds: float | None = None
    recovery: bool = True


class Decision(msgspec.Struct, frozen=True):
    """What to store of one finding and target. `event` None: only that the target need not be notified (`open`: it counts as open there)."""

    recipient: Recipient
    finding: Finding
    event: Event | None
    open: bool


def decide(
    recipients: Sequence[Recipient],
    findings: Sequence[Finding],
    notices: Mapping[tuple[int, int], Notice],
    new: set[int],
    silenced: Mapping[int, datetime],
    now: datetime,
) -> tuple[list[Decision], dict[int, str]]:
    """What to store, in order, and why nobody is notified of findings that are `new` (primary keys of those that opened since the last round).
    `silenced`: until when, by primary key."""
    decisions: list[Decision] = []
    why: dict[int, str] = {}
    for finding in findings:
        reason = why_nobody(finding, silenced.get(finding.pk))
        reasons = []
        for recipient in recipients:
            made, not_now = _decide(recipient, finding, notices.get((recipient.pk, finding.pk)), finding.pk in new, reason, now)
            decisions += made
            reasons.append("" if any(one.event for one in made) else not_now)
        if finding.pk in new and recipients and all(reasons):
            why[finding.pk] = reason or next((one for one in reasons if one != _NOT_FOR_IT), _NOT_FOR_IT)
    return decisions, why


_NOT_FOR_IT = "no target is for it"


def why_nobody(finding: Finding, silenced_until: datetime | None) -> str:
    """Why no target is notified of it, "" if targets may be."""
    if finding.under_id is not None:
        return "explained by another finding" + (f", which is silenced until {silenced_until:%Y-%m-%d %H:%M} UTC" if silenced_until is not None else "")
    if silenced_until is not None:
        return f"silenced until {silenced_until:%Y-%m-%d %H:%M} UTC"
    return f"{finding.taken_by} is on it" if finding.taken_by else ""


def _decide(recipient: Recipient, finding: Finding, notice: Notice | None, is_new: bool, reason: str, now: datetime) -> tuple[list[Decision], str]:
    known = notice is not None and notice.open
    if finding.closed_at is not None and known:
        return _closed(recipient, finding, now), ""
    if finding.closed_at is not None and not is_new:
        return [], ""
    reason = reason or _not_now(recipient, finding, now)
    if reason:
        return [], reason
    if not known:
        if notice is not None and finding.closed_at is None and not recipient.recovery:
            return [Decision(recipient, finding, None, True)], ""  # no recovery went there
        opened = Decision(recipient, finding, "opened" if notice is None else "returned", True)
        return [opened, *(_closed(recipient, finding, now) if finding.closed_at is not None else [])], ""
    assert notice is not None  # noqa: S101  (known)
    if rank(finding.level) < rank(notice.level):
        return [Decision(recipient, finding, "level", True)], ""
    if recipient.repeat_seconds is not None and not timedelta(0) <= now - notice.at < timedelta(seconds=recipient.repeat_seconds):
        return [Decision(recipient, finding, "repeated", True)], ""
    return [], ""


def _closed(recipient: Recipient, finding: Finding, now: datetime) -> list[Decision]:
    """A recovery outside the hours waits for them."""
    if not recipient.recovery:
        return [Decision(recipient, finding, None, False)]
    return [Decision(recipient, finding, "recovered", False)] if recipient.schedule.is_open(now) else []


def _not_now(recipient: Recipient, finding: Finding, now: datetime) -> str:
    broker = finding.broker.name if finding.broker else ""
    itself = finding.rule == FAILING and finding.name == recipient.name
    if itself or not recipient.at_once or not recipient.selection.matches(finding, broker):
        return _NOT_FOR_IT
    return "" if recipient.schedule.is_open(now) else f"outside the hours of {recipient.name}"


def key_of(finding: Finding, event: Event, now: datetime) -> str:
    """The stable id of what happened to a finding: 32 hexadecimal digits, the same for every target and attempt."""
    number = {"level": finding.level, "repeated": now.isoformat()}.get(event, str(finding.returned))
    parts = (finding.identity, finding.opened_at.isoformat(), "opened" if event == "returned" else event, number)
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()
