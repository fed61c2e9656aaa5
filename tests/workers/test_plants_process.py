"""What pages and the demo's process pass each other, and what the process makes of it, with plants that only note what is done with them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from tests.waiting import wait_until
from workers.demo.plants.broker_plants import HOLD
from workers.demo.plants.catalog import PLANTS
from workers.demo.plants.process import RESTARTED, Plants, clean, remains
from workers.demo.plants.protocol import PlantFiles, PlantState
from workers.demo.plants.site import PlantFailed, Site
from workers.demo.plants.work import REMAINS, WORK


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site("amqp://unused", tmp_path)


class Garden:
    """Plants that note what is done with them."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def good(self, _: Site) -> Generator[None]:
        self.done.append("started")
        try:
            while True:
                yield
                if "went on" not in self.done:
                    self.done.append("went on")
        finally:
            self.done.append("ended")

    def bad(self, _: Site) -> Generator[None]:
        self.done.append("failed")
        raise PlantFailed("the worker does not run.")
        yield

    def bad_end(self, _: Site) -> Generator[None]:
        try:
            while True:
                yield
        finally:
            raise OSError("the queue is still there")


@pytest.fixture
def garden() -> Garden:
    return Garden()


@pytest.fixture
def plants(site: Site, garden: Garden) -> Iterator[Plants]:
    plants = Plants(site, {"good": garden.good, "bad": garden.bad, "bad_end": garden.bad_end})
    yield plants
    plants.stop()


def _until(plants: Plants, site: Site, key: str, word: str) -> PlantState:
    def met() -> PlantState | None:
        plants.round()
        state = site.files.state().plants[key]
        return state if state.state == word else None

    return wait_until(lambda: met())  # type: ignore[return-value]


def test_every_plant_of_the_page_can_be_done_and_only_these() -> None:
    assert set(WORK) == set(PLANTS)
    assert set(REMAINS) <= set(PLANTS)


def test_a_plant_starts_goes_on_and_ends_and_all_of_it_is_reported(plants: Plants, site: Site, garden: Garden) -> None:
    plants.round()
    assert site.files.state().plants["good"] == PlantState()
    site.files.want("good", "ada", 100.0)
    assert site.files.wanted()["good"].by == "ada"
    _until(plants, site, "good", "on")
    wait_until(lambda: "went on" in garden.done)
    site.files.end("good")
    _until(plants, site, "good", "off")
    assert garden.done == ["started", "went on", "ended"]


def test_what_fails_is_off_again_and_says_why(plants: Plants, site: Site) -> None:
    site.files.want("bad", "ada", 100.0)
    assert _until(plants, site, "bad", "failed").why == "The worker does not run."
    assert site.files.wanted() == {}
    site.files.want("bad_end", "ada", 100.0)
    _until(plants, site, "bad_end", "on")
    site.files.end("bad_end")
    assert _until(plants, site, "bad_end", "failed").why == "The queue is still there."


def test_what_fails_is_started_once(plants: Plants, site: Site, garden: Garden) -> None:
    site.files.want("bad", "ada", 100.0)
    _until(plants, site, "bad", "failed")
    plants.round()
    assert garden.done == ["failed"]
    assert site.files.state().plants["bad"].state == "failed"


def test_a_failed_plant_may_be_started_again(plants: Plants, site: Site) -> None:
    site.files.want("bad", "ada", 100.0)
    first = _until(plants, site, "bad", "failed")
    site.files.want("bad", "ada", 101.0)
    wait_until(lambda: plants.round() or site.files.state().plants["bad"].since > first.since)  # type: ignore[func-returns-value]
    assert _until(plants, site, "bad", "failed").why


def test_the_end_of_the_demo_ends_every_plant(plants: Plants, site: Site, garden: Garden) -> None:
    site.files.want("good", "ada", 100.0)
    _until(plants, site, "good", "on")
    plants.stop()
    assert garden.done[-1] == "ended" and site.files.wanted() == {}
    assert site.files.state().plants["good"].state == "off"


def test_a_process_that_starts_again_ends_what_was_planted_and_says_so(site: Site, garden: Garden) -> None:
    site.files.want("good", "ada", 100.0)
    site.files.want("unknown", "ada", 100.0)
    Plants(site, {"good": garden.good}).round()
    assert site.files.state().plants["good"].why == RESTARTED
    assert site.files.wanted() == {} and garden.done == []


def test_what_a_killed_process_left_is_let_go_before_anything_that_needs_the_broker(site: Site) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "worker-a@web-1"]) as frozen:
        site.files.directory.joinpath("pids").mkdir(parents=True)
        site.files.directory.joinpath("pids", "worker-a@web-1").write_text(str(frozen.pid))
        wait_until(lambda: site.files.process("worker-a@web-1"))
        frozen.send_signal(signal.SIGSTOP)
        wait_until(lambda: state_of(frozen.pid) == "T")
        for flag in ("lock", "held-thumbs@media-1", "cancelled"):
            site.files.set_flag(flag)
        (site.data / HOLD).parent.mkdir()
        (site.data / HOLD).touch()
        site.files.want("memory_alarm", "ann", 1.0)
        found = remains(site)
        clean(site, found[:2])
        wait_until(lambda: state_of(frozen.pid) != "T")
        frozen.kill()
    assert not (site.data / HOLD).exists()
    assert [site.files.flag(flag) for flag in ("lock", "held-thumbs@media-1", "cancelled")] == [None, None, None]
    assert REMAINS["memory_alarm"] in found and REMAINS["clock"] not in found


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_what_can_not_be_removed_does_not_keep_the_rest(site: Site) -> None:
    done: list[str] = []

    def broken(_: Site) -> None:
        raise OSError("the broker is away")

    removes: list[Callable[[Site], None]] = [broken, lambda _: done.append("removed")]
    clean(site, removes)
    assert done == ["removed"]


def test_missing_and_broken_files_are_read_as_nothing(tmp_path: Path) -> None:
    files = PlantFiles(tmp_path / "plants")
    assert (files.wanted(), files.state().at, files.flag("lock"), files.process("a@b")) == ({}, None, None, None)
    files.end("never")
    files.clear_flag("never")
    files.set_flag("lock", "1")
    assert files.flag("lock") == "1"
    (tmp_path / "plants" / "state.json").write_text("{half")
    assert files.state().at is None and not files.state().is_of_now(0.0)


def test_a_number_that_another_program_has_since_is_no_worker_node(tmp_path: Path) -> None:
    files = PlantFiles(tmp_path / "plants")
    files.note_process("nobody@nowhere")
    assert files.process("nobody@nowhere") is None  # this process's own number, whose arguments don't name that node
    (tmp_path / "plants" / "pids" / "nobody@nowhere").write_text(str(2**22 + os.getpid()))
    assert files.process("nobody@nowhere") is None
