"""Starts the host of an experiment, sends it orders and reads its reports. Its environment holds nothing of Hareline's: where it connects goes to its input."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Protocol

from workers.lab.orders import Order, line
from workers.lab.place import Place
from workers.lab.plan import Plan
from workers.lab.reports import Report, read

ROOT = Path(__file__).resolve().parents[2]
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "TMPDIR")
MOST_BYTES = 2**20
"""At a time, of what is reported."""


class Host(Protocol):
    """What runs the nodes of an experiment."""

    @property
    def pid(self) -> int: ...
    @property
    def has_ended(self) -> bool: ...
    def plan(self, plan: Plan) -> None: ...
    def publish(self, round_number: int) -> None: ...
    def pause(self, pause: bool) -> None: ...
    def reports(self) -> list[Report]: ...
    def kill(self) -> None: ...


class HostProcess:
    """One host with its nodes; they are a process group of their own."""

    def __init__(self, place: Place) -> None:
        environment = {name: value for name, value in os.environ.items() if name in KEPT_VARIABLES}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "workers.lab"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            bufsize=0,
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise OSError("the host of the experiment has no pipes")
        self._input, self._output = self._process.stdin, self._process.stdout
        os.set_blocking(self._output.fileno(), False)
        self._buffered = b""
        self._send(Order(place=place))

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def plan(self, plan: Plan) -> None:
        self._send(Order(plan=plan))

    def publish(self, round_number: int) -> None:
        self._send(Order(publish=round_number))

    def pause(self, pause: bool) -> None:
        self._send(Order(pause=pause))

    def reports(self) -> list[Report]:
        """What was reported since the last call."""
        size = 0
        while size < MOST_BYTES and (part := self._output.read(65536)):
            self._buffered += part
            size += len(part)
        *lines, self._buffered = self._buffered.split(b"\n")
        return [report for text in lines if (report := read(text)) is not None]

    def kill(self) -> None:
        """Ends it and all of its nodes, and returns once it is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self._input, self._output):
            with contextlib.suppress(OSError):
                stream.close()

    def _send(self, order: Order) -> None:
        """Does nothing where it has ended, which `has_ended` reports."""
        with contextlib.suppress(OSError):
            self._input.write(line(order))
