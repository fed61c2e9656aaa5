"""The heartbeat of a web process, in a thread of its own."""

from __future__ import annotations

import threading
from typing import Any

from django.conf import settings

from brokers.polling.presence import HEARTBEAT_SECONDS, Presence
from dashboard.live.process import LiveProcess

END_SECONDS = 1.0


class WebPresence:
    """Until `end`, which notes the orderly end."""

    def __init__(self) -> None:
        self._presence = Presence("web", brokers=[broker.name for broker in settings.BROKERS])
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="web-presence", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join(END_SECONDS)

    def _run(self) -> None:
        while not self._ended.is_set():
            self._presence.beat(measured=measured())
            self._ended.wait(HEARTBEAT_SECONDS)
        self._presence.leave()


def measured() -> dict[str, Any]:
    """{"sockets", "topics", "tail_seconds"}: how many there are, and how long ago the tail last looked for changes (None without a socket)."""
    sockets, topics = LiveProcess.counts()
    return {"sockets": sockets, "topics": topics, "tail_seconds": LiveProcess.tail_seconds()}
