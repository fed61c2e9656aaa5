"""One run: a fleet at work in a virtual host, a fault, and what was found when all had time to come in."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from script.rabbitmq_node import RabbitNode
from script.soak_parts.comparison import Findings, compare, read_tasks, read_workers
from script.soak_parts.depth_probe import DepthProbe
from script.soak_parts.fleet import Fleet, Message
from script.soak_parts.journal import Journal
from script.soak_parts.observer import Observer, Seen
from script.soak_parts.proxy import Proxy
from script.soak_parts.publisher import EXCHANGE, Publisher, Traffic, seeded
from script.soak_parts.stack import Stack

WORST_SECONDS = 3.0
CONTROL_QUEUE = "{}.celery.pidbox"


@dataclass(frozen=True)
class Pace:
    """How hard and how long: the same runs last minutes in `script/soak` and seconds in the suite."""

    events_per_second: float
    heartbeat_seconds: float
    before_seconds: float  # of traffic before the fault
    after_seconds: float
    settle_seconds: float  # at most, until everything is stored
    longest_seconds: float
    odd: float
    return_seconds: float
    back_seconds: float


LONG = Pace(1000, 2.0, 10, 8, 90, 15, 0.02, 20, 30)
SHORT = Pace(200, 0.2, 1.0, 0.2, 120, 1.0, 0.02, 90, 240)  # patient: beside other tests, on a machine that may be slow


@dataclass
class Outcome:
    name: str
    found: Findings
    seen: Seen
    deaths: int
    ended: list[str]
    seconds: float
    left_over: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        """Everything that isn't as it must be, as sentences; [] for a clean run."""
        found, seen = self.found, self.seen
        numbers = {"events lost": found.lost, "events double": found.double, "tasks wrong": found.wrong, "lost_events": found.lost_events}
        faults = [f"{name}: {number}" for name, number in numbers.items() if number]
        if found.worst_seconds > WORST_SECONDS:
            faults.append(f"a time is off by {found.worst_seconds:.1f} s")
        if self.deaths:
            faults.append(f"threads died: {self.deaths}")
        faults += [f"process ended: {name}" for name in self.ended]
        faults += [f"{kind} untrue: {count}" for kind, count in seen.contradictions.items()]
        return faults + self.left_over


