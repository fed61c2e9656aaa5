"""What a worker node answers to an order, read from a message. Pure.

Celery's commands answer `{"ok": sentence}` or `{"error": sentence}`; a few older ones a bare value, and an exception in a worker arrives as its `repr`.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from workers.inspection import formats
from workers.redaction import Redaction

LARGEST_REPLY_BYTES = 1024 * 1024
LONGEST_TEXT = 2000
MOST_IN_ONE = 20
_SHOWN_ERROR = re.compile(r"""\A[A-Za-z_]\w*\((?P<quote>['"])(?P<text>.*)(?P=quote),?\)\Z""", re.DOTALL)


class Reply(msgspec.Struct, frozen=True):
    """`ok`: the node says that it carried the order out. `text` is its own sentence, "" where it gave none."""

    hostname: str
    ok: bool
    text: str


def read_replies(body: bytes, content_type: str | None, redaction: Redaction) -> list[Reply]:
    """The replies in a message, one as a rule; [] if it can't be read as one.

    >>> read_replies(b'{"a@web": {"error": "ValueError(\\'Autoscale not enabled\\')"}}', "application/json", Redaction())
    [Reply(hostname='a@web', ok=False, text='Autoscale not enabled')]
    """
    try:
        found = formats.read(body, content_type)
    except formats.Unreadable:
        return []
    if not isinstance(found, dict) or len(found) > MOST_IN_ONE:
        return []
    return [_reply(hostname, answer, redaction) for hostname, answer in found.items() if isinstance(hostname, str) and 0 < len(hostname) <= 255]


def _reply(hostname: str, answer: Any, redaction: Redaction) -> Reply:
    if isinstance(answer, dict) and "error" in answer:
        return Reply(hostname, False, _text(_without_repr(answer["error"]), redaction))
    if isinstance(answer, dict) and "ok" in answer:
        return Reply(hostname, True, _text(answer["ok"], redaction))
    return Reply(hostname, True, _text(answer, redaction))


def _without_repr(error: Any) -> Any:
    """
    >>> _without_repr("ValueError('Pool restarts not enabled')"), _without_repr("unknown task"), _without_repr("KeyError('fly')")
    ('Pool restarts not enabled', 'unknown task', "KeyError('fly')")
    """
    match = _SHOWN_ERROR.match(error[:LONGEST_TEXT]) if isinstance(error, str) else None
    return match["text"] if match and " " in match["text"] else error


def _text(found: Any, redaction: Redaction) -> str:
    """At most 2,000 characters that every database takes, without secrets; "" for None."""
    text = "" if found is None else found if isinstance(found, str) else repr(found)[: 2 * LONGEST_TEXT]
    return redaction.text(text[:LONGEST_TEXT]).encode("utf-8", "replace").decode().replace("\x00", "�")
