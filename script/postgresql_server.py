"""A private PostgreSQL server: own data directory, port and superuser, loopback only; the packaged service and its files are never touched.

Standard library only. As root it runs as the user `postgres`, since PostgreSQL refuses to run as root.
"""

from __future__ import annotations

import os
import pwd
import random
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from brokers.port_taken import is_free

USER = "hareline"
_PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin")
# Data that nobody needs after a crash of the machine: a kill of the server loses nothing by it
FAST = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "shared_buffers=64MB", "max_wal_size=512MB", "autovacuum_naptime=30s")
# Kills the server when whoever started it is gone, however it went: the pipe on standard input ends with the starter
GUARD = 'cat >/dev/null; kill -QUIT "$@" 2>/dev/null; true'


class ServerError(Exception):
    """One sentence."""


def find_programs() -> Path:
    """The directory with initdb and postgres of the newest version here. Raises ServerError."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    places = [place for pattern in _PLACES for place in Path("/").glob(pattern.lstrip("/")) if (place / "initdb").exists()]
    if not places:
        raise ServerError("PostgreSQL is not installed (Debian: apt-get install postgresql).")
    return max(places, key=lambda place: [int(part) for part in place.parent.name.replace("-", ".").split(".") if part.isdecimal()])


class PostgresServer:
    """A server whose data stays in a directory of its own until `remove`."""

    def __init__(self, settings: Iterable[str] = FAST) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="hareline-postgresql-"))
        self.password = secrets.token_hex(8)
        self.port = 0
        self._settings = tuple(settings)
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.poll() is None else None

    def url(self, name: str = "postgres", user: str = USER, password: str | None = None) -> str:
        """As HARELINE_DATABASE_URL."""
        return f"postgres://{user}:{quote(self.password if password is None else password)}@127.0.0.1:{self.port}/{name}"

    def start(self, timeout_seconds: float = 60) -> None:
        """Returns once it answers. A second start keeps data and port. Raises ServerError."""
        if self.pid:
            return
        if not (self.directory / "data").exists():
            self._make()
        command = [str(find_programs() / "postgres"), "-D", str(self.directory / "data"), "-p", str(self.port), "-k", "", "-h", "127.0.0.1"]
        for setting in self._settings:
            command += ["-c", setting]
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **self._as_user())
        self._guard = subprocess.Popen(["/bin/sh", "-c", GUARD, "guard", str(self._process.pid)], stdin=subprocess.PIPE, start_new_session=True)
        deadline = time.monotonic() + timeout_seconds
        while not self._answers():
            if self.pid is None or time.monotonic() > deadline:
                self.kill()
                raise ServerError(f"PostgreSQL did not start: {(self.directory / 'log').read_text(errors='replace')[-500:]}")
            time.sleep(0.02)

    def _make(self) -> None:
        options = self._as_user()
        if options:
            os.chown(self.directory, options["user"], -1)
        secret = self.directory / "password"
        secret.write_text(self.password)
        if options:
            os.chown(secret, options["user"], -1)
        command = [str(find_programs() / "initdb"), "-D", str(self.directory / "data"), "-U", USER, f"--pwfile={secret}", "-A", "scram-sha-256"]
        made = subprocess.run([*command, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"], capture_output=True, check=False, **options)
        if made.returncode:
            raise ServerError(f"initdb failed: {made.stderr.decode(errors='replace')[-500:]}")
        self.port = _free_port()

    def _as_user(self) -> dict[str, Any]:
        if os.geteuid() != 0:
            return {}
        try:
            user = pwd.getpwnam("postgres")
        except KeyError:
            raise ServerError("PostgreSQL refuses to run as root, and there is no user postgres.") from None
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": "/"}

    def _answers(self) -> bool:
        """True once it takes connections: the last line of its pid file says so."""
        try:
            lines = (self.directory / "data" / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[7].strip() == "ready"

    def stop(self, timeout_seconds: float = 20) -> None:
        """Ends it in good order, and each of its connections at once."""
        self._end(signal.SIGINT, timeout_seconds)

    def kill(self) -> None:
        """Ends it at once, as a crash would, with its processes; a start recovers."""
        self._end(signal.SIGQUIT, 10)

    def _end(self, number: signal.Signals, timeout_seconds: float) -> None:
        if self._process and self._process.poll() is None:
            self._process.send_signal(number)
            self._process.wait(timeout_seconds)
        if self._guard:
            self._guard.kill()
            self._guard.communicate()
        self._process = self._guard = None

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


def _free_port() -> int:
    """One below the range that outgoing connections use."""
    while True:
        port = random.randint(20_000, 32_000)  # noqa: S311  (not a secret)
        if is_free("127.0.0.1", port):
            return port
