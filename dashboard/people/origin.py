"""From where the present request comes, and by what its sender is known: for the audit log, through every function in between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple


class Origin(NamedTuple):
    """`address` is the client's as `dashboard.proxies` found it, "" for what Hareline does by itself; `via` is "session", "token NAME", PROXY or COMMAND."""

    address: str = ""
    via: str = ""


PROXY, COMMAND = "proxy", "command"
"""`via` of whom a trusted proxy names (HARELINE_PROXY_USER_HEADER), and of `manage.py people`."""
NOWHERE = Origin()
_origin: ContextVar[Origin] = ContextVar("origin", default=NOWHERE)


def current() -> Origin:
    return _origin.get()


@contextmanager
def of(origin: Origin) -> Iterator[None]:
    """Everything inside, and the threads that asgiref runs it in, comes from there."""
    before = _origin.set(origin)
    try:
        yield
    finally:
        _origin.reset(before)
