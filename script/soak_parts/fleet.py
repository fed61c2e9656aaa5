"""Simulated Celery workers: the events of the tasks they run, as Celery's dispatcher would send them. Pure but for its random numbers.

Each worker has a clock of its own (some are wrong by a constant), a Lamport clock, a count of processed tasks and heartbeats. Task events go in
bundles, and a heartbeat may overtake them, as in Celery.
"""

from __future__ import annotations

import heapq
import itertools
import json
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

CLOCK_ERRORS = (0.0, 0.0, 40.0, -25.0, 0.4, 0.0)
EVENTS_A_TASK = 4.2
NAMES = ("shop.orders.pay", "shop.mail.send", "shop.reports.render", "shop.stock.sync")


@dataclass
class Message:
    """A body to publish, with what happened when."""

    body: bytes
    events: list[dict[str, Any]]
    true_times: list[float]
    routing_key: str = "task.multi"
    content_type: str = "application/json"
    copies: int = 0  # how often it was handed to the broker


@dataclass
class SimulatedWorker:
    hostname: str
    clock_error: float
    pid: int
    lamport: int = 0
    processed: int = 0
    active: int = 0
    next_heartbeat: float = 0.0
    bundle: list[tuple[float, dict[str, Any]]] = field(default_factory=list)

    def event(self, kind: str, at: float, **fields: Any) -> dict[str, Any]:
        self.lamport += 1
        return {
            "type": kind, "hostname": self.hostname, "timestamp": at + self.clock_error, "utcoffset": 0, "pid": self.pid, "clock": self.lamport, **fields,
        }  # fmt: skip


