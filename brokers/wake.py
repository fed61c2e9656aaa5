"""A hint to the web processes of this machine that something was just stored, so that they look at the database at once and not at their next look.

Only a hint: one that is lost costs what the look would have waited. Each web process has a datagram socket in the data directory, which goes with it; where
none can be made (a path that is too long, a full disk), it looks as often as before.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import structlog
from django.conf import settings

log = structlog.get_logger(__name__)

SUFFIX = ".sock"


def _folder() -> Path:
    return Path(settings.DATA_DIR) / "wake"


class Listener:
    """Calls `hinted` after each hint, in a thread of its own, until it is closed."""

    def __init__(self, hinted: Callable[[], object]) -> None:
        self._hinted, self._closed = hinted, False
        self._path = _folder() / f"{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            self._socket.bind(str(self._path))
        except OSError as error:
            log.warning("live pages get no hint when something was stored, and look for it", reason=str(error))
            self._socket.close()
            return
        threading.Thread(target=self._run, name="live-wake", daemon=True).start()

    def _run(self) -> None:
        with self._socket:
            while self._socket.recv(1) and not self._closed:
                self._hinted()

    def close(self) -> None:
        """From any thread."""
        self._closed = True
        _send(self._path)
        with contextlib.suppress(OSError):
            self._path.unlink()


def others() -> None:
    """Sends the hint, after the transaction was committed. Returns at once and never fails."""
    with contextlib.suppress(OSError):
        for path in _folder().iterdir():
            if path.suffix == SUFFIX and not _send(path):
                path.unlink(missing_ok=True)


def _send(path: Path) -> bool:
    """False if nobody listens there any more."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        try:
            sender.sendto(b"\0", str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:  # its buffer is full: it will look anyway
            pass
    return True
