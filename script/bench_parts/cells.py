"""How soon after the broker's answer a depth is in the browser's cell: with 500 consumers, 200 messages a second, and bindings that change."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from typing import IO

from script.bench_parts import big_broker
from script.bench_parts.rows import Row, at_most, percentile
from script.rabbitmq_node import RabbitNode

CONSUMERS, MESSAGES_A_SECOND = 500, 200
POLL_SECONDS, RUN_SECONDS = 5.0, 240.0
CHANGE_EVERY_SECONDS = 10.0
GOAL_TIMES = 2.0


@contextlib.contextmanager
def program(module: str, *arguments: str) -> Iterator[IO[str]]:
    """What it prints; it ends with its standard input."""
    command = [sys.executable, "-m", f"script.bench_parts.{module}", *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ)
    if process.stdin is None or process.stdout is None:
        raise RuntimeError(module)
    try:
        yield process.stdout
    finally:
        process.stdin.close()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()


class Run:
    """What was answered, {number: (requested, answered)}, when the cell had it, {number: shown}, and when the topology was read."""

    def __init__(self, node: RabbitNode, lines: IO[str]) -> None:
        self.answers: dict[int, tuple[float, float]] = {}
        self.stored: dict[int, float] = {}
        self.shown: dict[int, float] = {}
        self.topologies: set[datetime | None] = set()
        self._node, self._lines = node, lines
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._lines:
            found = json.loads(line)
            if "stored_at" in found:
                self.stored[found["number"]] = found["stored_at"]
            else:
                self.answers[found["number"]] = (found["requested_at"], found["answered_at"])

    def change(self, number: int) -> None:
        """Binds a queue once more."""
        from brokers.models import Broker

        where = f"bindings/%2F/e/{big_broker.EXCHANGE}/q/{big_broker.queue_name(0)}"
        self._node.api("POST", where, {"routing_key": f"changed.{number}"}, timeout_seconds=90)
        self.topologies.add(Broker.objects.get().topology_at)

    async def watch(self, port: int, session: str, topic: str, key: str, seconds: float) -> None:
        from script.bench_parts.web import frames_of

        async def change() -> None:
            for number in itertools.count():
                await asyncio.sleep(CHANGE_EVERY_SECONDS)
                await asyncio.to_thread(self.change, number)

        async with frames_of(port, session, topic, key) as next_depth:
            changing, ends_at = asyncio.create_task(change()), time.monotonic() + seconds
            while time.monotonic() < ends_at:
                with contextlib.suppress(TimeoutError):
                    number = await asyncio.wait_for(next_depth(), 5)
                    self.shown[number] = time.monotonic()
            changing.cancel()


def row(node: RabbitNode, broker_id: int, session: str, queues: int, seconds: float = RUN_SECONDS) -> Row:
    """The 99th percentile, against the broker's median time for an answer."""
    from brokers.models import Queue
    from script.bench_parts.web import running_web

    watched = Queue.objects.order_by("pk")[queues - 3]  # without consumers
    with program("traffic", node.amqp_url(), str(CONSUMERS), str(MESSAGES_A_SECOND)) as traffic:
        traffic.readline()
        with running_web() as port, program("marked_poller", watched.name, str(POLL_SECONDS)) as lines:
            run = Run(node, lines)
            asyncio.run(run.watch(port, session, f"queues/{broker_id}/%2F", f"queue-{watched.pk}", seconds))
    both = sorted(run.answers.keys() & run.shown.keys())[2:]  # the first ones start everything
    if not both:
        raise SystemExit(f"only {len(run.answers)} answers came, and {len(run.shown)} of them were shown: this machine is too busy")
    answer_ms = percentile([(run.answers[number][1] - run.answers[number][0]) * 1000 for number in both], 50)
    after_ms = [(run.shown[number] - run.answers[number][1]) * 1000 for number in both]
    whole_ms = percentile([(run.shown[number] - run.answers[number][0]) * 1000 for number in both], 99)
    stored_ms = percentile([(run.stored[number] - run.answers[number][1]) * 1000 for number in both if number in run.stored], 50)
    worst = percentile(after_ms, 99)
    ours = (
        f"{worst:.0f} ms (half: {percentile(after_ms, 50):.0f}, stored after {stored_ms:.0f}; from the request: {whole_ms:.0f}; "
        f"{len(both)} polls, {len(run.topologies) - 1} readings of the bindings)"
    )
    what = f"from the broker’s answer to the browser’s cell, {queues:,} queues, {CONSUMERS} consumers, 99 %"
    return Row(what, ours, f"the broker’s answer, half: {answer_ms:.0f} ms", answer_ms / worst, *at_most(GOAL_TIMES, worst / answer_ms, " × the answer"))
