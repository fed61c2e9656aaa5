"""A private RabbitMQ node: own name, ports, epmd, cookie, user and data under one directory, loopback only.

Standard library only. The packaged service and its files are never touched. The demo runs it as a program (`rabbitmq_program.py`),
tests as an object.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from brokers.port_taken import is_free
from script.port_reservations import reservations
from script.rabbitmq_machine import LOOPBACK, NodeEnded, NodeError, PortTaken, find_epmd, find_server, free_ports

# Erlang's own form: a start that need not translate rabbitmq.conf takes a quarter less processor time
CONFIGURATION = """\
[
  {{rabbit, [
    {{tcp_listeners, [{{"127.0.0.1", {amqp}}}]}},
    {{collect_statistics_interval, {interval}}},
    {{default_user, <<"{user}">>}},
    {{default_pass, <<"{password}">>}},
    {{disk_free_limit, 50000000}},
    {{log, [{{console, [{{enabled, false}}]}}, {{file, [{{level, info}}]}}]}}
  ]}},
  {{rabbitmq_management, [{{tcp_config, [{{ip, "127.0.0.1"}}, {{port, {management}}}]}}, {{rates_mode, detailed}}]}},
  {{rabbitmq_prometheus, [{{tcp_config, [{{ip, "127.0.0.1"}}, {{port, {prometheus}}}]}}]}}
].
"""
START_ATTEMPTS = 3
# Kills the node and its epmd when whoever started them is gone, however it went: the pipe on standard input ends with the starter.
GUARD = 'cat >/dev/null; kill -TERM "$@" 2>/dev/null; true'


class RabbitNode:
    """A node whose data stays in `directory`; a second start uses the same name, user, data and, where free, ports."""

    plugins: tuple[str, ...] = ("rabbitmq_management", "rabbitmq_prometheus")

    def __init__(self, directory: Path, preferred_ports: Mapping[str, int] | None = None, statistics_interval_ms: int = 5000) -> None:
        self.directory = Path(directory).resolve()
        self._preferred_ports, self._interval = preferred_ports or {}, statistics_interval_ms
        self._server: subprocess.Popen[bytes] | None = None
        self._epmd: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._state_file = self.directory / "node.json"
        self._state = self._load()

    # What a client needs

    @property
    def name(self) -> str:
        return str(self._state["name"])

    @property
    def user(self) -> str:
        return str(self._state["user"])

    @property
    def password(self) -> str:
        return str(self._state["password"])

    @property
    def ports(self) -> dict[str, int]:
        return dict(self._state["ports"])

    @property
    def management_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['management']}"

    @property
    def metrics_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['prometheus']}"

    @property
    def pid(self) -> int | None:
        """The process id of the Erlang machine while it runs."""
        return self._server.pid if self._server and self._server.poll() is None else None

    @property
    def running_pids(self) -> list[int]:
        """The processes that we started: the Erlang machine, epmd and the guard."""
        return [process.pid for process in (self._server, self._epmd, self._guard) if process and process.poll() is None]

    def amqp_url(self, vhost: str = "/") -> str:
        return f"amqp://{quote(self.user)}:{quote(self.password)}@127.0.0.1:{self.ports['amqp']}/{quote(vhost, safe='')}"

    def api(self, method: str, path: str, body: Any = None, timeout_seconds: float = 15) -> Any:
        """The decoded JSON of a management call, None for an empty answer. Raises urllib's errors."""
        login = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.management_url}/api/{path.lstrip('/')}", data=data, headers=headers, method=method)  # noqa: S310  (http only)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=timeout_seconds) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    # Life

    def start(self, timeout_seconds: float = 120, stop_waiting: Callable[[], bool] = lambda: False, keep_ports: bool = False) -> None:
        """Returns when the management API answers with all three listeners, or early if `stop_waiting()` says so. Raises NodeError.

        `keep_ports`: others know the ports already, so one that is taken meanwhile is an error, and never exchanged for another.
        """
        if self.pid:
            return
        keep_ports = keep_ports and bool(self.ports)
        for attempt in range(START_ATTEMPTS):
            if keep_ports:
                self._insist_on_ports()
            else:
                self.choose_ports()
            try:
                self._launch(timeout_seconds, stop_waiting)
                return
            except NodeEnded:  # another program may have taken a port between our look and the node's
                if attempt == START_ATTEMPTS - 1:
                    raise

    def _launch(self, timeout_seconds: float, stop_waiting: Callable[[], bool]) -> None:
        server = find_server()
        epmd = find_epmd(server)
        self._write_files()
        environment = self.environment()
        with (self.directory / "log" / "start.log").open("ab") as log:
            options: dict[str, Any] = {"env": environment, "cwd": self.directory, "stdin": subprocess.DEVNULL, "stdout": log, "stderr": subprocess.STDOUT}
            # Sessions of their own: Ctrl-C in the terminal must reach whoever stops the node in its turn, not the node
            self._epmd = self._start_epmd([epmd, "-port", str(self.ports["epmd"]), "-address", "127.0.0.1"], options)
            self._server = subprocess.Popen([server], start_new_session=True, **options)
        pids = [process.pid for process in (self._server, self._epmd) if process]
        self._guard = subprocess.Popen(["/bin/sh", "-c", GUARD, "guard", *map(str, pids)], stdin=subprocess.PIPE, start_new_session=True)
        self._save(pids=pids)
        try:
            self._wait_until_ready(time.monotonic() + timeout_seconds, stop_waiting)
        except BaseException:
            self.stop(10)
            raise

    def _start_epmd(self, command: list[str], options: Mapping[str, Any]) -> subprocess.Popen[bytes] | None:
        """None where the nodes of a cluster share one."""
        return subprocess.Popen(command, start_new_session=True, **options)

    def choose_ports(self) -> None:
        """Settles on ports that are free now, those of the last start if possible; a node of ours that was left over is ended first."""
        self._end_leftovers()
        with reservations() as reserved:
            self._state["ports"] = free_ports({**self._preferred_ports, **self.ports}, reserved.of_others)
            reserved.add(*self.ports.values())
        self._save(pids=[])

    def _insist_on_ports(self) -> None:
        self._end_leftovers()
        taken = [f"{port} ({name})" for name, port in self.ports.items() if not is_free(LOOPBACK, port)]
        if taken:
            raise PortTaken(
                f"RabbitMQ did not start: port {', '.join(taken)} of 127.0.0.1 is taken by another program, perhaps another broker or demo "
                f"(`ss -ltnp` names it). Stop this and start it again: it then takes other ports."
            )

    def stop(self, timeout_seconds: float = 20) -> None:
        """Ends the node in good order, by force after the time-out, then its epmd. Nothing of it is left running."""
        self._end(self._server, timeout_seconds)
        self._end(self._epmd, 2)
        if self._guard and self._guard.stdin:
            self._guard.stdin.close()
            self._guard.wait(5)
        self._server = self._epmd = self._guard = None
        self._save(pids=[])

    def kill(self) -> None:
        """Ends the node at once, as a power failure would; its epmd too."""
        if self._server:
            self._server.kill()
        self.stop()

    def wait(self, timeout_seconds: float) -> bool:
        """True once the node has ended, False if it still runs after the time."""
        if self._server is None:
            return True
        try:
            self._server.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _load(self) -> dict[str, Any]:
        if self._state_file.is_file():
            state: dict[str, Any] = json.loads(self._state_file.read_text())
            return state
        return {"name": f"hareline-{secrets.token_hex(4)}@localhost", "user": "hareline", "password": secrets.token_urlsafe(24), "ports": {}, "pids": []}

    def _save(self, pids: list[int]) -> None:
        self._state["pids"] = pids
        _write_private(self._state_file, json.dumps(self._state, indent=2) + "\n")

    def _write_files(self) -> None:
        for name in ("home", "log"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o700)
        cookie = self.directory / "home" / ".erlang.cookie"
        if not cookie.exists():
            _write_private(cookie, secrets.token_hex(20).upper())
            cookie.chmod(0o400)
        _write_private(self.directory / "rabbitmq.config", CONFIGURATION.format(**self.ports, interval=self._interval, user=self.user, password=self.password))
        (self.directory / "enabled_plugins").write_text(f"[{','.join(self.plugins)}].\n")

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("RABBITMQ_", "ERL_", "HARELINE_", "NOTIFY_SOCKET"))}
        at = self.directory
        return kept | {
            "HOME": str(at / "home"),
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_CONFIG_FILE": str(at / "rabbitmq.config"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(at / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(at / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(at / "data"),
            "RABBITMQ_LOG_BASE": str(at / "log"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(at / "generated"),
            "RABBITMQ_SCHEMA_DIR": str(at / "schema"),
            "RABBITMQ_PID_FILE": str(at / "rabbitmq.pid"),
            "RABBITMQ_DIST_PORT": str(self.ports["distribution"]),
            # One scheduler starts faster and leaves the cores to what is watched
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +SDcpu 1:1 +SDio 2 +A 4 -start_epmd false -kernel inet_dist_use_interface {127,0,0,1}",
            "RUNNING_UNDER_SYSTEMD": "true",  # the start script then becomes the Erlang machine instead of waiting for it: our child is the node itself
            "ERL_EPMD_PORT": str(self.ports["epmd"]),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_CRASH_DUMP_SECONDS": "0",
        }

    def _wait_until_ready(self, deadline: float, stop_waiting: Callable[[], bool]) -> None:
        wanted = {"amqp", "http", "http/prometheus"}
        while time.monotonic() < deadline and not stop_waiting():
            if self._server is None or self._server.poll() is not None:
                raise NodeEnded(f"The private RabbitMQ node ended while starting; its log is in {self.directory / 'log'}.")
            try:
                listeners = {listener["protocol"] for listener in self.api("GET", "overview", timeout_seconds=2).get("listeners", [])}
            except (OSError, ValueError, AttributeError):
                listeners = set()
            if wanted <= listeners:
                return
            time.sleep(0.1)
        if not stop_waiting():
            raise NodeError(f"The private RabbitMQ node did not answer in time; its log is in {self.directory / 'log'}.")

    def _end_leftovers(self) -> None:
        """A node or epmd of ours that outlived its starter would hold the data and the ports."""
        for pid in self._state.get("pids", []):
            deadline = time.monotonic() + 20
            while self._is_ours(pid):
                _signal(pid, signal.SIGTERM if time.monotonic() < deadline else signal.SIGKILL)
                time.sleep(0.2)

    def _is_ours(self, pid: int) -> bool:
        arguments = Path(f"/proc/{pid}/cmdline")
        if arguments.parent.parent.joinpath("self").exists():  # Linux, where `ps` may be missing
            shown = arguments.read_bytes().replace(b"\0", b" ").decode(errors="replace") if arguments.exists() else ""
        else:
            shown = subprocess.run(["ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
        return self.name in shown or ("epmd" in shown and f"-port {self.ports.get('epmd')}" in shown)

    @staticmethod
    def _end(process: subprocess.Popen[bytes] | None, timeout_seconds: float) -> None:
        if process is None:
            return
        process.terminate()
        try:
            process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _write_private(path: Path, text: str) -> None:
    """Replaces the file as a whole; only its owner can read it, at no moment anybody else."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    fresh.replace(path)
