"""Ports that starts of Hareline on this machine have chosen and may not yet listen on, so that two that begin together don't choose the same."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from brokers.polling.holders import has_ended, name_of
from brokers.supervised_process import SUPERVISOR


class Reservations:
    """The ports of this start and of others that live. A start is its supervisor's process, which is there from the first line of the script on."""

    def __init__(self, known: dict[str, str], holder: str | None) -> None:
        self._known = known
        self._holder = holder

    @property
    def of_others(self) -> set[int]:
        return {int(port) for port, holder in self._known.items() if holder != self._holder}

    def add(self, *ports: int) -> None:
        if self._holder:
            self._known.update({str(port): self._holder for port in ports})


@contextmanager
def reservations() -> Iterator[Reservations]:
    """The reservations, for this process alone while the block lasts. Outside of script/server and script/demo nothing is reserved."""
    pid = os.environ.get(SUPERVISOR, "")
    path = Path(tempfile.gettempdir()) / f"hareline-ports-{os.getuid()}.json"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        kept = Reservations(
            {port: holder for port, holder in _read(file.read()).items() if not has_ended(holder)}, name_of(int(pid)) if pid.isdecimal() else None
        )
        yield kept
        file.seek(0)
        file.truncate()
        json.dump(kept._known, file)


def _read(text: str) -> dict[str, str]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return {port: str(holder) for port, holder in found.items() if port.isdecimal()} if isinstance(found, dict) else {}
