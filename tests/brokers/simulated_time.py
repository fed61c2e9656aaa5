"""Time that goes on only while every thread sleeps, so that twenty minutes of several processes take a second and always run the same."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from brokers.clock import Clock
from tests.brokers.facts import after


class SimulatedTime(Clock):
    """`run` starts threads, of which one works at a time: the one whose sleep ends first."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._awake = threading.Condition()
        self._sleeping: list[tuple[float, int]] = []
        self._turn = -1
        self._own = threading.local()

    def now(self) -> datetime:
        return after(self._seconds)

    def monotonic(self) -> float:
        return self._seconds

    def sleep(self, seconds: float) -> None:
        with self._awake:
            heapq.heappush(self._sleeping, (self._seconds + seconds, self._own.number))
            self._wake_next()
            self._awake.wait_for(lambda: self._turn == self._own.number)

    def run(self, works: Sequence[Callable[[], object]]) -> None:
        """Returns when all have ended; the first error of one is raised."""
        self._sleeping = [(0.0, number) for number in range(len(works))]
        with ThreadPoolExecutor(len(works)) as threads:
            running = [threads.submit(self._work, number, work) for number, work in enumerate(works)]
            with self._awake:
                self._wake_next()
        for each in running:
            each.result()

    def _work(self, number: int, work: Callable[[], object]) -> None:
        self._own.number = number
        with self._awake:
            self._awake.wait_for(lambda: self._turn == number)
        try:
            work()
        finally:
            with self._awake:
                self._wake_next()

    def _wake_next(self) -> None:
        if self._sleeping:
            self._seconds, self._turn = heapq.heappop(self._sleeping)
            self._awake.notify_all()
