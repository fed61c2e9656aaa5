"""The faults of `script/soak faults`, each amid the traffic of a run. `seconds` None: as long as the fault is meant to be."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import time
from collections.abc import Callable
from typing import Protocol

from script.rabbitmq_node import RabbitNode
from script.soak_parts import poison
from script.soak_parts.kills import run_problems, until_quiet
from script.soak_parts.observer import Observer
from script.soak_parts.proxy import Proxy
from script.soak_parts.run import Run
from script.soak_parts.stack import Stack

NOTICE_SECONDS = 25.0  # within which a process that does nothing must be noticed


class Amid(Protocol):
    """What a fault needs of a run, whatever works in it."""

    node: RabbitNode
    proxy: Proxy
    stack: Stack
    observer: Observer
    rng: random.Random
    return_seconds: float  # at most, until a part that came back is seen again
    back_seconds: float  # at most, until everything is as before a fault


def cut(run: Amid, seconds: float | None = None) -> None:
    """The AMQP connections are reset fifty times, at any moment of a round; every other time acknowledgements get stuck first, and are lost."""
    seconds = 75.0 if seconds is None else seconds
    cuts = max(3, min(50, round(seconds / 1.5)))
    for number in range(cuts):
        wait = run.rng.uniform(0.6, 1.4) * seconds / cuts
        time.sleep(wait / 2)
        with run.proxy.holding_upstream() if number % 2 else contextlib.nullcontext():
            time.sleep(wait / 2)
            run.proxy.cut()


def stopped(run: Amid, seconds: float | None = None) -> None:
    """The receiver gets no time from the machine (SIGSTOP); the broker keeps its events."""
    with run.observer.phase("receiver", grace_seconds=run.return_seconds, required_after=NOTICE_SECONDS), run.stack.paused("receiver"):
        time.sleep(40.0 if seconds is None else seconds)


def web_stopped(run: Run, seconds: float | None = None) -> None:
    """The web process gets no time: no page answers, and nothing of that reaches the other processes. All pages are back by themselves."""
    with run.observer.phase("web", grace_seconds=run.return_seconds), run.stack.paused("web"):
        time.sleep(40.0 if seconds is None else seconds)
    until_quiet(lambda: run_problems(run), run)


def maintenance_stopped(run: Amid, seconds: float | None = None) -> None:
    """The maintenance process gets no time; nothing else waits for it."""
    with run.observer.phase("maintenance", grace_seconds=run.return_seconds, required_after=NOTICE_SECONDS), run.stack.paused("maintenance"):
        time.sleep(40.0 if seconds is None else seconds)


def killed(run: Amid, seconds: float | None = None) -> None:
    """The receiver is killed (SIGKILL) and started again later; what it stored last was not acknowledged yet."""
    with run.observer.phase("receiver", grace_seconds=run.return_seconds, required_after=NOTICE_SECONDS):
        with run.proxy.holding_upstream():
            time.sleep(0.8)
            run.stack.kill("receiver")
            run.proxy.cut()
        time.sleep(40.0 if seconds is None else seconds)
        run.stack.start_process("receiver")


def killed_often(run: Amid, seconds: float | None = None) -> None:
    """The receiver is killed again and again, and started at once, as the supervisor would; what it stored last was not acknowledged yet."""
    seconds = 60.0 if seconds is None else seconds
    ends = time.monotonic() + seconds
    with run.observer.phase("receiver", grace_seconds=run.return_seconds):
        while time.monotonic() < ends:
            time.sleep(run.rng.uniform(0.2, 0.7) * min(seconds, 6.0))
            with run.proxy.holding_upstream():
                time.sleep(run.rng.uniform(0.0, 1.2))
                run.stack.kill("receiver")
                run.proxy.cut()
            run.stack.start_process("receiver")


def two_receivers(run: Amid, seconds: float | None = None) -> None:
    """The receiver gets no time for longer than its lease lasts, another one takes over, and then it goes on where it was, with messages that it took."""
    with run.observer.phase("receiver", "events", grace_seconds=run.return_seconds):
        with run.stack.paused("receiver"):
            run.stack.start_process("receiver", "second-receiver")
            time.sleep(30.0 if seconds is None else max(seconds, 20.0))
        time.sleep(5.0)
    if "superseded" not in run.stack.log_file("receiver").read_text(errors="replace"):
        run.observer.seen.note("not superseded", "the receiver that was paused went on beside the other")


def locked(run: Amid, seconds: float | None = None) -> None:
    """Another program holds the database's write lock."""
    other = contextlib.closing(sqlite3.connect(run.stack.database, isolation_level=None, timeout=20))
    with run.observer.phase(grace_seconds=run.return_seconds + 10, required_after=NOTICE_SECONDS + 10), other as connection:
        connection.execute("BEGIN IMMEDIATE")
        time.sleep(60.0 if seconds is None else seconds)
        connection.execute("ROLLBACK")


def broker(run: Amid, seconds: float | None = None) -> None:
    """The broker is stopped in good order and started again. It is no fault of ours, so Hareline stays ready."""
    seconds = 15.0 if seconds is None else seconds
    run.node.stop()
    time.sleep(seconds)
    run.node.start(keep_ports=True)
    time.sleep(min(seconds, 10.0))


def poisoned(run: Run, seconds: float | None = None) -> None:
    """Everything odd that was ever seen, several times, amid the traffic."""
    seconds = 40.0 if seconds is None else seconds
    rounds = max(2, round(seconds / 5))
    slandered = run.fleet.hostnames[:2]
    run.slandered.update(slandered)
    for number in range(rounds):
        run.pending = [*run.pending, *poison.bodies(f"{run.name}{number % 2}", time.time(), slandered, run.rng)]
        time.sleep(seconds / rounds)


def crowd(run: Run, seconds: float | None = None) -> None:
    """As many worker names as somebody makes who puts a uuid into each: a hundred thousand in a minute."""
    seconds = 60.0 if seconds is None else seconds
    steps = max(1, round(seconds))
    for step in range(steps):
        run.pending = [*run.pending, *poison.names(run.name, step * 1700, 1700, time.time())]
        time.sleep(seconds / steps)
        began = time.monotonic()
        status, _ = run.stack.get("/api/v1/workers?page_size=100", 60)
        if status != 200 or time.monotonic() - began > 5:
            run.observer.seen.note("slow workers", f"status {status} after {time.monotonic() - began:.1f} s")


FAULTS: dict[str, Callable[[Run, float | None], None]] = {
    "cut": cut,
    "stopped": stopped,
    "web-stopped": web_stopped,
    "maintenance-stopped": maintenance_stopped,
    "killed": killed,
    "killed-often": killed_often,
    "two-receivers": two_receivers,
    "locked": locked,
    "broker": broker,
    "poison": poisoned,
    "crowd": crowd,
}


def interrupted(run: Amid, seconds: float | None = None) -> None:
    """Cuts, kills and a lock, one after another: for runs of real workers."""
    seconds = 60.0 if seconds is None else seconds
    cut(run, seconds / 3)
    killed(run, seconds / 3)
    locked(run, seconds / 3)


CELERY_FAULTS: dict[str, Callable[[Amid, float | None], None]] = {"celery": interrupted, "celery-broker": broker}
"""With real Celery workers. Celery sends events as transient messages: a broker that restarts may lose some, which nobody can mend."""
MAY_LOSE_EVENTS = frozenset({"celery-broker"})
