"""Hareline's own processes over a data directory of their own, which can be stopped, killed and started again one by one. Standard library only."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from script.rabbitmq_node import GUARD, RabbitNode

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 300
STOP_SECONDS = 8
STOPPED_SECONDS = 0.05  # until a signal has certainly stopped a process
COMMANDS = {
    "poller": ("manage.py", "pollbrokers"),
    "receiver": ("manage.py", "receiveevents"),
    "maintenance": ("manage.py", "maintain"),
}
DIED = ("watch_died", "watch_failed", "thread_died")


class Stack:
    """`amqp_port`: where Hareline finds AMQP, say that of a proxy. `inspect`: whether its workers are inspected."""

    def __init__(self, node: RabbitNode, directory: Path, amqp_port: int, inspect: bool = False, poll_seconds: float = 1.0) -> None:
        self.directory, self.token = directory, secrets.token_hex(16)
        self.database = directory / "hareline.sqlite3"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._guards: list[subprocess.Popen[bytes]] = []
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=128)  # handed to daphne, so that nobody else can take the port
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        login = urlsplit(node.amqp_url())
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("HARELINE_")} | {
            "DJANGO_SETTINGS_MODULE": "dashboard.settings",
            "HARELINE_DATA_DIR": str(directory),
            "HARELINE_BROKERS": f"soak={node.management_url.replace('://', f'://{login.username}:{login.password}@')}",
            "HARELINE_BROKER_AMQP_SOAK": f"amqp://127.0.0.1:{amqp_port}",
            "HARELINE_INSPECT": "*" if inspect else "none",
            "HARELINE_API_TOKEN": self.token,
            "HARELINE_ADMIN_PASSWORD": secrets.token_hex(12),
            "HARELINE_POLL_SECONDS": str(poll_seconds),
            "HARELINE_LOG_LEVEL": "INFO",
            "PYTHONWARNINGS": "ignore",
        }

    def start(self) -> None:
        """Returns once `/readyz` is 200. Raises RuntimeError with the logs if that takes too long."""
        self.directory.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "manage.py", "prepare"], cwd=ROOT, env=self.environment, check=True, capture_output=True, timeout=START_SECONDS)
        self._start_web()
        for name in COMMANDS:
            self.start_process(name)
        deadline = time.monotonic() + START_SECONDS
        while self.get("/readyz")[0] != 200:
            if time.monotonic() > deadline:
                raise RuntimeError(f"Hareline did not become ready: {self.get('/readyz')}\n{self.logs()}")
            time.sleep(0.2)

    def _start_web(self) -> None:
        listening = self._socket.fileno()
        self._run("web", ("-m", "daphne", "-v", "0", "--application-close-timeout", "1", "--fd", str(listening), "dashboard.asgi:application"), (listening,))

    def start_process(self, name: str, known_as: str = "") -> None:
        """`web`, or one of COMMANDS. `known_as`: the name of a second process of the kind."""
        if name == "web":
            self._start_web()
        else:
            self._run(known_as or name, COMMANDS[name])

    def _run(self, name: str, arguments: tuple[str, ...], keep: tuple[int, ...] = ()) -> None:
        options: dict[str, Any] = {"cwd": ROOT, "env": self.environment, "stderr": subprocess.STDOUT, "pass_fds": keep, "start_new_session": True}
        with self.log_file(name).open("ab") as log:
            process = subprocess.Popen([sys.executable, *arguments], stdout=log, **options)
        self._processes[name] = process
        # Ends the process when the pipe closes, however this one ends
        self._guards.append(subprocess.Popen(["/bin/sh", "-c", GUARD, "guard", str(process.pid)], stdin=subprocess.PIPE, start_new_session=True))

    def log_file(self, name: str) -> Path:
        return self.directory / f"{name}.log"

    def pid(self, name: str) -> int:
        return self._processes[name].pid

    def cpu_seconds(self, name: str) -> float:
        """What the process has used of the processors."""
        fields = Path(f"/proc/{self.pid(name)}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self, name: str) -> None:
        self._processes[name].kill()
        self._processes[name].wait()

    @contextlib.contextmanager
    def paused(self, name: str) -> Iterator[None]:
        """The process does nothing inside the block, as one that the machine starves. Not amid a transaction, which would lock all others out too:
        that fault is `locked`."""
        with contextlib.closing(sqlite3.connect(self.database, isolation_level=None, timeout=20)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            os.kill(self.pid(name), signal.SIGSTOP)
            time.sleep(STOPPED_SECONDS)
            connection.execute("ROLLBACK")
        try:
            yield
        finally:
            os.kill(self.pid(name), signal.SIGCONT)

    def ended(self) -> list[str]:
        """Processes that ended by themselves."""
        return [name for name, process in self._processes.items() if process.poll() is not None]

    def deaths(self) -> int:
        """How many threads of the processes died, as their logs have it."""
        return sum(self.log_file(name).read_text(errors="replace").count(word) for name in COMMANDS for word in DIED if self.log_file(name).exists())

    def get(self, path: str, seconds: float = 10) -> tuple[int, Any]:
        """(status, decoded JSON or text). Status 0: no answer, with the reason as text."""
        return answer_of(f"{self.url}{path}", {"Authorization": f"Bearer {self.token}"}, seconds)

    def logs(self) -> str:
        """The last lines of each process."""
        return "\n".join(f"{log.name}: {log.read_text(errors='replace')[-2500:]}" for log in sorted(self.directory.glob("*.log")))

    def stop(self) -> None:
        end_all(self._processes.values(), self._guards)
        self._socket.close()


def end_all(processes: Iterable[subprocess.Popen[bytes]], guards: Iterable[subprocess.Popen[bytes]], seconds: float = STOP_SECONDS) -> None:
    """Ends the processes in good order, those that take longer than `seconds` at once, and then the guards that would have ended them."""
    processes = list(processes)
    for process in processes:
        if process.poll() is None:
            process.terminate()
    for process in processes:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for guard in guards:
        if guard.stdin:
            guard.stdin.close()
        guard.wait(seconds)


def answer_of(url: str, headers: Mapping[str, str], seconds: float) -> tuple[int, Any]:
    """(status, decoded JSON or text). Status 0: no answer, with the reason as text."""
    request = urllib.request.Request(url, headers=dict(headers))  # noqa: S310  (http only)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=seconds) as answer:
            return answer.status, _decoded(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, _decoded(error.read())
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error)


def _decoded(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content.decode(errors="replace")
