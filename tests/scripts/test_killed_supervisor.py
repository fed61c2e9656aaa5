"""A supervisor that is killed: its programs end by themselves, and the next start waits for them. The whole of script/server: test_server.py."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from brokers.supervised_process import SUPERVISOR, still_running
from script.supervised import wait_for_leftovers
from tests.waiting import wait_until

PROGRAM = "from brokers.supervised_process import end_with_supervisor; import signal; end_with_supervisor(); {do}signal.pause()"
STARTER = f"""
import os, subprocess, sys, time
environment = os.environ | {{"{SUPERVISOR}": str(os.getpid())}}
for program in sys.argv[1:]:
    subprocess.Popen([sys.executable, "-c", program], env=environment, start_new_session=True)
time.sleep(600)
"""


def test_nothing_outlives_a_supervisor_that_is_killed_and_the_next_start_waits_for_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    environment = os.environ | {"HARELINE_DATA_DIR": str(tmp_path)}
    stubborn = PROGRAM.format(do="signal.signal(signal.SIGTERM, lambda *_: None); [signal.pause() for _ in range(9)]; ")  # ends by SIGKILL only
    with subprocess.Popen([sys.executable, "-c", STARTER, PROGRAM.format(do=""), stubborn], env=environment) as supervisor:
        try:
            wait_until(lambda: len(still_running(tmp_path)) == 2, seconds=60)
        finally:
            supervisor.kill()
    wait_for_leftovers(tmp_path, patience_seconds=60)
    assert still_running(tmp_path) == []
    assert "waiting for its processes to end" in capsys.readouterr().err
