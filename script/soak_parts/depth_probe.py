"""A queue whose depth we make ourselves, so that its true depth at every moment is known."""

from __future__ import annotations

import time
from dataclasses import dataclass
from urllib.parse import quote

from script.rabbitmq_node import RabbitNode

STEP_SECONDS = 1.0
LATE_SECONDS = 5.0  # the broker's own statistics tick and are kept for a while, so a value may be as old as this at the stated moment


@dataclass
class Span:
    """From `began` to `ended` (None: still) the depth was `depth`; None where it isn't certain."""

    began: float
    depth: int | None
    ended: float | None = None

    @property
    def lasted(self) -> float:
        return (self.ended or time.time()) - self.began


class DepthProbe:
    def __init__(self, node: RabbitNode, vhost: str, queue: str = "probe") -> None:
        self.queue = queue
        self._node, self._vhost = node, quote(vhost, safe="")
        self._spans = [Span(0.0, None)]  # nobody knows what it held before
        self._next = 0.0
        self._uncertain = False

    def set_uncertain(self) -> None:
        """The broker was killed: it may have lost what it took last, as publishing here waits for no confirm. From any thread."""
        self._uncertain = True

    def declare(self) -> None:
        self._node.api("PUT", f"queues/{self._vhost}/{self.queue}", {"durable": True})

    def step(self) -> None:
        """One more message, once a second; after a failure the queue is emptied, as nobody knows what it held."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + STEP_SECONDS
        began, depth = time.time(), None if self._uncertain else self._spans[-1].depth
        self._uncertain = False
        self._begin(began, None)
        try:
            if depth is None:
                self._node.api("DELETE", f"queues/{self._vhost}/{self.queue}/contents", timeout_seconds=3)
                self._begin(time.time(), 0)
            else:
                body = {"properties": {"delivery_mode": 2}, "routing_key": self.queue, "payload": "x", "payload_encoding": "string"}
                self._node.api("POST", f"exchanges/{self._vhost}/amq.default/publish", body, timeout_seconds=3)
                self._begin(time.time(), depth + 1)
        except (OSError, ValueError):
            pass  # the depth stays uncertain

    def _begin(self, at: float, depth: int | None) -> None:
        self._spans[-1].ended = at
        self._spans.append(Span(at, depth))

    def since(self, stated_at: float) -> list[Span]:
        """What the queue held from shortly before that moment on."""
        return [span for span in self._spans if (span.ended or time.time()) >= stated_at - LATE_SECONDS]

    def was(self, depth: int, stated_at: float) -> bool:
        """False if the value is certainly older than stated. It may be newer: a poll that takes long is stated for its beginning."""
        found = self.since(stated_at)
        uncertain = any(span.depth is None and span.lasted > STEP_SECONDS / 2 and span.began <= stated_at + 1 for span in found)
        return uncertain or any(span.depth == depth for span in found)
