"""A real Celery worker node that gets orders as Hareline gives them, and what its tasks wrote down: what it does, apart from what it answers."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import amqp
from celery import Celery

from script.rabbitmq_node import RabbitNode
from script.soak_parts.guard import guarded
from script.soak_parts.stack import ROOT
from workers.amqp_connection import Target
from workers.control.arguments import ACTIONS, of_command, parse
from workers.control.departures import departed
from workers.control.orders import Order, Outcome, give

APP = "script.soak_parts.controlled_app"
NOTE, HOLD = f"{APP}.note", f"{APP}.hold"
START_SECONDS = 240
SECONDS = 240
"""For what has to happen; a node that does it takes a fraction of it."""
Answer = TypeVar("Answer")


def until(condition: Callable[[], Answer], seconds: float = SECONDS) -> Answer:
    """The first true answer, or the last one once the time is over."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return answer


class Controlled:
    """`queue` is what it consumes at first: the part of its name before the "@"."""

    def __init__(self, node: RabbitNode, vhost: str, directory: Path, name: str, pool: str, slots: int, *options: str, python: str = sys.executable) -> None:
        self.node, self.vhost, self.directory, self.queue, self.pool, self.slots = node, vhost, directory, name, pool, slots
        self.hostname = f"{name}@controlled"
        self.targets = [Target(node.amqp_url(vhost), vhost)]
        self.app = Celery("controlled", broker=node.amqp_url(vhost), set_as_current=False)
        self._numbers = itertools.count()
        command = [python, "-m", "celery", *self._arguments(python), "-n", self.hostname, "-Q", name, "-P", pool, "-l", "WARNING"]
        command += ["--without-gossip", "--without-mingle", *(() if "--autoscale" in "".join(options) else ("-c", str(slots))), *options]
        environment = {**os.environ, "CONTROLLED_BROKER": node.amqp_url(vhost), "PYTHONWARNINGS": "ignore", "PYTHONPATH": str(ROOT)}
        environment.pop("DJANGO_SETTINGS_MODULE", None)  # with it Celery sets up Django
        self.log = directory / f"{name}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        self._guard = guarded(self.process)
        control_queue = f"{self.hostname}.celery.pidbox"
        until(lambda: self.process.poll() is not None or control_queue in self._queues(), START_SECONDS)
        if self.process.poll() is not None or control_queue not in self._queues():
            self.kill()
            raise RuntimeError(f"{self.hostname} did not start: {self.log.read_text()[-600:]}")

    @staticmethod
    def _arguments(python: str) -> list[str]:
        return ["-A", APP, "worker"]

    def _queues(self) -> set[str]:
        return {found["name"] for found in self.node.api("GET", f"queues/{self.vhost}")}

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._guard.kill()
        self._guard.communicate()
        self.app.close()

    # Orders, and what it answers

    def order(self, command: str, **given: Any) -> tuple[bool, str]:
        """(whether the node agreed, its sentence). Raises RuntimeError if it did not answer."""
        arguments, problems = parse(ACTIONS[command], given)
        if problems:
            raise ValueError(problems[0].text)
        outcome = self.sent(command, of_command(ACTIONS[command], arguments))
        if self.hostname not in outcome.replies:
            raise RuntimeError(f"{command} was not answered: {outcome.problem or outcome.sent}")
        return outcome.replies[self.hostname].ok, outcome.replies[self.hostname].text

    def sent(self, command: str, arguments: dict[str, Any], seconds: float = 60) -> Outcome:
        return give(self.targets, Order(command, arguments, (self.hostname,)), "hareline.controlled.control", seconds)

    def has_departed(self) -> bool:
        return departed(self.targets, [self.hostname], SECONDS) == [self.hostname]

    def inspected(self, command: str) -> Any:
        """As Celery itself inspects it."""
        inspect = self.app.control.inspect(destination=[self.hostname], timeout=60, limit=1)  # without a limit it waits for more answers
        return until(lambda: getattr(inspect, command)() or {})[self.hostname]

    def processes(self) -> list[int]:
        return list(self.inspected("stats")["pool"]["processes"])

    # Tasks, and what they wrote

    def file(self) -> Path:
        return self.directory / f"{self.queue}-{next(self._numbers)}"

    def run(self, task: str, *arguments: str, count: int = 1, queue: str = "", **options: Any) -> None:
        with self.app.connection_for_write() as link:
            for _ in range(count):
                self.app.send_task(task, arguments, queue=queue or self.queue, connection=link, ignore_result=True, **options)

    def at_once(self, expected: int) -> int:
        """How many of its tasks run at once, of one more than expected."""
        log, gate = self.file(), self.file()
        self.run(HOLD, str(log), str(gate), count=expected + 1)
        until(lambda: words(log).count("began") >= expected, 60)
        if self.pool != "solo":
            self.inspected("active")  # time in which one more would begin
        found = words(log).count("began")
        gate.touch()
        until(lambda: words(log).count("ended") == expected + 1)
        return found

    def takes_from(self, queue: str) -> bool:
        """Whether a task of that queue was run."""
        log = self.file()
        self.run(NOTE, str(log), queue=queue)
        return bool(until(lambda: words(log)))

    def leaves(self, queue: str) -> bool:
        """Whether a task of that queue waits there, without a consumer. Pools of greenlets cancel one up to 2 s after their answer."""
        until(lambda: not self._counted(queue)[1])
        log = self.file()
        self.run(NOTE, str(log), queue=queue)
        return bool(until(lambda: self._counted(queue)[0])) and not self._counted(queue)[1] and not words(log)

    def _counted(self, queue: str) -> tuple[int, int]:
        """(messages, consumers) of a queue."""
        with self.connected() as link:
            found = link.channel().queue_declare(queue, passive=True)
            return found.message_count, found.consumer_count

    def connected(self) -> amqp.Connection:
        node = self.node
        return amqp.Connection(f"127.0.0.1:{node.ports['amqp']}", userid=node.user, password=node.password, virtual_host=self.vhost)


def words(log: Path) -> list[str]:
    return [line.split()[0] for line in log.read_text().splitlines()] if log.exists() else []


def moments(log: Path) -> list[float]:
    return sorted(float(line.split()[1]) for line in log.read_text().splitlines()) if log.exists() else []
