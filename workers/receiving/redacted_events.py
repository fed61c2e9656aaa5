"""Redacts the texts of task events, before anything of them is kept. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from workers.receiving.events import Event
from workers.redaction import Redaction


def redact(events: Iterable[Event], redaction: Redaction) -> None:
    """Changes the events.

    >>> event = Event("task-received", "w@h", kwargs="{'token': 'x'}")
    >>> redact([event], Redaction())
    >>> event.kwargs
    "{'token': '[redacted]'}"
    """
    text = redaction.text
    for event in events:
        if event.args is not None:
            event.args = text(event.args)
        if event.kwargs is not None:
            event.kwargs = text(event.kwargs)
        if event.result is not None:
            event.result = text(event.result)
        if event.exception is not None:
            event.exception = text(event.exception)
        if event.traceback is not None:
            event.traceback = text(event.traceback)
