"""How many bytes of a body are taken, known before any of them is read. Pure; `dashboard.live.web_server` refuses the rest.

Who sends neither a session's cookie nor a bearer token may log in, and needs no more than a form for it; whether these are known is checked later.
All bodies together have a budget too, so that many large ones at once are refused instead of filling the memory; small ones are always taken.
"""

from __future__ import annotations

from collections.abc import Mapping

KB, MB = 1024, 1024 * 1024
STRANGER_BYTES = 64 * KB
LARGEST_BYTES = 16 * MB
"""A broker's exported definitions, in a question about routing; pages that take less show it beside their form."""
BUDGET_BYTES = 64 * MB


def most_bytes(headers: Mapping[str, str], session_cookie: str) -> int:
    """How large the body of a request may be. `headers` by lower-case name.

    >>> most_bytes({}, "session"), most_bytes({"cookie": "session=abc"}, "session"), most_bytes({"authorization": "Bearer abc"}, "session")
    (65536, 16777216, 16777216)
    """
    known = f"{session_cookie}=" in headers.get("cookie", "") or headers.get("authorization", "").lower().startswith("bearer ")
    return LARGEST_BYTES if known else STRANGER_BYTES


def size_text(size: int) -> str:
    """
    >>> size_text(STRANGER_BYTES), size_text(LARGEST_BYTES)
    ('64 KB', '16 MB')
    """
    return f"{size // KB} KB" if size < MB else f"{size / MB:g} MB"


class Budget:
    """How many bytes of large bodies are held at the moment."""

    def __init__(self, most: int = BUDGET_BYTES) -> None:
        self.most = most
        self.held = 0

    def take(self, size: int) -> bool:
        """False if so many more would be too many; then none are taken.

        >>> budget = Budget(100)
        >>> budget.take(60), budget.take(60), budget.give_back(60), budget.take(60)
        (True, False, None, True)
        """
        if self.held + size > self.most:
            return False
        self.held += size
        return True

    def give_back(self, size: int) -> None:
        self.held -= size
