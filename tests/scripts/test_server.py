"""script/server as a person starts it: from nothing (a run of several processes brings the tables) to pages, and to nothing again."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from brokers.supervised_process import still_running
from tests.conftest import TestNode
from tests.prepared_data import migrated
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parent.parent.parent


def environment(data: Path, port: int, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HARELINE_", "DJANGO_"))}
    return kept | {"HARELINE_DATA_DIR": str(data), "HARELINE_PORT": str(port)} | more


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def started(env: dict[str, str], output: Path) -> Iterator[subprocess.Popen[bytes]]:
    with output.open("wb") as file:
        process = subprocess.Popen([ROOT / "script" / "server"], env=env, cwd="/", stdout=file, stderr=file, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(60)


def processes_of(data: Path) -> list[str]:
    """The command lines of all processes that know this data directory."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if str(data).encode() in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0


def test_a_server_answers_prints_its_password_once_and_leaves_nothing(rabbitmq: TestNode, tmp_path: Path, shared_run: Path | None) -> None:
    data, output, port = tmp_path / "a data folder", tmp_path / "output", free_port()
    migrated(data, shared_run)
    user, password = rabbitmq.new_user(permissions={"/": {"configure": ".*", "write": ".*", "read": ".*"}})  # so that no other test's workers are inspected
    brokers = f"demo=http://{user}:{password}@127.0.0.1:{rabbitmq.ports['management']}"
    with started(environment(data, port, HARELINE_BROKERS=brokers), output) as process:
        wait_until(lambda: "Password" in output.read_text() or process.poll() is not None, seconds=100)
        text = output.read_text()
        assert f"http://127.0.0.1:{port}/" in text
        assert "shown only now" in text
        assert re.search(rf"Watches +demo +http://127\.0\.0\.1:{rabbitmq.ports['management']}  RabbitMQ 3", text)
        assert f"Data       SQLite, {data}/hareline.sqlite3" in text
        assert status(f"http://127.0.0.1:{port}/login/") == 200
        assert password not in text
        assert not any(password in line for line in processes_of(data))
        assert password not in (data / "supervisor.conf").read_text()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert "SIGKILL" not in (data / "log" / "supervisor.log").read_text()
    assert wait_until(lambda: not processes_of(data), seconds=5)
    assert [path.name for path in data.iterdir() if path.stat().st_mode & 0o077] == []


def test_a_busy_port_ends_the_start_with_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        env = environment(tmp_path / "data", taken.getsockname()[1])
        ended = subprocess.run([ROOT / "script" / "server"], env=env, capture_output=True, text=True, timeout=400, check=False)
    assert ended.returncode != 0
    assert "HARELINE_PORT" in ended.stderr.splitlines()[-1]


def test_a_bad_value_ends_the_start_with_a_sentence(tmp_path: Path) -> None:
    env = environment(tmp_path / "data", free_port(), HARELINE_BROKERS="prod=rabbit-1:15672")
    ended = subprocess.run([ROOT / "script" / "server"], env=env, capture_output=True, text=True, timeout=400, check=False)
    assert ended.returncode != 0
    assert "HARELINE_BROKERS" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.nightly  # two whole starts; test_killed_supervisor.py has the same in short
def test_nothing_outlives_a_supervisor_that_is_killed_and_the_next_start_waits_for_it(tmp_path: Path) -> None:
    data, output, port = tmp_path / "data", tmp_path / "output", free_port()
    with started(environment(data, port), output) as process:
        wait_until(lambda: "Password" in output.read_text() or process.poll() is not None, seconds=100)
        assert len(still_running(data)) >= 4
        process.kill()
        process.wait()
    with started(environment(data, port), tmp_path / "again") as process:  # at once, over the same data and port
        text = tmp_path / "again"
        wait_until(lambda: "Password" in text.read_text() or process.poll() is not None, seconds=100)
        assert "waiting for its processes to end" in text.read_text()
        assert status(f"http://127.0.0.1:{port}/login/") == 200
    assert wait_until(lambda: not processes_of(data), seconds=20)
