"""Which worker nodes are inspected, in which format, and how often: one that never answers gets fewer and fewer requests. Pure.

A node takes only the content types of its `accept_content`, and logs a traceback for each message of another. So a node that has not answered yet
gets one small request at a time, if it is alive in one format after another, and longer and longer pauses between them; everything else follows
once it answers.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

JSON, YAML, MSGPACK, PICKLE = "application/json", "application/x-yaml", "application/x-msgpack", "application/x-python-serialize"
FORMATS: Mapping[str, str] = {JSON: "JSON", YAML: "YAML", MSGPACK: "msgpack", PICKLE: "pickle"}
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 3.0, 1800.0
HOLDS_SECONDS = 60.0
"""A node that has not answered for so long counts as one that never did."""
MOST_ALONE = 200
"""So many nodes at most are inspected one by one."""


class _Node(msgspec.Struct):
    alive: bool  # its heartbeats arrive: it is not too busy to answer
    content_type: str
    answered_at: float | None = None
    tries: int = 0  # since the last answer
    next_try: float = 0.0
    formats_tried: int = 0


class Audience:
    """Of one virtual host. `content_type`: what the user says that the workers accept; it is tried first."""

    def __init__(self, content_type: str = "") -> None:
        self._formats = tuple(dict.fromkeys((content_type or JSON, *FORMATS)))
        self._nodes: dict[str, _Node] = {}
        self._calls, self._next_call = 0, 0.0

    def expect(self, hostnames: Mapping[str, bool], now: float) -> None:
        """The nodes that have a control queue, as far as known, with whether each is alive. Others are forgotten unless they answer."""
        for hostname in [hostname for hostname, node in self._nodes.items() if hostname not in hostnames and not self._answers(node, now)]:
            del self._nodes[hostname]
        for hostname, alive in hostnames.items():
            node = self._nodes.setdefault(hostname, _Node(alive, self._formats[0]))
            node.alive = alive

    def meet(self, hostname: str) -> None:
        """It has just come online, perhaps with another configuration."""
        self._nodes[hostname] = _Node(True, self._formats[0])

    def answered(self, hostname: str, content_type: str, now: float) -> bool:
        """Whether it is the first answer in a while."""
        node = self._nodes.setdefault(hostname, _Node(True, content_type))
        first = not self._answers(node, now)
        node.content_type, node.answered_at, node.tries, node.formats_tried = content_type, now, 0, 0
        return first

    def probes(self, now: float) -> list[tuple[str | None, str]]:
        """(node, content type) of the requests due now to nodes that do not answer; None: to whoever is there, where no node is known. Each counts as sent."""
        if not self._nodes:
            if now < self._next_call:
                return []
            self._next_call, self._calls = now + _pause(self._calls), self._calls + 1
            return [(None, self._formats[0])]
        found: list[tuple[str | None, str]] = []
        for hostname, node in self._nodes.items():
            if self._answers(node, now) or now < node.next_try:
                continue
            node.next_try, node.tries = now + _pause(node.tries), node.tries + 1
            if node.alive:
                node.content_type = self._formats[node.formats_tried % len(self._formats)]
                node.formats_tried += 1
            found.append((hostname, node.content_type))
        return found

    def answering(self, now: float) -> dict[str, str]:
        """{node: the content type that it answers} of those that answer."""
        return {hostname: node.content_type for hostname, node in self._nodes.items() if self._answers(node, now)}

    def all_answer(self, now: float) -> bool:
        return all(self._answers(node, now) for node in self._nodes.values())

    def slowness(self, now: float) -> float:
        """By how much requests to everybody are to be rarer, where nodes can’t be addressed one by one and some do not answer."""
        tries = max((node.tries for node in self._nodes.values() if not self._answers(node, now)), default=0)
        return float(2 ** min(max(tries - 1, 0), 6))

    def tried(self, hostname: str, now: float) -> list[str]:
        """The formats in which a living node was inspected without an answer; [] while there is reason to wait."""
        node = self._nodes.get(hostname)
        if node is None or self._answers(node, now) or node.formats_tried < len(self._formats):
            return []
        if node.formats_tried == len(self._formats) and now < node.next_try - _pause(node.tries - 1) + FIRST_PAUSE_SECONDS:
            return []  # the last one was tried only now
        return [FORMATS.get(content_type, content_type) for content_type in self._formats]

    @staticmethod
    def _answers(node: _Node, now: float) -> bool:
        return node.answered_at is not None and now - node.answered_at <= HOLDS_SECONDS


def _pause(tries: int) -> float:
    """
    >>> [_pause(tries) for tries in (0, 1, 5, 30)]
    [3.0, 6.0, 96.0, 1800.0]
    """
    return min(FIRST_PAUSE_SECONDS * 2 ** min(tries, 12), LONGEST_PAUSE_SECONDS)