class Fleet:
    """`prefix` is in every host name and uuid, so that the rows of one fleet are found again. `longest_seconds`: of the tasks that take long.
    `odd`: the share of bundles that are published twice, and of sendings that are published only seconds after their task has ended."""

    def __init__(self, prefix: str, rng: random.Random, heartbeat_seconds: float, longest_seconds: float, odd: float = 0.0) -> None:
        self.prefix, self._rng, self._heartbeat_seconds, self._longest = prefix, rng, heartbeat_seconds, longest_seconds
        self._odd = odd
        self.workers = [SimulatedWorker(f"{prefix}-w{number}@node{number}", error, 100 + number) for number, error in enumerate(CLOCK_ERRORS)]
        self._sender = SimulatedWorker(f"gen811@{prefix}-web", 0.0, 811)
        self._due: list[tuple[float, int, float, SimulatedWorker, str, dict[str, Any]]] = []  # first: when it is published
        self._order, self._tasks = itertools.count(), itertools.count()
        self._begun_until: float | None = None

    @property
    def hostnames(self) -> list[str]:
        return [worker.hostname for worker in self.workers]

    @property
    def unfinished(self) -> bool:
        return bool(self._due)

    def advance(self, now: float, events_per_second: float) -> list[Message]:
        """What all workers send up to `now`; new tasks begin at the given rate of events, none at 0."""
        began = self._begun_until or now
        self._begun_until = now
        tasks = (now - began) * events_per_second / EVENTS_A_TASK
        for _ in range(int(tasks) + (self._rng.random() < tasks % 1)):
            self._begin(self._rng.uniform(began, now))
        messages: list[Message] = []
        while self._due and self._due[0][0] <= now:
            _, _, at, worker, kind, fields = heapq.heappop(self._due)
            worker.bundle.append((at, self._happen(worker, kind, at, fields)))
        for worker in (self._sender, *self.workers):
            bundles = list(self._bundles(worker))
            heartbeat = self._heartbeat(worker, now)
            messages += [*heartbeat, *bundles] if self._rng.random() < 0.5 else [*bundles, *heartbeat]
        return messages

    def _happen(self, worker: SimulatedWorker, kind: str, at: float, fields: dict[str, Any]) -> dict[str, Any]:
        if kind == "task-started":
            worker.processed += 1
            worker.active += 1
        elif kind in ("task-succeeded", "task-failed", "task-retried"):
            worker.active = max(0, worker.active - 1)
        return worker.event(kind, at, **fields)

    def _bundles(self, worker: SimulatedWorker) -> Iterator[Message]:
        bundle, worker.bundle = worker.bundle, []
        while bundle:
            length = self._rng.choice((1, 1, 2, 3, 5, 24))
            taken, bundle = bundle[:length], bundle[length:]
            yield message([event for _, event in taken], [at for at, _ in taken], as_list=True)
            if self._rng.random() < self._odd:
                yield message([event for _, event in taken], [at for at, _ in taken], as_list=True)

    def _heartbeat(self, worker: SimulatedWorker, now: float) -> list[Message]:
        if worker is self._sender or now < worker.next_heartbeat:
            return []
        worker.next_heartbeat = now + self._heartbeat_seconds
        sent = worker.event(
            "worker-heartbeat", now, freq=self._heartbeat_seconds, active=worker.active, processed=worker.processed, loadavg=[0.5, 0.4, 0.3],
            sw_ident="py-celery", sw_ver="5.6.3", sw_sys="Linux",
        )  # fmt: skip
        return [message([sent], [now], "worker.heartbeat")]

    def _begin(self, at: float) -> None:
        """Plans a task: who sends, receives and runs it, and how it ends."""
        rng = self._rng
        key = f"{self.prefix}-{uuid.UUID(int=rng.getrandbits(128), version=4)}"
        fields: dict[str, Any] = {
            "uuid": key, "name": rng.choice(NAMES), "args": f"({next(self._tasks)},)", "kwargs": "{}", "root_id": key, "parent_id": None,
            "retries": 0, "eta": None, "expires": None,
        }  # fmt: skip
        worker, other = rng.choice(self.workers), rng.choice(self.workers)
        runtime = rng.uniform(0.01, 0.5) if rng.random() > 0.03 else rng.uniform(0.5, 1.0) * self._longest
        sent = {**fields, "queue": "jobs", "exchange": "", "routing_key": "jobs"}
        late = rng.random() < self._odd
        if late:
            expires = datetime.fromtimestamp(at + 3600, UTC).isoformat()
            sent, fields = {**sent, "eta": expires, "expires": expires}, {**fields, "eta": expires, "expires": expires}
        self._plan(at, self._sender, "task-sent", sent, rng.uniform(1.2, 1.2 + 0.2 * self._longest) if late else 0.0)
        plot = rng.random()
        at += 0.002
        self._plan(at, worker, "task-received", fields)
        if plot < 0.02:
            self._plan(at + 0.01, worker, "task-revoked", {"uuid": key, "terminated": False, "signum": None, "expired": True})
            return
        self._plan(at + 0.005, worker, "task-started", {"uuid": key})
        end = at + 0.005 + runtime
        if plot < 0.06:
            self._plan(end, worker, "task-retried", {"uuid": key, "exception": "OSError('gone')", "traceback": "Traceback"})
        if plot < 0.08:  # retried, or its worker lost it: another one begins anew, well after the first
            again = end + rng.uniform(0.8, 1.2)
            worker = other
            self._plan(again, worker, "task-received", fields)
            self._plan(again + 0.005, worker, "task-started", {"uuid": key})
            end = again + 0.005 + rng.uniform(0.01, 0.5)
        if plot > 0.92:
            self._plan(end, worker, "task-failed", {"uuid": key, "exception": "ValueError('no')", "traceback": "Traceback (most recent call last):\n"})
        else:
            self._plan(end, worker, "task-succeeded", {"uuid": key, "result": "None", "runtime": runtime})

    def _plan(self, at: float, worker: SimulatedWorker, kind: str, fields: dict[str, Any], late_seconds: float = 0.0) -> None:
        heapq.heappush(self._due, (at + late_seconds, next(self._order), at, worker, kind, fields))


def message(events: list[dict[str, Any]], true_times: list[float], routing_key: str = "task.multi", as_list: bool = False) -> Message:
    """The events as one body: a list, or the event itself where there is only one and no list is wanted."""
    body = json.dumps(events if as_list or len(events) > 1 else events[0]).encode()
    return Message(body, events, true_times, routing_key)
