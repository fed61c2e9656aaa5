"""Real Celery workers on the suite's RabbitMQ node, and watches of their virtual host."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from django.db import connection

from brokers import store as broker_store
from brokers.addresses import BrokerAddress
from brokers.models import Broker
from brokers.stats import Listener
from tests.conftest import TestNode
from tests.waiting import wait_until
from workers.models import EventSource, Worker
from workers.receiving.place import Place
from workers.receiving.vhost_watch import VhostWatch

ROOT = Path(__file__).parent.parent.parent
WORKER_SECONDS = 60
# Ends a worker node and its pool when the tests are gone, however they went: the pipe on standard input ends with them
GUARD = 'cat >/dev/null; kill -KILL "-$1" 2>/dev/null; true'


class Workers:
    """Starts Celery worker nodes in a virtual host and ends them."""

    def __init__(self, node: TestNode, vhost: str, directory: Path) -> None:
        self.node, self.vhost, self.directory = node, vhost, directory
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._guards: dict[str, subprocess.Popen[bytes]] = {}
        self.app = Celery("tests", broker=node.amqp_url(vhost), set_as_current=False)
        self.app.conf.update(task_default_queue="jobs", task_ignore_result=True)

    def start(self, name: str, *options: str, app: str = "celery_app", queue: str = "", clock: Path | None = None) -> subprocess.Popen[bytes]:
        """A worker node `name` of an app in this folder, which is consuming when this returns. `queue`: one that it declares last; its control queue. `clock`:
        a file with the seconds by which its clock is ahead, which a test may change."""
        command = [sys.executable, "-m", "celery", "-A", f"tests.workers.{app}", "worker", "-n", name, "--loglevel", "WARNING", *options]
        log = (self.directory / f"{name}.log").open("wb")
        environment = {**os.environ, "TEST_CELERY_BROKER": self.node.amqp_url(self.vhost), "PYTHONWARNINGS": "ignore"}
        if clock is not None:
            environment |= {"TEST_CLOCK_AHEAD": str(clock), "PYTHONPATH": str(ROOT / "tests" / "workers" / "shifted_clock")}
        environment.pop("DJANGO_SETTINGS_MODULE", None)  # with it Celery sets up Django, which no app here uses: three quarters of a start
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        log.close()
        self.processes[name] = process
        self._guards[name] = subprocess.Popen(["/bin/sh", "-c", GUARD, "guard", str(process.pid)], stdin=subprocess.PIPE, start_new_session=True)
        queue = queue or f"{name}.celery.pidbox"
        wait_until(lambda: queue in self.queues(), WORKER_SECONDS)
        return process

    def queues(self) -> set[str]:
        return {found["name"] for found in self.node.api("GET", f"queues/{self.vhost}")}

    def send(self, task: str, *arguments: Any, count: int = 1, **options: Any) -> None:
        with self.app.connection_for_write() as link:
            for _ in range(count):
                self.app.send_task(f"tests.workers.celery_app.{task}", arguments, connection=link, **options)

    def kill(self, name: str) -> None:
        process = self.processes.pop(name)
        with contextlib.suppress(ProcessLookupError):  # a test may have killed it
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self._dismiss_guard(name)

    def end(self, name: str) -> None:
        process = self.processes.pop(name)
        process.terminate()
        process.wait(WORKER_SECONDS)
        self._dismiss_guard(name)

    def _dismiss_guard(self, name: str) -> None:
        guard = self._guards.pop(name)
        guard.kill()
        guard.communicate()

    def end_all(self) -> None:
        for name in list(self.processes):
            self.kill(name)


class Watching:
    """A virtual host of a stored broker, and watches of it in threads of the test."""

    def __init__(self, node: TestNode, address: BrokerAddress, broker: Broker, vhost: str) -> None:
        self.node, self.address, self.broker, self.vhost = node, address, broker, vhost
        self.running: list[tuple[VhostWatch, threading.Thread]] = []

    def start(self, receives_events: bool = True, inspects: bool = True, **changed: Any) -> None:
        facts = {"address": self.address, "listeners": (Listener("", "amqp", self.node.ports["amqp"]),), **changed}
        watch = VhostWatch(Place(broker_id=self.broker.pk, vhost=self.vhost, installation="test", receives_events=receives_events, inspects=inspects, **facts))
        thread = threading.Thread(target=watch.run)
        self.running.append((watch, thread))
        thread.start()

    def stop(self) -> None:
        for watch, _ in self.running:
            watch.stop()
        for _, thread in self.running:
            thread.join(60)
            assert not thread.is_alive()
        self.running.clear()

    def worker(self, hostname: str) -> Worker | None:
        return Worker.objects.filter(broker=self.broker, vhost=self.vhost, hostname=hostname).first()

    def source(self) -> EventSource | None:
        return EventSource.objects.filter(broker=self.broker, vhost=self.vhost).first()

    def wait_for(self, hostname: str, condition: Callable[[Worker], object], seconds: float = 40) -> Worker:
        """The worker's row once the condition holds."""

        def met() -> Worker | None:
            worker = self.worker(hostname)
            return worker if worker and condition(worker) else None

        try:
            found = wait_until(met, seconds)
        except AssertionError as error:
            worker, source = self.worker(hostname), self.source()
            raise AssertionError(f"{error}; {vars(worker) if worker else None}; {vars(source) if source else None}") from None
        assert found is not None
        return found

    def wait_for_source(self, condition: Callable[[EventSource], object], seconds: float = 30) -> EventSource:
        found = wait_until(lambda: (source := self.source()) and condition(source) and source, seconds)
        assert isinstance(found, EventSource)
        return found


def _workers(node: TestNode, vhost: str, directory: Path) -> Iterator[Workers]:
    started = Workers(node, vhost, directory)
    yield started
    started.end_all()
    started.app.close()


def _watching(node: TestNode, vhost: str) -> Iterator[Watching]:
    address = node.address()
    broker = broker_store.ensure_brokers([address], datetime.now(UTC))[address.name]
    found = Watching(node, address, broker, vhost)
    yield found
    found.stop()
    connection.close()


@pytest.fixture
def workers(rabbitmq: TestNode, vhost: str, tmp_path: Path) -> Iterator[Workers]:
    """For worker nodes of this test alone. Each takes about a second of processor time to start."""
    yield from _workers(rabbitmq, vhost, tmp_path)


@pytest.fixture
def watching(transactional_db: None, rabbitmq: TestNode, vhost: str) -> Iterator[Watching]:
    yield from _watching(rabbitmq, vhost)


# One virtual host, its worker nodes, its watch and the rows for all tests of a module, which then distinguish their tasks by uuid


@pytest.fixture(scope="module")
def module_workers(rabbitmq: TestNode, module_vhost: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    yield from _workers(rabbitmq, module_vhost, tmp_path_factory.mktemp("workers"))


@pytest.fixture(scope="module")
def module_watching(module_database: None, rabbitmq: TestNode, module_vhost: str) -> Iterator[Watching]:
    yield from _watching(rabbitmq, module_vhost)
