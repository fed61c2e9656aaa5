"""A program whose port another one has: it reports that at once on the demo's terminal, and ends so that it is not tried again."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from script.rabbitmq_node import RabbitNode

ROOT = Path(__file__).resolve().parent.parent.parent


SUPERVISOR = """
import os, subprocess, sys
os.environ["HARELINE_SUPERVISOR"] = str(os.getpid())
with open(sys.argv[1], "w") as log:
    status = subprocess.call([sys.executable, "-m", *sys.argv[2:]], stdout=log, stderr=log)
print("status", status)
"""


def run_supervised(directory: Path, *arguments: str) -> str:
    """What the terminal of a demo shows of a program whose own output goes to a file, and its exit status."""
    command = [sys.executable, "-c", SUPERVISOR, str(directory / "log"), *arguments]
    environment = {**os.environ, "HARELINE_DATA_DIR": str(directory), "HARELINE_DEMO_AMQP_URL": "amqp://127.0.0.1"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=True).stdout


@pytest.fixture
def taken() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_the_broker_names_its_port_and_what_it_was_for(tmp_path: Path) -> None:
    node = RabbitNode(tmp_path)
    node.choose_ports()
    port = node.ports["management"]
    with socket.create_server(("127.0.0.1", port)):
        shown = run_supervised(tmp_path, "script.rabbitmq_program", "run", str(tmp_path))
    assert f"RabbitMQ did not start: port {port} (management) of 127.0.0.1 is taken by another program" in shown
    assert shown.endswith("status 98\n")
    assert f"port {port}" in (tmp_path / "log").read_text()


def test_the_pages_name_their_port_and_its_variable(tmp_path: Path, taken: socket.socket) -> None:
    port = taken.getsockname()[1]
    shown = run_supervised(tmp_path, "dashboard.web", "-b", "127.0.0.1", "-p", str(port))
    assert f"pages can't be served, since port {port} of 127.0.0.1 is in use by another program" in shown
    assert "HARELINE_PORT" in shown
    assert shown.endswith("status 98\n")
