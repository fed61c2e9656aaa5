"""A run in several processes reports what each of them found, also of one that ends within a test."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

CONFTEST = """
import pytest
from tests import processes

def pytest_addoption(parser):
    processes.add_option(parser)

@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session):
    processes.run(session)
    return True
"""
OWN_DIRECTORIES = """
import os
import pytest
from django.conf import settings

@pytest.fixture(scope="session", autouse=True)
def of_the_session():
    yield
    raise RuntimeError("what the session shares can't be ended")

@pytest.fixture(scope="module")
def shared():
    yield {"process": os.getpid()}
    print("the fixture ends")

def test_one(shared):
    assert settings.DATA_DIR.name in settings.DATABASES["default"]["NAME"] and os.environ["HARELINE_DATA_DIR"] == str(settings.DATA_DIR)
    (settings.DATA_DIR / "one").mkdir()

def test_another(shared):
    assert shared["process"] == os.getpid()
    assert (settings.DATA_DIR / "one").exists()
    assert False, "on purpose"
"""


ENDS = """
import os

def test_that_ends_its_process():
    os._exit(3)
"""


def test_each_process_has_its_own_directory_and_all_that_they_find_is_reported(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_own.py").write_text(OWN_DIRECTORIES)
    (tmp_path / "test_ends.py").write_text(ENDS)
    options = ["-q", "-n2", "-c", "/dev/null", "--disable-plugin-autoload", "-p", "no:cacheprovider", "--rootdir", tmp_path]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HARELINE_", "PYTEST_"))}
    done = subprocess.run([sys.executable, "-m", "pytest", *options, tmp_path], env=kept, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 1
    assert set(re.findall(r"FAILED .*::(\w+)", done.stdout)) == {"test_that_ends_its_process", "test_another"}, done.stdout
    assert "2 failed, 1 passed" in done.stdout
    assert "ended with status 3 in this test" in done.stdout
    assert "the fixture ends" in done.stdout
    assert "ended with status 1 between two tests" in done.stdout
    assert "what the session shares can't be ended" in done.stderr
