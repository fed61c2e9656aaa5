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
PROBE = "ping"
"""Its answer can be written in every format; YAML has none for `stats`."""
MOST_MISSED = 3
MOST_SLOWNESS = 3.0
HOLDS_SECONDS = 60.0
"""A node that has not answered for so long counts as one that never did."""
SET_CONTENT_TYPE = "Name it as content_type in HARELINE_CELERY_<NAME>"
MOST_ALONE = 200
"""So many nodes at most are inspected one by one."""


class _Node(msgspec.Struct):
    alive: bool  # its heartbeats arrive: it is not too busy to answer
    content_type: str
    answered_at: float | None = None
    tries: int = 0  # since the last answer
    unanswered: dict[str, int] = msgspec.field(default_factory=dict)  # by command, since it answered that one
    not_before: dict[str, float] = msgspec.field(default_factory=dict)
    next_try: float = 0.0
    formats_tried: int = 0


class Audience:
    """Of one virtual host. `content_type`: the type that the user configured for its workers; it is tried first."""

    def __init__(self, content_type: str = "") -> None:
        self._formats = tuple(dict.fromkeys((content_type or JSON, *FORMATS)))
        self._nodes: dict[str, _Node] = {}
        self._calls, self._next_call = 0, 0.0
        self.nobody_is_there = False
        """No node has a control queue: a request to everybody would reach no queue."""

    def expect(self, hostnames: Mapping[str, bool], now: float, all_known: bool = False) -> None:
        """The nodes that have a control queue, with whether each is alive; `all_known`: the broker showed all. Others are forgotten unless they answer."""
        self.nobody_is_there = all_known and not hostnames
        for hostname in [hostname for hostname, node in self._nodes.items() if hostname not in hostnames and not self._answers(node, now)]:
            del self._nodes[hostname]
        for hostname, alive in hostnames.items():
            node = self._nodes.setdefault(hostname, _Node(alive, self._formats[0]))
            node.alive = alive

    def meet(self, hostname: str, now: float) -> None:
        """It has just come online, perhaps with another configuration."""
        self.nobody_is_there = False
        node = self._nodes.get(hostname)
        if node is None or node.tries != 1 or now >= node.next_try:  # else its first request has just been sent
            self._nodes[hostname] = _Node(True, self._formats[0])

    def answered(self, hostname: str, content_type: str, now: float, command: str = PROBE) -> bool:
        """Whether it is the first answer in a while."""
        self.nobody_is_there = False
        node = self._nodes.setdefault(hostname, _Node(True, content_type))
        first = not self._answers(node, now)
        if first:
            node.unanswered.clear()
        node.unanswered.pop(command, None)
        node.content_type, node.answered_at, node.tries, node.formats_tried = content_type, now, 0, 0
        return first

    def probes(self, now: float) -> list[tuple[str | None, str]]:
        """(node, content type) of the requests due now to nodes that do not answer; None: to whoever is there, where no node is known. Each counts as sent."""
        if not self._nodes:
            if now < self._next_call or self.nobody_is_there:
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

    def is_due(self, hostname: str, command: str, now: float) -> bool:
        """Whether a node that answers may get this command now. One that it never answers is due less and less often."""
        node = self._nodes[hostname]
        return node.unanswered.get(command, 0) < MOST_MISSED or now >= node.not_before.get(command, 0.0)

    def note_sent(self, hostname: str, command: str, now: float) -> None:
        """A node that answers was sent this command."""
        node = self._nodes[hostname]
        missed = node.unanswered.get(command, 0)
        node.unanswered[command] = missed + 1
        node.not_before[command] = now + min(HOLDS_SECONDS * 2.0 ** min(max(missed - MOST_MISSED, 0), 12), LONGEST_PAUSE_SECONDS)

    def refused(self, hostname: str) -> list[str]:
        """The commands that a node which answers others does not answer."""
        node = self._nodes.get(hostname)
        unanswered = {} if node is None else node.unanswered.copy()  # whole at once: `trouble` is called from another thread
        return sorted(command for command, missed in unanswered.items() if missed >= MOST_MISSED)

    def all_answer(self, now: float) -> bool:
        """Whether all nodes answer all commands."""
        return all(self._answers(node, now) and not self.refused(hostname) for hostname, node in self._nodes.items())

    def slowness(self, now: float) -> float:
        """By how much requests to everybody are to be rarer, where nodes can’t be addressed one by one and living ones do not answer. Not by more than
        answers hold: those of all others would be old."""
        mute = any(node.alive and node.tries > 1 and not self._answers(node, now) for node in self._nodes.values())
        return MOST_SLOWNESS if mute else 1.0

    def trouble(self, hostname: str, now: float) -> str:
        """Why a living node does not answer at all, or not everything, as a clause; "" if it does, or while there is reason to wait."""
        node = self._nodes.get(hostname)
        if node is None:
            return ""
        if self._answers(node, now):
            refused = self.refused(hostname)
            return f"it answers, but not {' and '.join(refused)}: perhaps {_name(node.content_type)} has no form for that answer" if refused else ""
        tried = node.formats_tried
        if tried < len(self._formats) or (tried == len(self._formats) and now < node.next_try - _pause(node.tries - 1) + FIRST_PAUSE_SECONDS):
            return ""  # not all, or the last one only now
        names = [_name(content_type) for content_type in self._formats]
        listed = f"{', '.join(names[:-1])} and {names[-1]}"
        return f"it has never answered remote control, in {listed}: its accept_content may hold another type alone. {SET_CONTENT_TYPE}"

    @staticmethod
    def _answers(node: _Node, now: float) -> bool:
        return node.answered_at is not None and now - node.answered_at <= HOLDS_SECONDS


def _name(content_type: str) -> str:
    return FORMATS.get(content_type, content_type)


def _pause(tries: int) -> float:
    """
    >>> [_pause(tries) for tries in (0, 1, 5, 30)]
    [3.0, 6.0, 96.0, 1800.0]
    """
    return min(FIRST_PAUSE_SECONDS * 2 ** min(tries, 12), LONGEST_PAUSE_SECONDS)
