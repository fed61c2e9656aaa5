"""Ends this process when the supervisor that started it is gone: a killed supervisor cannot end its children itself.

Standard library only. Each program also holds a file in the data directory locked while it lives, so that the next start can detect what still runs.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from time import sleep  # by name: gevent and eventlet replace time.sleep later
from typing import NoReturn

SUPERVISOR = "HARELINE_SUPERVISOR"  # its process id, set by script/starting.bash
LOOK_EVERY_SECONDS = 0.5
GRACE_SECONDS = 10.0
_held: list[int] = []  # locks end with their descriptors


def end_with_supervisor() -> None:
    """Watches the supervisor from now on; nothing where there is none. Once it is gone, this process gets SIGTERM, and after GRACE_SECONDS its
    whole group is killed."""
    if not os.environ.get(SUPERVISOR, "").isdecimal():
        return
    _note_running()
    threading.Thread(target=_watch, args=(int(os.environ[SUPERVISOR]),), name="supervisor-watch", daemon=True).start()


def leave(status: int = 0) -> NoReturn:
    """Ends this process, whose work is done and stored. The interpreter would take its modules apart first: half a second of processor time, for which a
    busy machine lets it wait until the supervisor's patience ends."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def still_running(directory: Path) -> list[int]:
    """The ids of processes that a supervisor started over this data directory and that live, sorted. Files of others are removed."""
    return sorted(pid for path in _files(directory) if (pid := _holder(path)))


def _watch(supervisor: int) -> None:
    while os.getppid() == supervisor:
        sleep(LOOK_EVERY_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    sleep(GRACE_SECONDS)
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def _note_running() -> None:
    directory = Path(os.environ.get("HARELINE_DATA_DIR", "var")) / "run"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = directory / f"{os.getpid()}.new"
    descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    fresh.rename(directory / f"{os.getpid()}.pid")  # locked before anybody looks: whoever finds one that is not would remove it
    _held.append(descriptor)


def _files(directory: Path) -> Iterator[Path]:
    with contextlib.suppress(FileNotFoundError):
        yield from (directory / "run").glob("*.pid")


def _holder(path: Path) -> int | None:
    """The process that holds the file; None if there is none, and then the file is removed."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(path.stem)
    else:
        path.unlink(missing_ok=True)
        return None
    finally:
        os.close(descriptor)
