"""What one web process has for its live pages: the hub, the tail while anybody is there, and the task that carries outcomes between them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import ClassVar

import structlog

from brokers import wake
from dashboard.live.frames import Patch
from dashboard.live.hub import Hub, Rows, Viewer
from dashboard.live.outcomes import Outcome, RightsChanged, SessionEnded, StateRequest
from dashboard.live.tail import Tail
from dashboard.live.topics import Topic

log = structlog.get_logger(__name__)


class LiveProcess:
    """Made by the first socket on an event loop, dissolved by the last."""

    _current: ClassVar[LiveProcess | None] = None
    noticed: ClassVar[Callable[[], object]] = staticmethod(lambda: None)
    """Called in the tail's thread after something was stored; it must return at once."""

    def __init__(self) -> None:
        self.hub = Hub()
        self._loop = asyncio.get_running_loop()
        self._outcomes: asyncio.Queue[Outcome] = asyncio.Queue()
        self._tail = Tail(self.hub, self._take)
        self._carrying = self._loop.create_task(self._carry(), name="live-carry")
        self._tail.start()
        self._hints = wake.Listener(lambda: self._tail.request(None))

    @classmethod
    def current(cls) -> LiveProcess | None:
        """The live process of this event loop; None while it has no socket."""
        process = cls._current
        return process if process and process._loop is asyncio.get_running_loop() else None

    @classmethod
    def enter(cls, viewer: Viewer) -> LiveProcess:
        """The live process of this event loop, with the viewer in it."""
        process = cls.current()
        if process is None:
            process = cls._current = cls()
        process.hub.enter(viewer)
        return process

    @classmethod
    def counts(cls) -> tuple[int, int]:
        """(sockets, topics) of this web process now; from any thread."""
        process = cls._current
        return (0, 0) if process is None else (sum(len(viewers) for viewers in list(process.hub.sessions.values())), len(process.hub.watched))

    @classmethod
    def tail_seconds(cls) -> float | None:
        """How long ago the tail of this web process last looked for changes; None without a socket. From any thread."""
        process = cls._current
        return None if process is None else round(time.monotonic() - process._tail.last_look, 3)

    def exit(self, viewer: Viewer) -> None:
        if self.hub.exit(viewer) and LiveProcess._current is self:
            LiveProcess._current = None
            self._hints.close()
            self._tail.stop()
            self._carrying.cancel()

    def request_state(self, topic: Topic, viewer: Viewer, rows: Rows) -> None:
        """The state of the topic comes to the viewer by `deliver_state`."""
        self._tail.request(StateRequest(topic, viewer, rows))

    def _take(self, outcome: Outcome) -> None:
        """Called in the tail's thread. The loop may have ended meanwhile (the process stops): then nobody is left to send it to."""
        LiveProcess.noticed()
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._outcomes.put_nowait, outcome)

    async def _carry(self) -> None:
        while True:
            outcome = await self._outcomes.get()
            try:
                await self._hand_over(outcome)
            except Exception:
                log.exception("a live outcome could not be handed over")

    async def _hand_over(self, outcome: Outcome) -> None:
        if isinstance(outcome, Patch):
            await self.hub.publish(outcome)
        elif isinstance(outcome, SessionEnded):
            await self.hub.end_session(outcome.session_key)
        elif isinstance(outcome, RightsChanged):
            await self.hub.renew_session(outcome.session_key, outcome.user)
        else:
            await self.hub.hand_state(outcome.viewer, outcome.patch, outcome.rows)
