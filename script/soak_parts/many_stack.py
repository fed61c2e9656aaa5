"""Two of each of Hareline's processes, as on two machines: a data directory each, one database, and nginx in front of the two web processes."""

from __future__ import annotations

import os
import random
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from brokers.port_taken import is_free
from script.rabbitmq_node import GUARD, RabbitNode
from script.soak_parts.holdings import Life
from script.soak_parts.rows_read import Database
from script.soak_parts.stack import COMMANDS, DIED, ROOT, START_SECONDS, answer_of, end_all

MACHINES = ("a", "b")
KINDS = ("web", *COMMANDS)
NGINX = """user {user};
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/nginx.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
  upstream hareline {{
{servers}
  }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://hareline;
      proxy_next_upstream error timeout;
      proxy_connect_timeout 2s;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
    }}
  }}
}}
"""


def free_ports(count: int) -> list[int]:
    """Different ones below the range that outgoing connections use."""
    found: list[int] = []
    while len(found) < count:
        port = random.randint(20_000, 32_000)  # noqa: S311  (not a secret)
        if port not in found and is_free("127.0.0.1", port):
            found.append(port)
    return found


def nginx() -> str:
    """The program. Raises RuntimeError, with one sentence, where there is none."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise RuntimeError("nginx is not installed (Debian: apt-get install nginx-light).")
    return found


class ManyStack:
    """`names` of processes: "web-a", "poller-b". Each start has a log of its own; `lives` has all of them."""

    def __init__(self, nodes: dict[str, RabbitNode], directory: Path, database: Database, poll_seconds: float = 1.0) -> None:
        self.directory, self.database = directory, database
        front, *web = free_ports(1 + len(MACHINES))
        self.ports, self.url, self._front = dict(zip(MACHINES, web, strict=True)), f"http://127.0.0.1:{front}", front
        self.token = secrets.token_hex(16)
        self.names = [f"{kind}-{machine}" for kind in KINDS for machine in MACHINES]
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._guards: list[subprocess.Popen[bytes]] = []
        self._running: dict[str, tuple[int, Path]] = {}
        self.lives: list[Life] = []
        self._starts = 0
        brokers = {name: (node.management_url, urlsplit(node.amqp_url())) for name, node in nodes.items()}
        named = (f"{name}={url.replace('://', f'://{login.username}:{login.password}@')}" for name, (url, login) in brokers.items())
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("HARELINE_")} | {
            "DJANGO_SETTINGS_MODULE": "dashboard.settings",
            "HARELINE_DATABASE_URL": f"sqlite:///{database}" if isinstance(database, Path) else database,
            "HARELINE_SECRET_KEY": secrets.token_hex(24),
            "HARELINE_BROKERS": ",".join(named),
            "HARELINE_INSPECT": "none",
            "HARELINE_API_TOKEN": self.token,
            "HARELINE_ADMIN_PASSWORD": secrets.token_hex(12),
            "HARELINE_POLL_SECONDS": str(poll_seconds),
            "HARELINE_PUBLIC_URL": self.url,
            "HARELINE_TRUSTED_PROXIES": "127.0.0.1",
            "PYTHONWARNINGS": "ignore",
            **{f"HARELINE_BROKER_AMQP_{name.upper()}": f"amqp://127.0.0.1:{login.port}" for name, (_, login) in brokers.items()},
        }

    def start(self) -> None:
        """Returns once `/readyz` is 200. Raises RuntimeError with the logs if that takes too long."""
        for machine in MACHINES:
            data = self.directory / machine
            data.mkdir(parents=True)
            options: dict[str, Any] = {"cwd": ROOT, "env": self._environment(machine), "check": True, "capture_output": True, "timeout": START_SECONDS}
            subprocess.run([sys.executable, "manage.py", "prepare"], **options)
        for name in self.names:
            self.start_process(name)
        self._start_nginx()
        deadline = time.monotonic() + START_SECONDS
        while self.get("/readyz")[0] != 200:
            if time.monotonic() > deadline:
                raise RuntimeError(f"Hareline did not become ready: {self.get('/readyz')}\n{self.logs()}")
            time.sleep(0.5)

    def _environment(self, machine: str) -> dict[str, str]:
        return self.environment | {"HARELINE_DATA_DIR": str(self.directory / machine)}

    def start_process(self, name: str) -> None:
        kind, machine = name.rsplit("-", 1)
        web = ("-m", "dashboard.web", "-v", "0", "--application-close-timeout", "2", "-b", "127.0.0.1", "-p", str(self.ports[machine]))
        self._starts += 1
        log = self.directory / f"{name}.{self._starts}.log"
        self._run(name, (sys.executable, *(web if kind == "web" else COMMANDS[kind])), log, self._environment(machine))
        self._running[name] = (self._processes[name].pid, log)

    def _run(self, name: str, command: Sequence[str], log: Path, environment: dict[str, str]) -> None:
        with log.open("ab") as file:
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT, start_new_session=True)
        self._processes[name] = process
        # Ends the process when the pipe closes, however this one ends
        self._guards.append(subprocess.Popen(["/bin/sh", "-c", GUARD, "guard", str(process.pid)], stdin=subprocess.PIPE, start_new_session=True))

    def _start_nginx(self) -> None:
        program = nginx()
        servers = "\n".join(f"    server 127.0.0.1:{port} max_fails=0;" for port in self.ports.values())
        user = "root" if os.geteuid() == 0 else "nobody"
        path = self.directory / "nginx.conf"
        path.write_text(NGINX.format(directory=self.directory, servers=servers, port=self._front, user=user))
        self._run("nginx", (program, "-e", str(self.directory / "nginx.log"), "-c", str(path)), self.directory / "nginx.out.log", dict(os.environ))

    def pid(self, name: str) -> int:
        return self._processes[name].pid

    def kill(self, name: str) -> None:
        self._note_end(name)
        self._processes[name].kill()
        self._processes[name].wait()

    def _note_end(self, name: str) -> None:
        pid, log = self._running.pop(name)
        self.lives.append(Life(f"{name} ({pid})", log, time.time()))

    def all_lives(self) -> list[Life]:
        """Those that ended, and those that run."""
        return [*self.lives, *(Life(f"{name} ({pid})", log, float("inf")) for name, (pid, log) in self._running.items())]

    def web_answers(self, machine: str) -> bool:
        return answer_of(f"http://127.0.0.1:{self.ports[machine]}/healthz", {}, 2)[0] == 200

    def get(self, path: str, seconds: float = 10) -> tuple[int, Any]:
        """Through nginx: (status, decoded JSON or text). Status 0: no answer, with the reason as text."""
        return answer_of(f"{self.url}{path}", {"Authorization": f"Bearer {self.token}"}, seconds)

    def ended(self) -> list[str]:
        """Processes that ended by themselves."""
        return [name for name, process in self._processes.items() if name in self._running and process.poll() is not None]

    def deaths(self) -> int:
        """How many threads died, as the logs have it."""
        return sum(log.read_text(errors="replace").count(word) for log in self.directory.glob("*.log") for word in DIED)

    def logs(self) -> str:
        return "\n".join(f"{log.name}: {log.read_text(errors='replace')[-2000:]}" for log in sorted(self.directory.glob("*.log")))

    def stop(self) -> None:
        end_all(self._processes.values(), self._guards)
