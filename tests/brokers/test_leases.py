"""Who does a piece of work, and which processes live."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from brokers.polling import holders, leases
from tests.brokers.facts import NOON, after
from tests.waiting import wait_until


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """A process of this machine that does nothing until it is killed."""
    started = subprocess.Popen([sys.executable, "-S", "-c", "import signal; signal.pause()"])
    yield started
    started.kill()
    started.wait()


@pytest.mark.django_db
def test_the_lease_of_a_process_that_was_killed_is_taken_over_at_once(process: subprocess.Popen[bytes]) -> None:
    holder = holders.name_of(process.pid)
    assert leases.take("poll prod", holder, NOON, 30)
    assert not leases.take("poll prod", holders.this_process(), after(1), 30)
    process.kill()
    process.wait()
    assert leases.take("poll prod", holders.this_process(), after(1), 30)


def test_a_killed_process_that_its_parent_has_not_taken_note_of_has_ended(process: subprocess.Popen[bytes]) -> None:
    holder = holders.name_of(process.pid)
    assert not holders.has_ended(holder)
    process.kill()
    wait_until(lambda: holders.has_ended(holder))


def test_a_process_number_in_use_again_does_not_keep_the_lease_of_the_one_before(process: subprocess.Popen[bytes]) -> None:
    host, pid, start = holders.name_of(process.pid).split(":")
    ticks, here = start.split("-")
    assert holders.has_ended(f"{host}:{pid}:{int(ticks) - 1}-{here}")


@pytest.mark.parametrize(
    "holder", ["", "a", "host:1", "a:b:c", "elsewhere:{pid}:{start}", "{host}:{pid}:{ticks}-0.0", "{host}:{pid}:", "{host}:-1:{start}", "{host}:x:{start}"]
)
def test_of_another_machine_container_or_boot_nothing_is_known(holder: str, process: subprocess.Popen[bytes]) -> None:
    start = holders.name_of(process.pid).split(":")[2]
    process.kill()
    process.wait()
    assert not holders.has_ended(holder.format(host=socket.gethostname(), pid=process.pid, start=start, ticks=start.split("-")[0]))


@pytest.mark.django_db
def test_a_lease_has_one_holder_until_it_runs_out() -> None:
    assert leases.take("poll prod", "a", NOON, 30)
    assert not leases.take("poll prod", "b", after(29), 30)
    assert leases.take("poll prod", "a", after(29), 30)
    assert not leases.take("poll prod", "b", after(58), 30)
    assert leases.take("poll prod", "b", after(59), 30)
    assert leases.holder_of("poll prod", after(60)) == "b"
    assert leases.holder_of("poll prod", after(100)) is None


@pytest.mark.django_db
def test_a_released_lease_is_free_at_once_and_only_its_holder_releases_it() -> None:
    leases.take("poll prod", "a", NOON, 30)
    leases.release("poll prod", "b")
    assert not leases.take("poll prod", "b", after(1), 30)
    leases.release("poll prod", "a")
    assert leases.take("poll prod", "b", after(1), 30)


@pytest.mark.django_db(transaction=True)
def test_of_many_processes_that_try_at_once_one_gets_it() -> None:
    def take(holder: int) -> bool:
        try:
            return leases.take("poll prod", str(holder), NOON, 30)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(take, range(8))) == 1


@pytest.mark.django_db
def test_heartbeats_show_running_processes_and_drop_dead_ones_after_an_hour() -> None:
    leases.beat("poller", "a", NOON)
    leases.beat("poller", "b", after(5), standby=True)
    assert [(beat.holder, beat.standby) for beat in leases.heartbeats()] == [("b", True), ("a", False)]
    leases.beat("poller", "b", after(2 * 3600))
    assert [(beat.holder, beat.at) for beat in leases.heartbeats()] == [("b", after(2 * 3600))]
