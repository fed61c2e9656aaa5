"""A private RabbitMQ node with thousands of queues, what requests cost it, and what it answers."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from script.rabbitmq_node import RabbitNode

EXCHANGE = "orders"
IDLE_SECONDS = 3.0
START_SECONDS = 600  # on a busy machine
AT_ONCE = 500
PAGE = "queues?page=1&page_size=100&name=&use_regex=false&pagination=true"  # as RabbitMQ's own page requests it
TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def running(queues: int) -> Iterator[RabbitNode]:
    """The node, with a topic exchange to which each queue is bound by a key of its own."""
    with tempfile.TemporaryDirectory(prefix="hareline-bench-node-", ignore_cleanup_errors=True) as directory:
        node = RabbitNode(Path(directory))
        node.start(timeout_seconds=START_SECONDS)
        try:
            _declare(node, [queue_name(number) for number in range(queues)])
            yield node
        finally:
            node.kill()


def queue_name(number: int) -> str:
    return f"shop.{number % 40}.{number}"


def _declare(node: RabbitNode, names: list[str]) -> None:
    kept = {"vhost": "/", "durable": True, "auto_delete": False, "arguments": {}}
    node.api("POST", "definitions", {"exchanges": [{**kept, "name": EXCHANGE, "type": "topic", "internal": False}]}, timeout_seconds=90)
    for start in range(0, len(names), AT_ONCE):
        some = names[start : start + AT_ONCE]
        binding = {"vhost": "/", "source": EXCHANGE, "destination_type": "queue", "arguments": {}}
        made = {
            "queues": [{**kept, "name": name} for name in some],
            "bindings": [{**binding, "destination": name, "routing_key": f"order.{name}.*"} for name in some],
        }
        node.api("POST", "definitions", made, timeout_seconds=180)


class Cost:
    """The node's CPU for requests, without what it needs for itself."""

    def __init__(self, node: RabbitNode) -> None:
        self._pid = node.pid or 0
        before, began = self._cpu_seconds(), time.monotonic()
        time.sleep(IDLE_SECONDS)  # its own share is measured over a time without requests
        self._idle = (self._cpu_seconds() - before) / (time.monotonic() - began)

    def of(self, request: Callable[[], Any], count: int) -> tuple[float, list[float]]:
        """(CPU seconds of the broker a time, milliseconds each took)."""
        took, before, start = [], self._cpu_seconds(), time.monotonic()
        for _ in range(count):
            began = time.monotonic()
            request()
            took.append((time.monotonic() - began) * 1000)
        spent = self._cpu_seconds() - before - self._idle * (time.monotonic() - start)
        return max(spent, 0.0) / count, took

    def _cpu_seconds(self) -> float:
        return cpu_seconds(self._pid)


def cpu_seconds(pid: int) -> float:
    """What the process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS
