"""Answers a large question about a message in definitions in a process of its own, so that its memory is given back and pages go on meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import msgspec
from django.conf import settings

from brokers.routing.apart import OUT_OF_MEMORY

LARGE_BYTES = 256 * 1024
"""From here on: some 2,000 bindings, which take as long as the start of a process."""
MEMORY_BYTES = 1536 * 1024 * 1024
SECONDS = 60


class TooLarge(Exception):
    """It needs more memory or time than it may take; the text says which."""


def answer(raw: bytes, memory_bytes: int = MEMORY_BYTES, seconds: int = SECONDS) -> dict[str, Any]:
    """The answer to the question in JSON, or {"error": {"code", "message", "field"}}. Raises TooLarge."""
    command = (sys.executable, "-m", "brokers.routing.apart", str(memory_bytes), str(seconds))
    environment = {name: os.environ[name] for name in ("PATH", "PYTHONPYCACHEPREFIX") if name in os.environ}  # nothing secret
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **pipes, env=environment, cwd=settings.BASE_DIR, start_new_session=True) as process:  # noqa: S603
        try:
            found, _ = process.communicate(raw, timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            raise TooLarge(f"took longer than {seconds} s") from None
    if process.returncode == 0:
        answered: dict[str, Any] = msgspec.json.decode(found)
        return answered
    if process.returncode == OUT_OF_MEMORY:
        raise TooLarge(f"needs more memory than {memory_bytes // 1024**2:,} MB")
    raise TooLarge(f"was ended by the system (status {process.returncode})")
