"""Plants of worker nodes and of Hareline's own processes: signals, commands, clocks, locks."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator

from workers.demo.plants.site import CLOCK, HELD, LOCK, PlantFailed, Site

KILLED, FROZEN, SILENT, SKEWED = "thumbs@media-1", "worker-a@web-1", "worker-b@web-1", "stock@batch-1"
SKEW_SECONDS = 300
START_SECONDS = 60


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
    from workers.demo.app import app

    _control(app, "disable_events")
    try:
        while True:
            yield
    finally:
        _control(app, "enable_events")


def _control(app: object, command: str) -> None:
    answers = app.control.broadcast(command, destination=[SILENT], reply=True, timeout=5)  # type: ignore[attr-defined]
    if not answers:
        raise PlantFailed(f"{SILENT} did not answer {command} within 5 s.")


def clock(site: Site) -> Generator[None]:
    before = site.files.process(SKEWED)
    site.files.set_flag(CLOCK + SKEWED, str(SKEW_SECONDS))
    try:
        site.signal_node(SKEWED, signal.SIGTERM)
        site.wait_until(lambda: site.files.process(SKEWED) not in (before, None), START_SECONDS, f"{SKEWED} did not start again within {START_SECONDS} s.")
        while True:
            yield
    finally:
        site.files.clear_flag(CLOCK + SKEWED)
        if site.files.process(SKEWED) is not None:
            site.signal_node(SKEWED, signal.SIGTERM)


def receiver(site: Site) -> Generator[None]:
    pid = site.program("receiveevents")
    if pid is None:
        raise PlantFailed("The receiver's process was not found.")
    os.kill(pid, signal.SIGSTOP)
    try:
        while True:
            yield
    finally:
        os.kill(pid, signal.SIGCONT)
