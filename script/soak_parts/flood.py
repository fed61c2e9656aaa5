"""`script/soak flood`: 20,000 events a second for a minute with pages open, on each engine. Everything that the broker confirmed must be stored.

The publisher sends bodies that are encoded beforehand, so that it leaves the machine to the broker and to Hareline. What waits in the queue at the end
must still arrive.
"""

from __future__ import annotations

import contextlib
import random
import sys
import threading
import time
from pathlib import Path
from urllib.parse import quote

from script.bench_parts.task_events import EVENTS_A_TASK, numbered, task_ids, templates
from script.postgresql_server import PostgresServer
from script.rabbitmq_node import RabbitNode
from script.raw_publisher import RawPublisher
from script.soak_parts.many import Report
from script.soak_parts.quiet import resident_bytes
from script.soak_parts.rows_read import Database, rows
from script.soak_parts.run import virtual_host
from script.soak_parts.stack import Stack
from script.soak_parts.visitors import PageVisitor, Sockets

VHOST = "flood"
SECONDS, EVENTS_PER_SECOND = 60.0, 20_000.0
ENGINES = ("sqlite", "postgresql")
SOCKETS = 10
TICKS_A_SECOND = 20
RECEIVING_SECONDS, STANDSTILL_SECONDS = 60.0, 60.0
_WHOLE = """
SELECT uuid FROM workers_task WHERE state IN ('SUCCESS', 'FAILURE') AND name IS NOT NULL AND received_at IS NOT NULL AND started_at IS NOT NULL
AND ended_at IS NOT NULL AND json_array_length(tries) = 3
"""


