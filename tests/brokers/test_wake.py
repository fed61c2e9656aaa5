"""Hints that something was stored: received at once, and never missed by what is stored."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings

from brokers import wake
from tests.waiting import wait_until

LONG = 30


@pytest.fixture
def folder(settings: LazySettings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    settings.DATA_DIR = tmp_path_factory.mktemp("d")
    yield settings.DATA_DIR / "wake"


def test_each_process_that_listens_gets_the_hint(folder: Path) -> None:
    hints = [threading.Semaphore(0), threading.Semaphore(0)]
    listeners = [wake.Listener(hint.release) for hint in hints]
    for _ in range(2):
        wake.others()
        assert all(hint.acquire(timeout=LONG) for hint in hints)
    for listener in listeners:
        listener.close()
    assert list(folder.iterdir()) == []


def test_one_that_was_closed_gets_nothing_more_and_its_thread_ends(folder: Path) -> None:
    hint, before = threading.Semaphore(0), threading.active_count()
    listener = wake.Listener(hint.release)
    listener.close()
    wait_until(lambda: threading.active_count() <= before)
    wake.others()
    assert not hint.acquire(blocking=False)


def test_a_socket_that_a_killed_process_left_is_removed(folder: Path) -> None:
    listener = wake.Listener(lambda: None)
    (path,) = folder.iterdir()
    left = path.with_name("1-left.sock")
    left.touch()
    path.rename(path.with_suffix(".kept"))
    wake.others()
    assert not left.exists()
    path.with_suffix(".kept").rename(path)
    listener.close()


def test_where_no_socket_can_be_made_there_are_no_hints(settings: LazySettings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path / ("long" * 40)
    wake.others()
    wake.Listener(lambda: None).close()
