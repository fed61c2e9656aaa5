"""One task's true life on workers with clocks of their own, and the events that it sends: an oracle that knows nothing of our code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from workers.receiving.events import Event

NOON = 1795435200.0
CLOCK_ERROR = 2.0
"""By how many seconds at most a worker's skew is measured wrongly in these lives."""
ENDS = {"succeeded": "SUCCESS", "failed": "FAILURE", "revoked": "REVOKED", "rejected": "REJECTED"}


@dataclass
class Node:
    """A worker node. `fast`: by how many seconds its clock is ahead of the true time."""

    name: str
    fast: float
    pid: int
    clock: int = 1


@dataclass
class Life:
    """What happened, in true order. `truth`, `worker`, `received_at` and `started_at` are those of the end that counts, or of now."""

    events: list[Event] = field(default_factory=list)
    true_at: list[float] = field(default_factory=list)
    ahead: list[float] = field(default_factory=list)  # of the sender, as measured at that moment
    truth: str = "PENDING"
    worker: str | None = None
    holder: str | None = None  # who has the task in the end
    doing: str = ""  # what that one does with it: RECEIVED or STARTED
    received_at: float | None = None
    started_at: float | None = None
    last_started_at: float | None = None  # of any delivery so far
    restarted_in_place: bool = False  # with the same pid, as in a container

    @property
    def final(self) -> bool:
        return self.truth in ("SUCCESS", "FAILURE", "REVOKED")


STEPS = ("received", "started", "retried", *ENDS)


@st.composite
def lives(draw: st.DrawFn) -> Life:
    """Up to four deliveries to up to three workers, some redelivered after a worker was killed, or after the task's end."""
    life, now = Life(), 0.0
    clocks = st.floats(-3600, 3600).map(lambda seconds: round(seconds, 3))
    containers = draw(st.booleans())
    nodes = [Node(f"w{number}@h{number}", draw(clocks), 1 if containers else 100 + number, draw(st.integers(1, 9000))) for number in range(3)]
    _add(life, draw, Node("gen1@web", draw(clocks), 7), "sent", now, retries=0, args="(0,)")
    tries, fresh, last = 0, True, None
    for number in range(draw(st.integers(0, 4))):
        node = draw(st.sampled_from(nodes))
        now += draw(st.floats(0.001, 20)) if fresh or node is last else draw(st.floats(2 * CLOCK_ERROR + 0.1, 60))  # nothing but time orders a redelivery
        if not fresh and draw(st.booleans()):
            life.restarted_in_place |= containers
            _restart(node, containers)
            now += 2
        until = draw(st.sampled_from(STEPS))
        now = _deliver(life, draw, node, now, until, {"retries": tries, "args": f"({number},)"})
        last, fresh = node, until == "retried"
        tries += until == "retried"
        if until == "retried":
            _add(life, draw, Node(f"gen{number + 2}@web", draw(clocks), 7), "sent", now, retries=tries, args=f"({number},)")
    return life


def _restart(node: Node, containers: bool) -> None:
    node.clock = 1
    if not containers:
        node.pid += 1


def _deliver(life: Life, draw: st.DrawFn, node: Node, now: float, until: str, carried: dict[str, Any]) -> float:
    """One delivery, as far as it goes; a worker that is killed leaves it at that. When it was over."""
    received_at, started_at = now, None
    _add(life, draw, node, "received", now, name="shop.pay", **carried)
    _decide(life, "RECEIVED", node, received_at, started_at)
    if until != "received" and (until != "revoked" or draw(st.booleans())):
        now += draw(st.floats(0, 5))
        started_at = now
        _add(life, draw, node, "started", now)
        _decide(life, "STARTED", node, received_at, started_at)
    if until not in ("received", "started"):
        now += draw(st.floats(0, 5))
        _add(life, draw, node, until, now, exception=f"E{carried}", result=f"{carried}")
        _decide(life, {**ENDS, "retried": "RETRY"}[until], node, received_at, started_at)
    return now


def _decide(life: Life, state: str, node: Node, received_at: float, started_at: float | None) -> None:
    """What ended a task is final but for another end; a message that was rejected may come again."""
    life.holder, life.doing = (node.name, state) if state in ("RECEIVED", "STARTED") else (None, "")
    life.last_started_at = started_at or life.last_started_at
    if life.final and (state not in ENDS.values() or (state == "REJECTED" and life.truth != "FAILURE")):
        return
    life.truth, life.worker, life.received_at, life.started_at = state, node.name, received_at, life.last_started_at


def _add(life: Life, draw: st.DrawFn, node: Node, kind: str, now: float, **fields: Any) -> None:
    node.clock += draw(st.integers(1, 3))
    event = Event(f"task-{kind}", node.name, NOON + now + node.fast, pid=node.pid, clock=node.clock, uuid="t1", **fields)
    life.events.append(event)
    life.true_at.append(NOON + now)
    life.ahead.append(node.fast + draw(st.floats(-CLOCK_ERROR, CLOCK_ERROR)))