class Flood:
    """Publishes in a thread of its own, at the rate or as fast as the broker takes it."""

    def __init__(self, amqp_url: str, seconds: float, rate: float) -> None:
        self._publisher = RawPublisher(amqp_url)
        self._seconds, self._tasks = seconds, max(int(rate / EVENTS_A_TASK), 1)
        self._made = templates(self._tasks, random.Random(1))  # noqa: S311  (the same in every run)
        self.batches = 0
        self.took_seconds = 0.0
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def events(self) -> int:
        """So many were published."""
        return self.batches * self._tasks * EVENTS_A_TASK

    @property
    def is_publishing(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def published_ids(self) -> set[str]:
        """Of all tasks; the broker has confirmed each message."""
        return {uuid for number in range(self.batches) for uuid in task_ids(numbered(self._made, number))}

    def _run(self) -> None:
        try:
            began = time.monotonic()
            while self.batches < self._seconds:
                messages, due = numbered(self._made, self.batches), began + self.batches
                for tick in range(TICKS_A_SECOND):
                    time.sleep(max(0.0, due + tick / TICKS_A_SECOND - time.monotonic()))
                    self._publisher.publish(messages[tick * len(messages) // TICKS_A_SECOND : (tick + 1) * len(messages) // TICKS_A_SECOND])
                self.batches += 1
            self._publisher.wait_for_confirms()
            self.took_seconds = time.monotonic() - began
            self._publisher.close()
        except BaseException as error:
            self.failure = error
            raise


def flood(directory: Path, engine: str, seconds: float, rate: float) -> Report:
    report, server = Report(), PostgresServer() if engine == "postgresql" else None
    directory.mkdir()
    node = RabbitNode(directory / "rabbitmq", statistics_interval_ms=5000)
    with contextlib.ExitStack() as ends:
        if server is not None:
            ends.callback(server.remove)
            server.start()
        ends.callback(node.kill)
        node.start()
        ends.enter_context(virtual_host(node, VHOST))
        stack = Stack(node, directory / "hareline", node.ports["amqp"], poll_seconds=5.0)
        database: Database = stack.database
        if server is not None:
            stack.environment["HARELINE_DATABASE_URL"] = database = server.url()
        ends.callback(stack.stop)
        stack.start()
        _wait_until_receiving(stack, database)
        _run(report, node, stack, database, Flood(node.amqp_url(VHOST), seconds, rate))
        if report.faults:
            print(stack.logs(), file=sys.stderr)
    return report


def _run(report: Report, node: RabbitNode, stack: Stack, database: Database, traffic: Flood) -> None:
    visitor = PageVisitor(stack)
    sockets = Sockets(stack.url, visitor.session, [f"broker/{pk}" for (pk,) in rows(database, "SELECT id FROM brokers_broker")], SOCKETS)
    sockets.start()
    visitor.start()
    before = stack.cpu_seconds("receiver")
    traffic.start()
    most_waiting, stored, ended_at, grew_at, grown = 0, 0, 0.0, time.monotonic(), 0
    while stored < traffic.events or traffic.is_publishing:
        time.sleep(0.5)
        most_waiting = max(most_waiting, _waiting(node))
        stored = rows(database, "SELECT events FROM workers_eventsource WHERE vhost = ?", VHOST)[0][0]
        now = time.monotonic()
        if not traffic.is_publishing:
            ended_at = ended_at or now
        if stored > grown:
            grown, grew_at = stored, now
        if traffic.failure is not None or now - grew_at > STANDSTILL_SECONDS:
            break
    late = time.monotonic() - ended_at if ended_at else 0.0
    visitor.stop()
    sockets.stop()
    report.hold("publisher", traffic.failure or "all confirmed", traffic.failure is None)
    report.figures["events published"] = f"{traffic.events:,} in {traffic.took_seconds:.1f} s"
    report.figures["stored after the last was published"] = f"{late:.1f} s"
    report.figures["messages that waited at most"] = f"{most_waiting:,}"
    report.figures["receiver"] = f"{stack.cpu_seconds('receiver') - before:.1f} CPU seconds, {resident_bytes(stack.pid('receiver')) >> 20} MB"
    report.figures["pages opened, of which failed once"] = f"{visitor.opened}, {visitor.failed}; the slowest {visitor.slowest_seconds:.1f} s"
    report.hold("pages that failed twice in a row", len(visitor.twice), not visitor.twice)
    report.faults += visitor.twice[:3]
    report.hold("events lost, by count", traffic.events - stored, traffic.events == stored)
    published, whole = traffic.published_ids(), {uuid for (uuid,) in rows(database, _WHOLE)}
    report.figures["tasks published, stored whole"] = f"{len(published):,}, {len(whole):,}"
    report.hold("tasks lost or not whole, by id", len(published - whole), published <= whole)
    report.hold("tasks that nobody published", len(whole - published), whole <= published)
    report.hold("processes that ended by themselves", stack.ended(), not stack.ended())


def _waiting(node: RabbitNode) -> int:
    """Messages in our queue that were not delivered yet, as the broker last counted."""
    with contextlib.suppress(OSError):
        queues = node.api("GET", f"queues/{quote(VHOST)}?columns=name,messages_ready")
        return max((queue.get("messages_ready", 0) for queue in queues if queue), default=0)
    return 0


def _wait_until_receiving(stack: Stack, database: Database) -> None:
    deadline = time.monotonic() + RECEIVING_SECONDS
    while rows(database, "SELECT state FROM workers_eventsource WHERE vhost = ?", VHOST) != [("receiving",)]:
        if time.monotonic() > deadline:
            raise RuntimeError(f"no events are received\n{stack.logs()}")
        time.sleep(0.1)


def main(directory: Path, engine: str | None, seconds: float | None, rate: float | None) -> int:
    """Prints the figures of each engine; 1 if anything was not as it must be."""
    failed = 0
    for one in ENGINES if engine is None else (engine,):
        report = flood(directory / one, one, seconds or SECONDS, rate or EVENTS_PER_SECOND)
        print("\n".join([f"| flood, {one} | |", "|---|---|", *(f"| {name} | {figure} |" for name, figure in report.figures.items())]), flush=True)
        for fault in report.faults:
            print(f"  {fault}")
        failed = max(failed, bool(report.faults))
    return int(failed)
