"""Starts that begin together choose different ports."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from script.port_reservations import reservations
from script.rabbitmq_node import RabbitNode
from script.supervised import choose_port, wait_for_leftovers

ROOT = Path(__file__).parent.parent.parent
PREFERRED = {"amqp": 20_111, "management": 20_112, "prometheus": 20_113, "distribution": 20_114, "epmd": 20_115}


@pytest.fixture(autouse=True)
def own_reservations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def of_start(monkeypatch: pytest.MonkeyPatch, pid: int) -> None:
    monkeypatch.setenv("HARELINE_SUPERVISOR", str(pid))


def test_two_starts_get_different_ports_and_one_start_keeps_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of_start(monkeypatch, os.getpid())
    first = RabbitNode(tmp_path / "a", PREFERRED)
    first.choose_ports()
    page = choose_port("127.0.0.1", 20_120, range(20_121, 20_140))
    of_start(monkeypatch, os.getppid())
    second = RabbitNode(tmp_path / "b", PREFERRED)
    second.choose_ports()
    assert not set(first.ports.values()) & set(second.ports.values())
    assert choose_port("127.0.0.1", 20_120, range(20_121, 20_140)) != page
    of_start(monkeypatch, os.getpid())
    again = RabbitNode(tmp_path / "a", PREFERRED)
    again.choose_ports()
    assert again.ports == first.ports


def test_what_a_start_that_is_gone_had_chosen_is_free_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen(["/bin/true"]) as gone:  # ended and waited for at the end of the block
        of_start(monkeypatch, gone.pid)
        with reservations() as reserved:
            reserved.add(20_150)
    of_start(monkeypatch, os.getpid())
    with reservations() as reserved:
        assert reserved.of_others == set()


def test_a_damaged_file_of_reservations_is_no_reason_to_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / f"hareline-ports-{os.getuid()}.json").write_text("[1, {")
    with reservations() as reserved:
        assert reserved.of_others == set()


def test_a_start_names_the_processes_that_stay(tmp_path: Path) -> None:
    code = "import sys; from brokers.supervised_process import end_with_supervisor; end_with_supervisor(); print('held', flush=True); sys.stdin.read()"
    environment = {**os.environ, "HARELINE_SUPERVISOR": str(os.getpid()), "HARELINE_DATA_DIR": str(tmp_path)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment, **pipes) as held:  # type: ignore[call-overload]
        held.stdout.readline()
        with pytest.raises(SystemExit, match=rf"still run with this data directory \({held.pid}\)"):
            wait_for_leftovers(tmp_path, 0.3)
        held.stdin.close()
        held.wait()
        wait_for_leftovers(tmp_path, 0.3)
