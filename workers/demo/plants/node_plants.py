"""Plants of worker nodes and of Hareline's own processes: signals, commands, clocks, locks."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Generator, Iterator

from workers.demo.plants.site import CLOCK, HELD, LOCK, QUIET, PlantFailed, Site

KILLED, FROZEN, SILENT, SKEWED = "thumbs@media-1", "worker-a@web-1", "worker-b@web-1", "stock@batch-1"
RECEIVER = "receiveevents"
SKEW_SECONDS = 300
START_SECONDS = 60


def let_go(site: Site) -> None:
    """Clears every flag, and lets go on whatever may stand still: worker nodes and the receiver."""
    site.files.clear_flags()
    for node in site.files.nodes():
        if site.files.process(node) is not None:
            site.signal_node(node, signal.SIGCONT)
    pid = site.program(RECEIVER)
    if pid is not None:
        os.kill(pid, signal.SIGCONT)


def start_with_events(site: Site) -> None:
    """Without its flag."""
    site.files.clear_flag(QUIET + SILENT)
    site.restart_node(SILENT)


def start_on_time(site: Site) -> None:
    """Without its flag."""
    site.files.clear_flag(CLOCK + SKEWED)
    site.restart_node(SKEWED)


def worker_killed(site: Site) -> Generator[None]:
    """The supervisor starts the program again at once; it waits before it becomes a worker node."""
    site.files.set_flag(HELD + KILLED)
    try:
        site.signal_node(KILLED, signal.SIGKILL)
        while True:
            yield
    finally:
        site.files.clear_flag(HELD + KILLED)


def worker_frozen(site: Site) -> Generator[None]:
    site.signal_node(FROZEN, signal.SIGSTOP)
    try:
        while True:
            yield
    finally:
        site.restart_node(FROZEN)


def stuck(site: Site) -> Generator[None]:
    from workers.demo import tasks

    site.files.set_flag(LOCK)
    try:
        for _ in range(2):
            tasks.lock_report.delay()
        for part in range(20):
            tasks.render.delay("planted", part)
        while True:
            yield
    finally:
        site.files.clear_flag(LOCK)


def events_off(site: Site) -> Generator[None]:
    """Starts it without -E. The command disable_events does nothing to a node that was started with it: it has no groups of events to take "task" from."""
    from workers.demo.app import app

    with _started_anew(site, SILENT, QUIET + SILENT):
        try:
            while True:
                yield
        finally:
            if not app.control.broadcast("enable_events", destination=[SILENT], reply=True, timeout=5):
                raise PlantFailed(f"{SILENT} did not answer enable_events within 5 s.")


def clock(site: Site) -> Generator[None]:
    with _started_anew(site, SKEWED, CLOCK + SKEWED, str(SKEW_SECONDS)):
        try:
            while True:
                yield
        finally:
            site.files.clear_flag(CLOCK + SKEWED)
            if site.files.process(SKEWED) is not None:
                site.signal_node(SKEWED, signal.SIGTERM)


@contextlib.contextmanager
def _started_anew(site: Site, node: str, flag: str, text: str = "1") -> Iterator[None]:
    """The worker node looks at the flag as it starts."""
    before = site.files.process(node)
    site.files.set_flag(flag, text)
    try:
        site.signal_node(node, signal.SIGTERM)
        site.wait_until(lambda: site.files.process(node) not in (before, None), START_SECONDS, f"{node} did not start again within {START_SECONDS} s.")
        yield
    finally:
        site.files.clear_flag(flag)


def receiver(site: Site) -> Generator[None]:
    pid = site.program(RECEIVER)
    if pid is None:
        raise PlantFailed("The receiver's process was not found.")
    os.kill(pid, signal.SIGSTOP)
    try:
        while True:
            yield
    finally:
        os.kill(pid, signal.SIGCONT)