class Run:
    """What a fault may use. `broken` marks the time in which parts may be not ready."""

    def __init__(self, name: str, node: RabbitNode, proxy: Proxy, stack: Stack, vhost: str, directory: Path, pace: Pace, seed: int) -> None:
        self.name, self.node, self.proxy, self.stack, self.vhost, self.pace = name, node, proxy, stack, vhost, pace
        self.return_seconds, self.back_seconds = pace.return_seconds, pace.back_seconds
        self.rng = seeded(seed)
        self.journal = Journal(directory / f"{name}.published.jsonl")
        self.fleet = Fleet(name, seeded(seed + 1), pace.heartbeat_seconds, pace.longest_seconds, pace.odd)
        declare = tuple(CONTROL_QUEUE.format(hostname) for hostname in self.fleet.hostnames)
        self.publisher = Publisher(node.amqp_url(vhost), self.journal, declare)
        self.pending: list[Message] = []  # published beside the traffic
        self.traffic = Traffic(self.fleet, self.publisher, pace.events_per_second, self._take_pending)
        self.probe = DepthProbe(node, vhost)
        self.slandered: set[str] = set()  # somebody else sends worker-offline in their name, so they are gone until their next heartbeat
        self.observer = Observer(stack, vhost, self.probe, lambda: [name for name in self.fleet.hostnames if name not in self.slandered])

    def _take_pending(self, _now: float) -> list[Message]:
        taken, self.pending = self.pending, []
        return taken

    def go(self, fault: Callable[[Run], None]) -> Outcome:
        """Traffic, the fault amid it, traffic again, and then the comparison."""
        began, deaths = time.monotonic(), self.stack.deaths()
        self.probe.declare()
        self.traffic.start()
        self._warm_up()
        self.observer.start()
        try:
            time.sleep(self.pace.before_seconds)
            fault(self)
            time.sleep(self.pace.after_seconds)
            self.traffic.rate = 0
            found = self._settle()
        finally:
            self.observer.stop()
            self.traffic.stop()
            self.journal.close()
        outcome = Outcome(self.name, found, self.observer.seen, self.stack.deaths() - deaths, self.stack.ended(), time.monotonic() - began)
        if self.traffic.failure is not None:
            outcome.left_over.append(f"the traffic failed: {self.traffic.failure!r}")
        return outcome

    def _warm_up(self) -> None:
        """Until every worker is known, so that its clock could be measured before the fault."""
        deadline = time.monotonic() + 30
        while len(read_workers(self.stack.database, self.name)) < len(self.fleet.workers):
            if time.monotonic() > deadline:
                raise RuntimeError(f"no events are stored\n{self.stack.logs()}")
            time.sleep(0.1)

    def _settle(self) -> Findings:
        """The findings once everything published is stored, or after the time for that."""
        deadline = time.monotonic() + self.pace.settle_seconds
        least = time.monotonic() + 5 * self.pace.heartbeat_seconds  # lost events show after some heartbeats
        while self.fleet.unfinished or not self.traffic.all_confirmed:
            time.sleep(0.1)
            if time.monotonic() > deadline + self.pace.longest_seconds:
                break
        while True:
            found = self.compare()
            clean = not (found.lost or found.double or found.wrong or self._not_online())
            if time.monotonic() > deadline or (clean and time.monotonic() > least):
                return self._with_workers(found)
            time.sleep(0.3 if self.pace is SHORT else 2)

    def compare(self) -> Findings:
        """A clock that is behind looks like late events until it was measured, for which these workers, which answer no inspection, live too short."""
        behind = {worker.hostname: max(0.0, -worker.clock_error) for worker in self.fleet.workers}
        return compare(self.journal.tasks(), read_tasks(self.stack.database, self.name), read_workers(self.stack.database, self.name), behind)

    def _with_workers(self, found: Findings) -> Findings:
        """Workers that live must be online at the end, once they had the time for a heartbeat, and Hareline must not be ready if it stores nothing more."""
        if found.lost:
            self.observer.expect_not_ready(f"{found.lost} events are not stored long after they were published")
        for text in self._not_online():
            self.observer.seen.note("worker state", text)
        return found

    def _not_online(self) -> list[str]:
        workers = read_workers(self.stack.database, self.name).values()
        alive = self.fleet.hostnames
        return [
            f"{worker.hostname} is {worker.state} at the end: {worker.reason}" for worker in workers if worker.hostname in alive and worker.state != "online"
        ]


@contextlib.contextmanager
def virtual_host(node: RabbitNode, name: str) -> Iterator[str]:
    """A virtual host with Celery's event exchange, for the time of the block."""
    path = quote(name, safe="")
    node.api("PUT", f"vhosts/{path}")
    node.api("PUT", f"permissions/{path}/{quote(node.user)}", {"configure": ".*", "write": ".*", "read": ".*"})
    node.api("PUT", f"exchanges/{path}/{EXCHANGE}", {"type": "topic", "durable": True})
    try:
        yield name
    finally:
        node.api("DELETE", f"vhosts/{path}")


def wait_until_receiving(stack: Stack, vhost: str, seconds: float = 30) -> None:
    """Returns once the events of the virtual host are received."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.closing(sqlite3.connect(f"file:{stack.database}?mode=ro", uri=True, timeout=20)) as connection:
            row = connection.execute("SELECT state FROM workers_eventsource WHERE vhost = ?", (vhost,)).fetchone()
        if row and row[0] == "receiving":
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"the events of {vhost} are not received: {row}\n{stack.logs()}")
        time.sleep(0.1)
