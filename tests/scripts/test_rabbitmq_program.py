"""The demo's broker as a program."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from kombu.connection import Connection

from script.rabbitmq_machine import NodeError
from script.rabbitmq_node import RabbitNode
from script.rabbitmq_program import CONSUMER_TIMEOUT_SECONDS, declare, hold_file
from tests.conftest import TestNode
from tests.waiting import wait_until
from workers.demo import shop

DEFINITIONS = Path(shop.__file__).with_name("definitions.json")


def state(directory: Path) -> dict[str, object]:
    return dict(json.loads((directory / "node.json").read_text()))


def started(directory: Path) -> bool:
    """Whether the node's process, its epmd and their guard run."""
    return (directory / "node.json").exists() and bool(state(directory)["pids"])


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.nightly
def test_it_runs_until_sigterm_can_be_held_and_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "script.rabbitmq_program", "run", str(tmp_path), str(DEFINITIONS)]
    program = subprocess.Popen(command, cwd=Path(__file__).resolve().parent.parent.parent)
    try:
        wait_until(lambda: "/shop" in vhosts(tmp_path), seconds=60)
        assert f"{{consumer_timeout, {CONSUMER_TIMEOUT_SECONDS * 1000}}}" in (tmp_path / "rabbitmq.config").read_text()
        pids = [int(pid) for pid in state(tmp_path)["pids"]]  # type: ignore[attr-defined]
        hold_file(tmp_path).touch()
        wait_until(lambda: not any(is_alive(pid) for pid in pids), seconds=60)
        hold_file(tmp_path).unlink()
        wait_until(lambda: "/shop" in vhosts(tmp_path), seconds=60)
        pids = [int(pid) for pid in state(tmp_path)["pids"]]  # type: ignore[attr-defined]
        program.send_signal(signal.SIGTERM)
        assert program.wait(60) == 0
        assert not any(is_alive(pid) for pid in pids)
    finally:
        if program.poll() is None:
            program.kill()
            program.wait()


def test_a_port_that_was_announced_and_is_taken_since_is_never_exchanged_for_another(tmp_path: Path) -> None:
    node = RabbitNode(tmp_path)
    node.choose_ports()
    ports = node.ports
    with socket.create_server(("127.0.0.1", ports["management"])), pytest.raises(NodeError, match="management"):
        RabbitNode(tmp_path).start(keep_ports=True)
    assert RabbitNode(tmp_path).ports == ports
    assert not state(tmp_path)["pids"]


def vhosts(directory: Path) -> list[str]:
    """The names of the node's virtual hosts; none while it is not up."""
    if not (directory / "node.json").exists():
        return []
    try:
        return [vhost["name"] for vhost in RabbitNode(directory).api("GET", "vhosts", timeout_seconds=2)]
    except (OSError, KeyError):
        return []


@pytest.mark.parametrize("node", ["a stand-in", pytest.param("a real one", marks=pytest.mark.nightly)])
def test_the_node_goes_when_its_starter_is_killed(tmp_path: Path, node: str) -> None:
    """Also one that never answers."""
    environment = dict(os.environ)
    if node == "a stand-in":
        server = tmp_path / "rabbitmq-server"
        server.write_text("#!/bin/sh\nexec sleep 600\n")
        server.chmod(0o700)
        environment["HARELINE_RABBITMQ_SERVER"] = str(server)
    command = [sys.executable, "-m", "script.rabbitmq_program", "run", str(tmp_path)]
    program = subprocess.Popen(command, cwd=Path(__file__).resolve().parent.parent.parent, env=environment)
    try:
        wait_until(lambda: "/" in vhosts(tmp_path) or (node == "a stand-in" and started(tmp_path)), seconds=60)
        pids = [int(pid) for pid in state(tmp_path)["pids"]]  # type: ignore[attr-defined]
    finally:
        program.kill()
        program.wait()
    wait_until(lambda: not any(is_alive(pid) for pid in pids), seconds=30)


def test_the_shop_declares_what_the_broker_already_has(rabbitmq: TestNode) -> None:
    declare(rabbitmq, DEFINITIONS)
    with Connection(shop.url(rabbitmq.amqp_url())) as connection, connection.channel() as channel:
        for name in shop.CELERY_QUEUES:
            shop.queue(name)(channel).declare()  # another argument than the broker's would be refused
    types = {exchange["type"] for exchange in rabbitmq.api("GET", "exchanges/%2Fshop") if exchange["name"].startswith("shop.")}
    assert types == {"direct", "topic", "fanout", "headers"}
    rabbitmq.api("DELETE", "vhosts/%2Fshop")
