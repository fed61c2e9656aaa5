"""What a task's message, or the arguments of Celery's own canvas tasks, hold of its workflow: group, chord and stamps, which no event has as fields.

Pure. Sources: celery/canvas.py (`_chord.run`), celery/app/builtins.py (`add_unlock_chord_task`), celery/app/amqp.py (`as_task_v2`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from workers.messages import Message

UNLOCK = "celery.chord_unlock"
"""Waits for the header of a chord where the result backend can't count (database, file, RPC); Redis and memcached need no such task."""
ACCUMULATE = "celery.accumulate"
"""What a task that replaced itself with a group is at last: the body of that group."""
CHAIN = "celery.chain"
LONGEST_ID, MOST_STAMPS, LONGEST_STAMP, MOST_HEADERS = 255, 20, 200, 1000
_UNLOCK_ARGUMENTS = re.compile(r"\('([^']{1,255})', \{'task': '([^']{0,500})'.{0,2000}?'options': \{.{0,300}?'task_id': '([^']{1,255})'")
_RESULT = re.compile(r"[(\[][(\[]\.\.\.[)\]], None[)\]]")
_RESULTS = re.compile(r"'result': \[((?:[(\[][(\[]\.\.\.[)\]], None[)\]](?:, )?)*)\]")  # tuples when sent, lists when retried


class Unlock(msgspec.Struct, frozen=True):
    """The chord that a chord_unlock task waits for. `body` of a chain is its last task, and `body_name` "". `headers`: how many tasks it waits for, None where
    its arguments were cut, as of some sixty and more; then it is more than `at_least`."""

    group: str
    body: str
    body_name: str
    headers: int | None
    at_least: int = 0


class Canvas(msgspec.Struct, frozen=True):
    """What one message holds of a task's place in its workflow. `body`: the chord's body, whose header the task is in."""

    uuid: str
    group: str | None = None
    body: str | None = None
    stamps: dict[str, str] = {}


def unlock_of(args: str | None, kwargs: str | None) -> Unlock | None:
    """The chord in the arguments of a chord_unlock task as events have them; None where they were cut, hidden or are other ones.

    >>> unlock_of("('g', {'task': 'total', 'args': (), 'options': {'task_id': 'b'}})", "{'result': [((...), None), ((...), None)]}")
    Unlock(group='g', body='b', body_name='total', headers=2, at_least=0)
    """
    found = _UNLOCK_ARGUMENTS.match(args or "")
    if found is None:
        return None
    results = _RESULTS.search(kwargs or "")
    name = "" if found[2] == CHAIN else found[2]
    if results is None:
        return Unlock(found[1], found[3], name, None, len(_RESULT.findall(kwargs or "")))
    return Unlock(found[1], found[3], name, results[1].count("None"))


def canvas_of(message: Message, headers: Mapping[str, Any]) -> list[Canvas]:
    """What the message shows of its task and, if that is a chord_unlock task, of the header tasks it waits for; [] where it shows nothing of a workflow.

    >>> canvas_of(Message(id="a", group="g"), {})
    [Canvas(uuid='a', group='g', body=None, stamps={})]
    """
    found = []
    uuid, group, body, stamps = _id(message.id), _id(message.group), signature_id(message.follow_ups.get("chord")), _stamps(headers)
    if uuid and (group or body or stamps):
        found.append(Canvas(uuid, group, body, stamps))
    if message.task == UNLOCK and message.args and len(message.args) > 1:
        group, waits_for = _id(message.args[0]), (message.kwargs or {}).get("result")
        body = signature_id(message.args[1])
        ids = [_result_id(each) for each in waits_for[:MOST_HEADERS]] if isinstance(waits_for, list) else []
        found += [Canvas(uuid, group, body) for uuid in dict.fromkeys(ids) if uuid]
    return found


def signature_id(signature: Any) -> str | None:
    """The id that a task will have, from its signature in a message."""
    options = signature.get("options") if isinstance(signature, Mapping) else None
    return _id(options.get("task_id")) if isinstance(options, Mapping) else None


def _result_id(value: Any) -> str | None:
    """The id in a result as Celery writes it: [[id, parent], children]."""
    pair = value[0] if isinstance(value, list) and value else None
    return _id(pair[0]) if isinstance(pair, list) and pair else None


def _id(value: Any) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= LONGEST_ID else None


def _stamps(headers: Mapping[str, Any]) -> dict[str, str]:
    """The values of stamped headers, as text."""
    stamps, names = headers.get("stamps"), headers.get("stamped_headers")
    if not isinstance(stamps, Mapping):
        return {}
    listed = [name for name in names if isinstance(name, str)] if isinstance(names, list) else list(stamps)
    return {str(name)[:LONGEST_STAMP]: _text(stamps[name]) for name in listed[:MOST_STAMPS] if name in stamps}


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(str(each) for each in value[:MOST_STAMPS])[:LONGEST_STAMP]
    return str(value)[:LONGEST_STAMP]
