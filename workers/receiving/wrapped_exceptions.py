"""The exception that a worker means where its event only names the wrapper that billiard put around it. Pure.

A worker's main process reports a time limit or a lost process as `ExceptionWithTraceback()` (billiard/einfo.py); the traceback beside it ends with
the exception itself, as Python prints it.
"""

from __future__ import annotations

import re

WRAPPERS = ("ExceptionWithTraceback(", "RemoteTraceback(")
_HEAD = "Traceback (most recent call last):"
_NAMED = re.compile(r"(?P<name>[^\W\d][\w.]*)(?:: ?(?P<message>.*))?\Z", re.DOTALL)
_ENDS = re.compile(r'"""|\n\nThe above exception was |\n\nDuring handling of the ')


def unwrapped(exception: str, traceback: str | None) -> str:
    """The exception as `repr` prints it; `exception` itself if it is no wrapper, or if the traceback does not name another.

    >>> unwrapped("ExceptionWithTraceback()", "Traceback (most recent call last):\\n  File …\\nbilliard.exceptions.WorkerLostError: signal 9")
    "WorkerLostError('signal 9')"
    """
    if not exception.startswith(WRAPPERS) or not traceback:
        return exception
    for part in reversed(traceback.split(_HEAD)):
        named = _NAMED.match(_after_frames(part))
        name = named["name"].rpartition(".")[2] if named else ""
        if named and f"{name}(" not in WRAPPERS:
            message = (named["message"] or "").strip()
            return message if message.startswith(f"{name}(") else f"{name}({message!r})" if message else f"{name}()"
    return exception


def _after_frames(part: str) -> str:
    """What follows the indented lines of a traceback: the exception, whose message may have several lines."""
    lines = _ENDS.split(part, maxsplit=1)[0].strip("\n").split("\n")
    first = next((at for at, line in enumerate(lines) if line.strip() and not line[0].isspace()), len(lines))
    return "\n".join(lines[first:]).strip()
