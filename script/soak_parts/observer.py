"""Watches Hareline from outside during a run, twice a second: is what `/readyz`, the workers and the queues report true at that moment?"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from script.soak_parts.comparison import newest_change
from script.soak_parts.depth_probe import DepthProbe
from script.soak_parts.stack import Stack

SAMPLE_SECONDS = 0.5
STILL_SECONDS = 12.0
EVERY_PART = frozenset({"database", "migrations", "poller", "receiver", "maintenance", "web", "configuration", "events"})


@dataclass
class Phase:
    """A time in which parts may be not ready, with a reason, and must be so once it has lasted `required_after` seconds."""

    parts: frozenset[str]
    began: float
    grace_seconds: float
    required_after: float | None
    ended: float | None = None


@dataclass
class Seen:
    samples: int = 0
    untrue: int = 0  # samples of /readyz that were not true
    contradictions: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def note(self, kind: str, text: str) -> None:
        self.contradictions[kind] += 1
        if self.contradictions[kind] <= 2:
            self.examples.append(f"{kind}: {text}")


class Observer:
    """`alive()`: the host names of workers that live now. `readyz` is compared with the phases that the run declares."""

    def __init__(self, stack: Stack, vhost: str, probe: DepthProbe, alive: Callable[[], list[str]]) -> None:
        self.seen = Seen()
        self._stack, self._vhost, self._probe, self._alive = stack, vhost, probe, alive
        self._phases: list[Phase] = []
        self._ended = threading.Event()
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(30)

    @contextlib.contextmanager
    def phase(self, *parts: str, grace_seconds: float, required_after: float | None = None) -> Iterator[None]:
        """Inside the block, and for a time after it, these parts may be not ready (none named: any)."""
        phase = Phase(frozenset(parts) or EVERY_PART, time.monotonic(), grace_seconds, required_after)
        self._phases.append(phase)
        try:
            yield
        finally:
            phase.ended = time.monotonic()

    def _run(self) -> None:
        while not self._ended.is_set():
            began = time.monotonic()
            for look in (self._look_at_readiness, self._look_at_workers, self._look_at_depth):
                try:
                    look()
                except Exception as error:  # noqa: BLE001  (an answer of any shape is a finding, not an end of the run)
                    self.seen.note("observer", f"{look.__name__}: {error!r}")
            self._ended.wait(max(0.0, SAMPLE_SECONDS - (time.monotonic() - began)))

    def _look_at_readiness(self) -> None:
        requested_at = time.monotonic()
        status, answer = self._stack.get("/readyz")
        self.seen.samples += 1
        problem = readiness_problem(status, answer, self._phases, requested_at, time.monotonic())
        if problem and self._stands_still():
            self.seen.note("receiver stood still", problem)  # a fault, but a true answer
        elif problem:
            self.seen.untrue += 1
            self.seen.note("readyz", f"{time.monotonic() - self._began:.1f} s: {problem}")

    def _stands_still(self) -> bool:
        """True if the receiver has stored nothing for long, by the rows themselves."""
        stored_at = newest_change(self._stack.database)
        return stored_at is not None and time.time() - stored_at > STILL_SECONDS

    def expect_not_ready(self, why: str) -> None:
        """A sample at once, which must be 503."""
        status, _ = self._stack.get("/readyz")
        self.seen.samples += 1
        if status != 503:
            self.seen.untrue += 1
            self.seen.note("readyz", f"status {status}, though {why}")

    def _look_at_workers(self) -> None:
        status, answer = self._stack.get(f"/api/v1/workers?page_size=500&vhost={quote(self._vhost, safe='')}")
        if status != 200:
            self._note_refusal(status, answer)
            return
        alive = set(self._alive())
        for worker in answer["items"]:
            if worker["hostname"] in alive and worker["state"] == "gone":
                self.seen.note("gone", f"{time.monotonic() - self._began:.1f} s: {worker['hostname']}: {worker['reason']}")

    def _note_refusal(self, status: int, answer: Any) -> None:
        if status or not unreachable_is_meant(self._phases, time.monotonic(), time.monotonic()):
            self.seen.note(f"API {status}", str(answer)[:200])

    def _look_at_depth(self) -> None:
        self._probe.step()
        path = f"/api/v1/queues?vhost={quote(self._vhost, safe='')}&q={self._probe.queue}"
        status, answer = self._stack.get(path)
        if status != 200:
            self._note_refusal(status, answer)
            return
        for queue in answer["items"]:
            at, depth = queue["at"], queue["depth"]
            if queue["name"] == self._probe.queue and at is not None and depth is not None:
                stated = datetime.fromisoformat(at).timestamp()
                if not self._probe.was(depth, stated):
                    self.seen.note("depth", f"{depth} stated for {stated:.1f}, in truth {[span.depth for span in self._probe.since(stated)]}")


def near(phases: list[Phase], requested_at: float, answered_at: float) -> frozenset[str]:
    """The parts that may be not ready between the two moments. Pure."""
    there = [phase for phase in phases if phase.began <= answered_at and (phase.ended is None or requested_at <= phase.ended + phase.grace_seconds)]
    return frozenset(part for phase in there for part in phase.parts)


def unreachable_is_meant(phases: list[Phase], requested_at: float, answered_at: float) -> bool:
    """True while the web process itself may be gone: `web` is never among the parts that an answer names. Pure."""
    return "web" in near(phases, requested_at, answered_at)


def readiness_problem(status: int, answer: Any, phases: list[Phase], requested_at: float, answered_at: float) -> str:
    """Why the answer is not true, "" if it is. Pure."""
    if status == 0 and unreachable_is_meant(phases, requested_at, answered_at):
        return ""
    if status not in (200, 503) or not isinstance(answer, dict):
        return f"status {status}: {str(answer)[:200]}"
    not_ready = {name: part["reason"] for name, part in answer["parts"].items() if not part["ready"]}
    allowed = near(phases, requested_at, answered_at)
    required = [
        phase
        for phase in phases
        if phase.required_after is not None and requested_at >= phase.began + phase.required_after and (phase.ended is None or answered_at < phase.ended)
    ]
    if (status == 200) != (not not_ready):
        return f"status {status} with {not_ready}"
    if not_ready.keys() - allowed:
        return f"not ready without cause: {not_ready}"
    if any(not reason for reason in not_ready.values()):
        return f"no reason: {not_ready}"
    if required and not not_ready.keys() & required[0].parts:
        return f"ready, though {', '.join(sorted(required[0].parts)[:3])} has done nothing for {requested_at - required[0].began:.0f} s"
    return ""
