"""Who was notified of a finding, in words. Pure. The names of targets are for people who may set them: others see how many there were."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dashboard.layout import formatting
from dashboard.models import FindingEvent

NOTIFIED, NOT_NOTIFIED = "notified", "not notified"
_HOURS, _UNREACHED = "outside the hours of ", " could not be reached: "


def notified_text(events: Sequence[FindingEvent], now: datetime, with_names: bool) -> str:
    """Who was notified first and when, or why nobody was; "" where nobody is set up. `events`: of both kinds, the oldest first."""
    at: dict[str, datetime] = {}
    for one in events:
        if one.kind == NOTIFIED:
            at.setdefault(one.text, one.at)
    if at:
        who = formatting.listed(list(at), 5) if with_names else formatting.count(len(at), "target")
        return f"{who} {'was' if len(at) == 1 else 'were'} notified at {formatting.moment_text(min(at.values()), now)}."
    return f"Nobody was notified: {event_text(events[-1], with_names)}." if events else ""


def event_text(event: FindingEvent, with_names: bool) -> str:
    """The target of a message, or why it was not sent.

    >>> event_text(FindingEvent(kind="not notified", text="outside the hours of #ops"), with_names=False)
    'outside the hours of a target'
    """
    if with_names:
        return event.text
    if event.kind == NOTIFIED:
        return ""
    if event.text.startswith(_HOURS):
        return f"{_HOURS}a target"
    return "a target could not be reached" if _UNREACHED in event.text else event.text
