"""Orders on pools to real worker nodes, checked by what these then report and by how many tasks run at once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import wait_until
from tests.workers.conftest import Workers
from workers.amqp_connection import Target
from workers.control.arguments import ACTIONS, of_command, parse
from workers.control.orders import Order, Outcome, give

SECONDS = 60
NOTE, HOLD = "tests.workers.control_app.note", "tests.workers.control_app.hold"
QUIET = ("--without-gossip", "--without-mingle", "--without-heartbeat")
numbers = itertools.count()


class Controlled:
    """A worker node, the orders that it gets, and what its tasks wrote."""

    def __init__(self, workers: Workers, hostname: str, directory: Path) -> None:
        self.workers, self.hostname, self.queue, self.directory = workers, hostname, hostname.partition("@")[0], directory
        node = workers.node
        self.targets = [Target(node.amqp_url(workers.vhost), workers.vhost)]

    def order(self, command: str, **given: Any) -> tuple[bool, str]:
        """(whether the node agreed, its sentence)."""
        arguments, problems = parse(ACTIONS[command], given)
        assert problems == []
        outcome = self.sent(command, of_command(ACTIONS[command], arguments))
        assert (outcome.sent, outcome.problem, list(outcome.replies)) == ("yes", "", [self.hostname])
        return outcome.replies[self.hostname].ok, outcome.replies[self.hostname].text

    def sent(self, command: str, arguments: dict[str, Any], seconds: float = SECONDS) -> Outcome:
        return give(self.targets, Order(command, arguments, (self.hostname,)), "hareline.test.control", seconds)

    def inspected(self, command: str) -> Any:
        """As Celery itself inspects it."""
        inspect = self.workers.app.control.inspect(destination=[self.hostname], timeout=SECONDS, limit=1)  # without a limit it waits for more answers
        return wait_until(lambda: getattr(inspect, command)() or {}, SECONDS)[self.hostname]

    def stats(self) -> Any:
        return self.inspected("stats")

    def processes(self) -> list[int]:
        return list(self.stats()["pool"]["processes"])

    def file(self) -> Path:
        return self.directory / f"{self.queue}-{next(numbers)}"

    def run(self, task: str, *arguments: str, count: int = 1, queue: str = "") -> None:
        with self.workers.app.connection_for_write() as link:
            for _ in range(count):
                self.workers.app.send_task(task, arguments, queue=queue or self.queue, connection=link)

    def at_once(self, expected: int) -> int:
        """How many of its tasks run at once, of one more than expected."""
        log, gate = self.file(), self.file()
        self.run(HOLD, str(log), str(gate), count=expected + 1)
        wait_until(lambda: words(log).count("began") >= expected, SECONDS)
        found = len(self.inspected("active"))
        gate.touch()
        wait_until(lambda: words(log).count("ended") == expected + 1, SECONDS)
        return found

    def takes_from(self, queue: str) -> bool:
        """True once a task of that queue was run."""
        log = self.file()
        self.run(NOTE, str(log), queue=queue)
        return bool(wait_until(lambda: words(log), SECONDS))


def words(log: Path) -> list[str]:
    return [line.split()[0] for line in log.read_text().splitlines()] if log.exists() else []


@pytest.fixture(scope="module")
def started(module_workers: Workers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Controlled]]:
    directory = tmp_path_factory.mktemp("controlled")

    def start(name: str, *options: str) -> Controlled:
        hostname = f"{name}@control"
        if hostname not in module_workers.processes:
            module_workers.start(hostname, "-Q", name, *QUIET, *options, app="control_app")
        return Controlled(module_workers, hostname, directory)

    yield start


@pytest.fixture
def prefork(started: Callable[..., Controlled]) -> Controlled:
    return started("prefork", "-P", "prefork", "-c", "1")


def test_a_pool_grows_and_shrinks_by_what_it_reports_and_by_the_tasks_that_run_at_once(prefork: Controlled) -> None:
    assert prefork.order("pool_grow", n=2) == (True, "pool will grow")
    wait_until(lambda: len(prefork.processes()) == 3, SECONDS)
    assert prefork.at_once(3) == 3
    assert prefork.order("pool_shrink", n=1) == (True, "pool will shrink")
    wait_until(lambda: len(prefork.processes()) == 2, SECONDS)
    assert prefork.at_once(2) == 2
    assert prefork.order("autoscale", max=3, min=1) == (False, "Autoscale not enabled")


def test_a_restarted_pool_has_another_process_and_runs_tasks(prefork: Controlled) -> None:
    before = prefork.processes()
    assert prefork.order("pool_restart") == (True, "reload started")
    wait_until(lambda: set(before) - set(prefork.processes()), SECONDS)  # idle ones follow after their next task
    assert prefork.takes_from(prefork.queue)


def test_an_autoscale_range_changes_and_a_pool_that_scales_itself_refuses_to_grow(started: Callable[..., Controlled]) -> None:
    scaled = started("scaled", "-P", "prefork", "--autoscale=2,1")
    assert scaled.order("autoscale", max=4, min=3) == (True, "autoscale now max=4 min=3")
    found = scaled.stats()
    assert (found["autoscaler"]["max"], found["autoscaler"]["min"]) == (4, 3)
    wait_until(lambda: len(scaled.processes()) >= 3, SECONDS)
    ok, text = scaled.order("pool_grow", n=1)
    assert not ok and "not supported with autoscale" in text
