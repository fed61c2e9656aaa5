"""Hareline's own processes as people run them: daphne, the poller, the receiver and maintenance, over a data directory of their own."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from brokers.addresses import BrokerAddress
from script.rabbitmq_node import GUARD
from script.soak_parts.stack import end_all
from tests import postgres
from tests.waiting import wait_until

ROOT = Path(__file__).parent.parent.parent
START_SECONDS = 90
STOP_SECONDS = 60


class Site:
    """Where pages are: `url` without a slash at its end; `password` is that of the user admin."""

    def __init__(self, url: str, password: str) -> None:
        self.url, self.password = url, password


class Hareline(Site):
    """The processes of one data directory."""

    def __init__(self, address: BrokerAddress, directory: Path, poll_seconds: float = 1.0) -> None:
        self.directory = directory
        self.processes: list[subprocess.Popen[bytes]] = []
        self._guard: subprocess.Popen[bytes] | None = None
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)  # handed to daphne, so that nobody else can take the port
        port = self._socket.getsockname()[1]
        super().__init__(f"http://127.0.0.1:{port}", secrets.token_hex(12))
        management = address.urls[0].replace("://", f"://{address.user}:{address.password}@")
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("HARELINE_")} | {
            "DJANGO_SETTINGS_MODULE": "dashboard.settings",
            "HARELINE_DATA_DIR": str(directory),
            "HARELINE_DEMO_AMQP_URL": "amqp://127.0.0.1:1",  # so that pages of the demo are there; nothing carries out what is planted
            "HARELINE_BROKERS": f"{address.name}={management}",
            "HARELINE_CONTROL": address.name,
            "HARELINE_LAB": address.name,  # so that experiments can be requested; they run in `lab` alone
            "HARELINE_ADMIN_PASSWORD": self.password,
            "HARELINE_NOTIFY_LOOPBACK": "true",
            "HARELINE_POLL_SECONDS": str(poll_seconds),
            "HARELINE_PORT": str(port),
            "HARELINE_LOG_LEVEL": "WARNING",
            "PYTHONWARNINGS": "ignore",
            **postgres.own_database(),
        }

    def start(self) -> None:
        """Returns when the pages answer."""
        subprocess.run([sys.executable, "manage.py", "prepare"], cwd=ROOT, env=self.environment, check=True, capture_output=True, timeout=300)
        listening = self._socket.fileno()
        self._run("web", "-m", "dashboard.web", "-v", "0", "--application-close-timeout", "1", "--fd", str(listening), keep=listening)
        self._run("poller", "manage.py", "pollbrokers")
        self._run("receiver", "manage.py", "receiveevents")
        self._run("maintenance", "manage.py", "maintain")
        self._socket.close()
        self._guard = guard_of(self.processes)
        wait_until(self._answers, START_SECONDS)

    @contextmanager
    def lab(self) -> Iterator[None]:
        """The lab's process meanwhile: few tests need it."""
        self._run("lab", "manage.py", "runlab")
        process = self.processes.pop()
        guard = guard_of([process])
        try:
            yield
        finally:
            end_all([process], [guard], STOP_SECONDS)

    def _run(self, name: str, *arguments: str, keep: int | None = None) -> None:
        with (self.directory / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=() if keep is None else (keep,),
                start_new_session=True,
            )
        self.processes.append(process)

    def _answers(self) -> bool:
        ended = [process.args for process in self.processes if process.poll() is not None]
        assert not ended, f"{ended} ended: {self.logs()}"
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=2) as answer:  # noqa: S310  (our own address)
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def logs(self) -> str:
        """The last lines of each process, for the message of a failed test."""
        return "\n".join(f"{log.name}: {log.read_text(errors='replace')[-1500:]}" for log in sorted(self.directory.glob("*.log")))

    def stop(self) -> None:
        end_all(self.processes, [self._guard] if self._guard else [], STOP_SECONDS)
        self._socket.close()


def guard_of(processes: list[subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    """Ends them when its pipe closes, however this process ends."""
    pids = [str(process.pid) for process in processes]
    return subprocess.Popen(["/bin/sh", "-c", GUARD, "guard", *pids], stdin=subprocess.PIPE, start_new_session=True)
