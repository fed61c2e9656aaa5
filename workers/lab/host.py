"""The process of one experiment: reads orders from its standard input, a JSON line each, and forks a worker node or the publisher for what they name.

Celery is imported once here, so that a node costs a fork. The reports of all go to its standard output. Its input ends with the process that started
it: then all of them are killed.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
import time
from collections.abc import Callable
from typing import NoReturn

import celery.apps.worker
import celery.concurrency.prefork
import celery.worker.consumer
import msgspec
from celery.backends import rpc
from kombu.transport import pyamqp

from workers.lab import node, orders, source_address
from workers.lab.orders import Order
from workers.lab.place import Place
from workers.lab.plan import NodePlan, Plan
from workers.lab.publisher import Publisher
from workers.lab.reports import PUBLISHER, Kind, Report, line

PRELOADED = (celery.apps.worker, celery.concurrency.prefork, celery.worker.consumer, rpc, pyamqp, source_address)
END_SECONDS, AGAIN_SECONDS, LOOK_SECONDS = 8.0, 2.0, 0.2
REPORTS = 1


class Host:
    def __init__(self) -> None:
        self._place = Place("", "")
        self._plan: Plan | None = None
        self._nodes: dict[str, tuple[int, NodePlan]] = {}
        self._later: dict[str, float] = {}  # nodes that ended by themselves, and when they are started again
        self._publisher: int | None = None
        self._orders: int | None = None  # the pipe to the publisher
        self._life, self._alive = os.pipe()  # ends in every child when this process is gone

    def run(self) -> NoReturn:
        """Until the input ends: then it kills all of its group, itself too."""
        buffered = b""
        while True:
            readable, _, _ = select.select([0], [], [], LOOK_SECONDS)
            self._look_after()
            if not readable:
                continue
            part = os.read(0, 65536)
            if not part:
                os.killpg(0, signal.SIGKILL)
            *lines, buffered = (buffered + part).split(b"\n")
            for text in lines:
                self._carry_out(msgspec.json.decode(text, type=Order))

    def _carry_out(self, order: Order) -> None:
        if order.place is not None:
            self._place = order.place
        if order.plan is not None:
            self._stop_publisher()
            self._change(order.plan)
        if order.publish is not None:
            self._stop_publisher()
            self._start_publisher(order.publish)
        if order.pause is not None and self._orders is not None:
            with contextlib.suppress(BrokenPipeError):
                os.write(self._orders, orders.line(orders.Pause(order.pause)))

    def _change(self, plan: Plan) -> None:
        wanted = {one.name: one for one in plan.nodes}
        self._plan, self._later = plan, {}
        self._stop([name for name, (_, known) in self._nodes.items() if wanted.get(name) != known])
        for name, one in wanted.items():
            if name not in self._nodes:
                self._start(one)

    def _start(self, plan: NodePlan) -> None:
        self._nodes[plan.name] = (self._forked(plan.name, lambda: node.run(self._place, plan, REPORTS)), plan)

    def _start_publisher(self, round_number: int) -> None:
        if self._plan is None:
            return
        plan, (reading, self._orders) = self._plan.publisher, os.pipe()
        self._publisher = self._forked(PUBLISHER, lambda: Publisher(self._place, plan, round_number, REPORTS, reading).run())
        os.close(reading)

    def _stop_publisher(self) -> None:
        if self._publisher is not None:
            _end(self._publisher, signal.SIGKILL)
            os.waitpid(self._publisher, 0)
        if self._orders is not None:
            os.close(self._orders)
        self._publisher = self._orders = None

    def _stop(self, names: list[str]) -> None:
        """Ends these nodes in good order, and those that don't end by force."""
        pids = {name: self._nodes.pop(name)[0] for name in names}
        for pid in pids.values():
            _end(pid, signal.SIGTERM)
        deadline = time.monotonic() + END_SECONDS
        for name, pid in pids.items():
            while not _has_ended(pid):
                if time.monotonic() > deadline:
                    _end(pid, signal.SIGKILL)
                time.sleep(0.02)
            _report("left", name)

    def _look_after(self) -> None:
        """Starts a node again that ended by itself, after a pause. A publisher is not: measuring begins anew with the next one, which is ordered."""
        if self._publisher is not None and _has_ended(self._publisher):
            self._publisher = None
            self._stop_publisher()
            _report("left", PUBLISHER, "It ended by itself.")
        for name, (pid, plan) in list(self._nodes.items()):
            if name not in self._later and _has_ended(pid):
                _report("left", name, "It ended by itself, and is started again.")
                self._later[name] = time.monotonic() + AGAIN_SECONDS
            elif self._later.get(name, time.monotonic() + 1) <= time.monotonic():
                del self._later[name]
                self._start(plan)

    def _forked(self, name: str, work: Callable[[], NoReturn]) -> int:
        """The pid of a child that does the work."""
        if pid := os.fork():
            return pid
        try:
            os.close(self._alive)
            if self._orders is not None:
                os.close(self._orders)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            threading.Thread(target=_end_with_host, args=(self._life,), daemon=True).start()
            work()
        except BaseException as error:
            _report("failed", name, f"{type(error).__name__}: {error}"[:300])
            raise
        finally:
            os._exit(1)


def _end_with_host(life: int) -> None:
    os.read(life, 1)
    os.killpg(0, signal.SIGKILL)


def _end(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _has_ended(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def _report(kind: Kind, name: str, text: str = "") -> None:
    os.write(REPORTS, line(Report(kind, time.time(), name, text=text)))


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; whoever started it decides
    Host().run()
