"""Ends what a soak started once that is gone, however it went."""

from __future__ import annotations

import subprocess

# The pipe on its standard input ends with the program that holds the other end
_GUARD = 'cat >/dev/null; kill -KILL "-$1" 2>/dev/null; true'


def guarded(process: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    """What kills the group of the process once this program is gone, or once its own standard input is closed. To be kept as long as the process."""
    return subprocess.Popen(["/bin/sh", "-c", _GUARD, "guard", str(process.pid)], stdin=subprocess.PIPE, start_new_session=True)
