"""What of the recorded history can't be read, in the log: maintenance finds it again each minute."""

from __future__ import annotations

import time
from typing import Any

import structlog

log = structlog.get_logger(__name__)

LOGGED_EVERY_SECONDS = 3600.0
_logged: dict[tuple[Any, ...], float] = {}


def warn(event: str, **about: object) -> None:
    """A line in the log, once an hour while it says the same."""
    now, key = time.monotonic(), (event, *sorted(about.items()))
    for old in [one for one, at in _logged.items() if now - at >= LOGGED_EVERY_SECONDS]:
        del _logged[old]
    if key not in _logged:
        _logged[key] = now
        log.warning(event, **about)
