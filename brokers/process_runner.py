"""What the processes that run for ever share (poller, receiver, chores): how they end, and a thread a broker kept alive."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Hashable, Sequence
from datetime import UTC, datetime
from typing import Protocol

import structlog
from django.db import DatabaseError, connection

from brokers.addresses import BrokerAddress
from brokers.database_file import OpenedFile
from brokers.polling import leases

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 5.0
END_SECONDS = 1.5


class Work(Hashable, Protocol):
    """What is done for one broker in a thread of its own. `run` returns once `stop` was called, which any thread may do."""

    address: BrokerAddress
    standing_by: bool

    def run(self) -> None: ...

    def stop(self) -> None: ...


def set_on_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set. Only for the main thread of a process."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    return ended


def keep_running(work: Sequence[Work], kind: str, holder: str, stop: threading.Event) -> None:
    """Runs each piece of work in its thread, with the heartbeat of the process (`kind`: poller, receiver), until `stop`; returns within
    END_SECONDS of it, or when the database file is another one. A thread that ended otherwise is logged and started again."""
    threads: dict[Work, threading.Thread] = {}
    opened = OpenedFile()
    while not stop.is_set() and not opened.is_gone():
        for each in work:
            if each not in threads or not threads[each].is_alive():
                if each in threads:
                    log.error("thread_died", broker=each.address.name)
                threads[each] = threading.Thread(target=each.run, name=f"{kind} {each.address.name}", daemon=True)
                threads[each].start()
        _beat(kind, holder, bool(work) and all(each.standing_by for each in work))
        stop.wait(HEARTBEAT_SECONDS)
    for each in work:
        each.stop()
    deadline = time.monotonic() + END_SECONDS
    for thread in threads.values():
        thread.join(max(deadline - time.monotonic(), 0))
    connection.close()


def _beat(kind: str, holder: str, standing_by: bool) -> None:
    try:
        leases.beat(kind, holder, datetime.now(UTC), standing_by)
    except DatabaseError as error:
        log.error("heartbeat_lost", kind=kind, reason=str(error))
        connection.close()
