"""What plants act on: the demo's broker, its worker nodes, and what its other processes look at."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from kombu.connection import Connection

from workers.demo import shop
from workers.demo.plants.protocol import PlantFiles

TICK_SECONDS = 0.2
CTL_SECONDS = 60
HELD = "held-"
CLOCK = "clock-"
QUIET = "quiet-"
LOCK = "lock"
CANCELLED = "cancelled"


class PlantFailed(Exception):
    """A plant could not be done or ended; `str()` is a sentence for a person."""


class Site:
    """Of one demo. `data` is its data directory, `vhost` where its shop is."""

    def __init__(self, amqp_url: str, data: Path, vhost: str = shop.VHOST) -> None:
        self.amqp_url, self.data, self.vhost = amqp_url, data, vhost
        self.files = PlantFiles(data / "plants")

    # The broker

    @contextlib.contextmanager
    def connected(self, name: str) -> Iterator[Connection]:
        """A connection that the broker lists under `name`."""
        with shop.connection(self.amqp_url, self.vhost, name, heartbeat_seconds=0) as link:
            link.connect()
            yield link

    def purge(self, *queues: str) -> None:
        """Removes the ready messages of queues that are there."""
        for name in queues:
            self._on_queue(lambda channel, name=name: channel.queue_purge(name))  # type: ignore[misc]

    def depth(self, queue: str) -> int:
        """How many messages are ready in a queue that is there."""
        with self.connected("demo-plants") as link:
            return int(link.default_channel.queue_declare(queue, passive=True).message_count)

    def delete(self, *queues: str) -> None:
        for name in queues:
            self._on_queue(lambda channel, name=name: channel.queue_delete(name))  # type: ignore[misc]

    def _on_queue(self, act: Callable[[Any], object]) -> None:
        with self.connected("demo-plants") as link, contextlib.suppress(*link.channel_errors):
            act(link.default_channel)

    def ctl(self, *arguments: str) -> None:
        """rabbitmqctl for the demo's own node. Raises PlantFailed."""
        command = [sys.executable, "-m", "script.rabbitmq_ctl", str(self.data / "rabbitmq"), *arguments]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=CTL_SECONDS, check=False)  # noqa: S603  (our own program)
        except subprocess.TimeoutExpired as error:
            raise PlantFailed(f"rabbitmqctl {arguments[0]} did not end within {CTL_SECONDS} s.") from error
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines() or ["no output"]
            raise PlantFailed(f"rabbitmqctl {arguments[0]} failed: {lines[-1][:200]}")

    # Processes

    def signal_node(self, node: str, number: signal.Signals) -> None:
        """Sends it to a worker node with its pool. Raises PlantFailed where the node does not run."""
        pid = self.files.process(node)
        if pid is None:
            raise PlantFailed(f"{node} does not run.")
        self._signal_group(pid, number)

    def restart_node(self, node: str) -> None:
        """Ends a worker node at once, even one that stands still; the supervisor starts it again."""
        pid = self.files.process(node)
        if pid is not None:
            self._signal_group(pid, signal.SIGKILL)

    @staticmethod
    def _signal_group(pid: int, number: signal.Signals) -> None:
        """The supervisor starts each program as a group of its own; one that is in another's group is signalled alone."""
        try:
            if os.getpgid(pid) == pid:
                os.killpg(pid, number)
            else:
                os.kill(pid, number)
        except ProcessLookupError as error:
            raise PlantFailed("The process has ended meanwhile.") from error

    def program(self, command: str) -> int | None:
        """The process of this supervisor's program that has `command` among its arguments; None where that can't be found out, as outside of Linux."""
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError, ValueError):
                fields = (path / "stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == os.getppid() and command.encode() in (path / "cmdline").read_bytes().split(b"\0"):
                    return int(path.name)
        return None

    def wait_until(self, condition: Callable[[], bool], seconds: float, else_text: str) -> None:
        """Raises PlantFailed with `else_text`."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise PlantFailed(else_text)
            time.sleep(TICK_SECONDS)
