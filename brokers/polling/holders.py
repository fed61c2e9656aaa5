"""Whether the process that holds a lease has ended, so that its work is taken over at once instead of when the lease expires.

A holder is "host:pid:start". `start` distinguishes processes that had the same pid: the clock ticks from boot to the start of the process, the
boot id and the pid namespace. Without /proc (macOS) it is empty, and a pid that is in use again counts as alive.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

_PROC = Path("/proc")
_ENDED_STATES = ("Z", "X")  # a killed process remains listed until its parent reaps it


def this_process() -> str:
    return name_of(os.getpid())


def name_of(pid: int) -> str:
    """The holder name of a process on this machine."""
    return f"{socket.gethostname()}:{pid}:{_start(pid) or ''}"


def number_of(holder: str) -> str:
    """Its process number; the whole name where it has none.

    >>> number_of("web-1:4711:12-ab.40"), number_of("a")
    ('4711', 'a')
    """
    return holder.split(":")[-2] if holder.count(":") >= 2 else holder


def host_of(holder: str) -> str:
    """
    >>> host_of("web-1:4711:12-ab.40"), host_of("a")
    ('web-1', '')
    """
    return ":".join(holder.split(":")[:-2])


def has_ended(holder: str) -> bool:
    """True only if the holder was a process of this machine and certainly has ended; False if that is unknown."""
    host, _, rest = holder.rpartition(":")[0].rpartition(":") if holder.count(":") >= 2 else ("", "", "")
    start = holder.rpartition(":")[2]
    if host != socket.gethostname() or not rest.isdecimal():
        return False
    if start.partition("-")[2] != _here():
        return False  # another boot, or a container whose processes are not visible: its lease expires
    if not _is_running(int(rest)):
        return True
    now = _start(int(rest))
    return now is not None and now != start


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    stat = _stat(pid)
    return not (stat and stat[0] in _ENDED_STATES)


def _start(pid: int) -> str | None:
    """When the process started, "<ticks since boot>-<boot>.<namespace>"; None if that cannot be read."""
    stat = _stat(pid)
    return f"{stat[19]}-{_here()}" if stat else None


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/<pid>/stat from the state on (proc(5)): the name before them, in brackets, may hold anything."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (OSError, UnicodeDecodeError):
        return None


def _here() -> str:
    """The boot and pid namespace in which pids are comparable with ours; "" where the system does not provide them."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text()[:8]
        return f"{boot}.{str((_PROC / 'self/ns/pid').readlink()).strip('pid:[]')}"
    except OSError:
        return ""
