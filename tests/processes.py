"""Several processes for one run: one imports and collects everything, then forks the others, which run a unit of tests each until none is left.

Collected in each process, thousands of tests cost it as much processor time as a tenth of them does to run. What a process changes for itself
(its data directory and database) is in tests/settings.py.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import tempfile
import threading
from collections.abc import Sequence
from itertools import pairwise
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from tests import settings
from tests.scheduling import units

Unit = list[pytest.Item]
SHORTEST_SECONDS = 0.005
"""What lasts less is in no list of durations."""


def add_option(parser: pytest.Parser) -> None:
    # pytest keeps short options for itself and its plugins, of which this is one
    parser.getgroup("processes")._addoption("-n", dest="processes", type=int, default=0, metavar="NUMBER", help="Run in so many processes.")


def wanted(config: pytest.Config) -> int:
    """How many processes the run takes; 0: only this one."""
    return 0 if config.option.collectonly or config.option.usepdb else int(config.option.processes)


def run(session: pytest.Session) -> None:
    """Runs what was collected, as `pytest_runtestloop` does. Nothing but this thread may run here: a fork would leave the locks of the others locked."""
    assert threading.active_count() == 1, threading.enumerate()
    connections.close_all()
    given = units(session.items)
    capture = session.config.pluginmanager.getplugin("capturemanager")
    if capture:
        capture.stop_global_capturing()  # its files would be those of all processes
    processes = Processes(session, given)
    try:
        for number in range(min(wanted(session.config), len(given))):
            processes.start(number)
        processes.follow()
    finally:
        processes.end()
        if capture:
            capture.start_global_capturing()
    if session.shouldfail:
        raise session.Failed(session.shouldfail)
    if session.shouldstop:
        raise session.Interrupted(session.shouldstop)


class Processes:
    """Those that run tests, as the one that collected them sees them: it gives them units and reports their results."""

    def __init__(self, session: pytest.Session, given: Sequence[Unit]) -> None:
        self._session, self._units = session, given
        self._left = iter(range(len(given)))
        self._running: dict[Any, ForkProcess] = {}
        self._begun: dict[Connection, pytest.Item] = {}
        self._finished: set[Connection] = set()

    def start(self, number: int) -> None:
        ours, theirs = multiprocessing.Pipe()
        # It leaves by os._exit(): what this one does at its end is done once
        process = ForkProcess(target=_work, args=(self._session, self._units, theirs, [*self._running, ours]), name=f"tests-{number}")
        process.start()
        theirs.close()
        self._running[ours] = process

    def follow(self) -> None:
        """Returns when all of them have ended, or soon after a failure where the run is to stop at one."""
        open_pipes = list(self._running)
        while open_pipes and not (self._session.shouldfail or self._session.shouldstop):
            for pipe in wait(open_pipes):
                try:
                    self._take(pipe, *pipe.recv())
                except (EOFError, OSError):
                    open_pipes.remove(pipe)
                    self._note_end(pipe)

    def _take(self, pipe: Connection, kind: str, content: Any) -> None:
        hook = self._session.config.hook
        match kind:
            case "next":
                pipe.send(next(self._left, None))
            case "begins":
                self._begun[pipe] = self._units[content[0]][content[1]]
            case "done":
                del self._begun[pipe]
            case "finished":
                self._finished.add(pipe)
            case "report":
                hook.pytest_runtest_logreport(report=hook.pytest_report_from_serializable(config=self._session.config, data=content))

    def _note_end(self, pipe: Connection) -> None:
        """A process that ends before it has finished fails its test, or else the run."""
        self._running[pipe].join()
        what = f"a process of the run ended with status {self._running[pipe].exitcode}"
        if item := self._begun.pop(pipe, None):
            report = pytest.TestReport(item.nodeid, item.location, {}, "failed", f"{what} in this test, and ran no other", "call", sections=[])
            self._session.config.hook.pytest_runtest_logreport(report=report)
        elif pipe not in self._finished:
            self._session.shouldfail = f"{what} between two tests"

    def end(self) -> None:
        """Each finishes the test that it runs, with its fixtures."""
        for pipe in self._running:
            pipe.close()
        for process in self._running.values():
            process.join()


class Results:
    """A plugin of a process that runs tests: sends what it reports."""

    def __init__(self, config: pytest.Config, pipe: Connection) -> None:
        self._config, self._pipe = config, pipe

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.passed and report.when != "call" and report.duration < SHORTEST_SECONDS and not report.sections:
            return  # nothing is counted or shown of it, and two of three reports are such
        self.send("report", self._config.hook.pytest_report_to_serializable(config=self._config, report=report))

    def send(self, kind: str, content: Any = None) -> None:
        with contextlib.suppress(BrokenPipeError):  # the run is over
            self._pipe.send((kind, content))

    def over(self) -> bool:
        """True once the process that collected the tests reads no more results."""
        return self._pipe.poll()


def _work(session: pytest.Session, given: Sequence[Unit], pipe: Connection, of_others: Sequence[Connection]) -> None:
    """The whole life of a process that runs tests."""
    for other in of_others:
        other.close()  # else an end of the collecting process would not be seen
    config = session.config
    plugins = config.pluginmanager
    plugins.unregister(name="terminalreporter")
    results = Results(config, pipe)
    plugins.register(results)
    config.workerinput = {"workerid": multiprocessing.current_process().name}  # type: ignore[attr-defined]  # plugins then leave their files to the other process
    if capture := plugins.getplugin("capturemanager"):
        capture.start_global_capturing()
    with tempfile.TemporaryDirectory(prefix="hareline-tests-", ignore_cleanup_errors=True) as directory:
        settings.move_to(Path(directory))
        try:
            _run_items(session, given, pipe, results)
        finally:
            config.hook.pytest_sessionfinish(session=session, exitstatus=0)
            connections.close_all()
    results.send("finished")


def _run_items(session: pytest.Session, given: Sequence[Unit], pipe: Connection, results: Results) -> None:
    with contextlib.suppress(KeyboardInterrupt, EOFError, OSError):  # the two last: nobody gives it units any more
        while (number := _next_unit(pipe, results)) is not None:
            # After the last of a unit the fixtures of the session stay, and those of modules and packages end
            for index, (item, following) in enumerate(pairwise([*given[number], session])):
                results.send("begins", (number, index))
                session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                results.send("done")
                if results.over():
                    return


def _next_unit(pipe: Connection, results: Results) -> int | None:
    results.send("next")
    number: int | None = pipe.recv()
    return number
