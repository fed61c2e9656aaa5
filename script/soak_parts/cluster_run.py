"""Queues of a cluster through the loss and return of either node, and an alarm: what Hareline shows is compared with what is in them and what the nodes list.

The queues are filled at the beginning and then left alone, so each one's true depth is known at every moment.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote

from script.soak_parts.cluster import Cluster, Member

VHOST = "/"
STEP_SECONDS = 60.0  # at most, until a change is seen
LEVELS_OF_LOST = frozenset({"critical", "unknown"})


@dataclass(frozen=True)
class ShownQueue:
    """A row of a queue as Hareline has it. `level` is a word of `dashboard.layout.levels`."""

    name: str
    depth: int | None
    level: str
    reason: str
    deleted: bool = False


class Shown(Protocol):
    """Where Hareline shows what it has: the tables, or its API."""

    def queues(self) -> Sequence[ShownQueue]: ...
    def alarms(self) -> Sequence[str]: ...


@dataclass(frozen=True)
class Planted:
    name: str
    kind: str
    node: int  # where it was declared
    depth: int


QUEUES = (Planted("first", "classic", 0, 5), Planted("second", "classic", 1, 7), Planted("both", "quorum", 0, 3))


@dataclass
class Report:
    """`faults` are sentences; none for a clean run."""

    looks: int = 0
    steps: dict[str, float] = field(default_factory=dict)  # seconds until each was seen
    faults: list[str] = field(default_factory=list)

    def fault(self, text: str) -> None:
        if text not in self.faults:
            self.faults.append(text)


class ClusterRun:
    def __init__(self, cluster: Cluster, shown: Shown, look_seconds: float, note: Callable[[str], object] = str) -> None:
        """`note` is given each step that was seen."""
        self.cluster, self.shown, self.look_seconds, self._note = cluster, shown, look_seconds, note
        self.report = Report()

    def plant(self) -> None:
        """Declares and fills the queues."""
        for queue in QUEUES:
            node = self.cluster.nodes[queue.node]
            node.api("PUT", f"queues/{quote(VHOST, safe='')}/{queue.name}", {"durable": True, "arguments": {"x-queue-type": queue.kind}})
            body = {"properties": {"delivery_mode": 2}, "routing_key": queue.name, "payload": "x", "payload_encoding": "string"}
            for _ in range(queue.depth):
                node.api("POST", f"exchanges/{quote(VHOST, safe='')}/amq.default/publish", body)

    def lose(self, number: int, lose: Callable[[Member], None], bring_back: Callable[[Member], None], away_seconds: float = 0.0) -> None:
        """Loses a node, and has it back; what only that node has is said to be lost meanwhile."""
        node, other = self.cluster.nodes[number], self.cluster.nodes[1 - number]
        lost = {queue.name for queue in QUEUES if queue.kind == "quorum" or queue.node == number}
        lose(node)
        self.until(f"n{number + 1} lost", lambda rows: all((rows[name].level in LEVELS_OF_LOST) is (name in lost) for name in rows), other)
        self.for_a_while(away_seconds, other)
        bring_back(node)
        self.until(f"n{number + 1} back", self._is_whole, other)

    def alarm(self, number: int) -> None:
        """Raises a memory alarm of a node and clears it."""
        node = self.cluster.nodes[number]
        for on, step in ((True, "alarm raised"), (False, "alarm cleared")):
            node.alarm(on)
            self.until(step, lambda _: (node.name in self.shown.alarms()) is on, node)  # noqa: B023  (called before the next round)

    def whole(self, step: str) -> None:
        self.until(step, self._is_whole, self.cluster.nodes[0])

    def until(self, step: str, seen: Callable[[dict[str, ShownQueue]], bool], living: Member) -> None:
        """Looks until `seen` says so of the rows by name."""
        began = time.monotonic()
        while not seen(rows := self.look(step, living)) or len(rows) < len(QUEUES):
            if time.monotonic() - began > STEP_SECONDS:
                self.report.fault(f"{step}: not seen within {STEP_SECONDS:g} s; shown: {rows}")
                break
            time.sleep(self.look_seconds)
        self.report.steps[step] = round(time.monotonic() - began, 1)
        self._note(f"{step} after {self.report.steps[step]:g} s, {self.report.looks} comparisons, {len(self.report.faults)} faults")

    def for_a_while(self, seconds: float, living: Member) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.look("away", living)
            time.sleep(self.look_seconds)

    def look(self, step: str, living: Member) -> dict[str, ShownQueue]:
        """The rows by name, after comparing them with the truth: each queue once, none deleted, its depth right or unknown."""
        listed = living.list_queues(VHOST)
        shown = [row for row in self.shown.queues() if row.name in {queue.name for queue in QUEUES}]
        names = [row.name for row in shown]
        self.report.looks += 1
        for queue in QUEUES:
            if queue.name in listed and names.count(queue.name) != 1 and self.report.steps:
                self.report.fault(f"{step}: {queue.name} is shown {names.count(queue.name)} times, and the broker lists it")
        for row in shown:
            true = next(queue.depth for queue in QUEUES if queue.name == row.name)
            if row.deleted:
                self.report.fault(f"{step}: {row.name} is said to be deleted")
            if row.depth not in (true, None) and self.report.steps:
                self.report.fault(f"{step}: {row.name} is said to hold {row.depth}, and holds {true}")
        return {row.name: row for row in shown}

    @staticmethod
    def _is_whole(rows: dict[str, ShownQueue]) -> bool:
        return all(rows[queue.name].depth == queue.depth and rows[queue.name].level not in LEVELS_OF_LOST for queue in QUEUES if queue.name in rows)
