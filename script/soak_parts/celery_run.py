"""Runs with real Celery workers: what Hareline stored is compared with what the tasks themselves wrote down."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from celery import Celery
from kombu.exceptions import OperationalError

from script.rabbitmq_node import RabbitNode
from script.soak_parts.comparison import Findings, StoredTask, compare, read_tasks, read_workers
from script.soak_parts.depth_probe import DepthProbe
from script.soak_parts.journal import Journal
from script.soak_parts.observer import Observer
from script.soak_parts.proxy import Proxy
from script.soak_parts.publisher import seeded
from script.soak_parts.run import CONTROL_QUEUE, LONG, Outcome
from script.soak_parts.stack import ROOT, Stack

APP = "script.soak_parts.celery_app"
KINDS = frozenset(("task-started", "task-succeeded", "task-failed", "task-retried"))
HOSTNAMES = ("soak1@here", "soak2@here")
TASKS_PER_SECOND = 15
START_SECONDS = 60


class CeleryRun:
    """`events_may_be_lost`: the fault makes the broker itself lose events, which Celery sends as transient messages; "unknown" is the truth then."""

    def __init__(self, name: str, node: RabbitNode, proxy: Proxy, stack: Stack, vhost: str, directory: Path, seed: int, events_may_be_lost: bool) -> None:
        self.name, self.node, self.proxy, self.stack, self.vhost = name, node, proxy, stack, vhost
        self.rng: random.Random = seeded(seed)
        self.return_seconds, self.back_seconds = LONG.return_seconds, LONG.back_seconds
        self._directory, self._may_be_lost = directory, events_may_be_lost
        self._log = directory / f"{name}.ran.jsonl"
        self.journal = Journal(self._log)
        self._processes: list[subprocess.Popen[bytes]] = []
        probe = DepthProbe(node, vhost)
        probe.declare()
        self.observer = Observer(stack, vhost, probe, lambda: list(HOSTNAMES))
        self._sending = threading.Event()
        self._ids = itertools.count()

    def go(self, fault: Callable[[CeleryRun], None], settle_seconds: float = 60) -> Outcome:
        began, deaths = time.monotonic(), self.stack.deaths()
        sender = threading.Thread(target=self._send, daemon=True)
        try:
            self._start_workers()
            self.observer.start()
            sender.start()
            time.sleep(10)
            fault(self)
            time.sleep(5)
            self._sending.set()
            sender.join(30)
            found = self._settle(settle_seconds)
        finally:
            self._sending.set()
            self.observer.stop()
            self._stop_workers()
            self.journal.close()
        return Outcome(self.name, found, self.observer.seen, self.stack.deaths() - deaths, self.stack.ended(), time.monotonic() - began)

    def _start_workers(self) -> None:
        environment = {**os.environ, "SOAK_CELERY_BROKER": self.node.amqp_url(self.vhost), "SOAK_RAN_LOG": str(self._log), "PYTHONWARNINGS": "ignore"}
        for hostname in HOSTNAMES:
            command = [sys.executable, "-m", "celery", "-A", APP, "worker", "-n", hostname, "--concurrency", "2", "--loglevel", "WARNING"]
            with (self._directory / f"{hostname}.log").open("wb") as log:
                options = {"cwd": ROOT, "env": environment, "stdout": log, "stderr": subprocess.STDOUT, "start_new_session": True}
                self._processes.append(subprocess.Popen(command, **options))  # type: ignore[call-overload]
        wanted = {CONTROL_QUEUE.format(hostname) for hostname in HOSTNAMES}
        deadline = time.monotonic() + START_SECONDS
        while not wanted <= {queue["name"] for queue in self.node.api("GET", f"queues/{self.vhost}")}:
            if time.monotonic() > deadline:
                raise RuntimeError("the Celery workers did not start")
            time.sleep(0.3)
        while len(read_workers(self.stack.database, "soak")) < len(HOSTNAMES):
            time.sleep(0.3)

    def _stop_workers(self) -> None:
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _send(self) -> None:
        app = Celery("sender", broker=self.node.amqp_url(self.vhost), set_as_current=False)
        app.conf.update(task_default_queue="jobs", task_ignore_result=True, task_send_sent_event=True, broker_transport_options={"confirm_publish": True})
        tasks = ("work",) * 8 + ("fail", "retry_once")
        while not self._sending.is_set():
            seconds = self.rng.uniform(0.01, 0.2) if self.rng.random() > 0.02 else self.rng.uniform(1, 8)
            with contextlib.suppress(OSError, OperationalError):  # a task that was not sent doesn't run, and so is not in the log
                app.send_task(f"{APP}.{self.rng.choice(tasks)}", (seconds,), task_id=f"{self.name}-{next(self._ids)}", retry=False)
            self._sending.wait(1 / TASKS_PER_SECOND)
        app.close()

    def _settle(self, seconds: float) -> Findings:
        """The findings once all that ran has ended and is stored, or after the time for that."""
        deadline = time.monotonic() + seconds
        while True:
            found = self._compare()
            if time.monotonic() > deadline or not (found.lost or found.double or found.wrong or self._waiting() or self._not_online()):
                break
            time.sleep(2)
        if self._may_be_lost:
            found.lost, found.wrong, found.lost_events = 0, found.wrong - found.unknown, 0
            found.worst_seconds = 0.0  # a worker's main process stamps what its children did only once it has a connection again
        for text in self._not_online():
            self.observer.seen.note("worker state", text)
        return found

    def _not_online(self) -> list[str]:
        workers = read_workers(self.stack.database, "soak").values()
        return [f"{worker.hostname} is {worker.state} at the end: {worker.reason}" for worker in workers if worker.state != "online"]

    def _waiting(self) -> int:
        """Messages of tasks that no worker has ended."""
        queue = self.node.api("GET", f"queues/{self.vhost}/jobs")
        return int(queue.get("messages") or 0)

    def _compare(self) -> Findings:
        stored = {uuid: _only_run(task) for uuid, task in read_tasks(self.stack.database, f"{self.name}-").items()}
        true = self.journal.tasks()
        return compare(true, {uuid: task for uuid, task in stored.items() if uuid in true}, read_workers(self.stack.database, "soak"))


def _only_run(task: StoredTask) -> StoredTask:
    """With the moments that the task itself could write down."""
    return dataclasses.replace(task, timeline=tuple(moment for moment in task.timeline if moment[0] in KINDS))
