"""Who shows what in this web process, and how a patch reaches them: encoded once, handed over directly.

Everything here runs on the event loop. The tail's thread reads `watched`, `looked_at` and `sessions`: their values are replaced whole,
never changed. No channel layer takes part: every web process tails the database and serves its own sockets (docs/live.md).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Protocol

import structlog

from dashboard.live.frames import Patch, SharedText
from dashboard.models import User
from dashboard.people.access import Rights

log = structlog.get_logger(__name__)

Rows = frozenset[str] | None
"""Keys of the rows that a viewer shows of a topic; None is all of them."""

YIELD_EVERY = 100
"""Deliveries after which other work of the event loop gets its turn: about 2 ms."""
LOOK_CLOSELY = 3
"""A viewer of so few rows looks at them closely (the page of one queue): the poller fetches their details."""


class Viewer(Protocol):
    """A socket, as the hub sees it."""

    session_key: str

    @property
    def rights(self) -> Rights: ...

    async def deliver(self, topic: str, frame: str) -> None: ...

    async def deliver_state(self, topic: str, rows: Rows, frame: str) -> None: ...

    async def refuse(self) -> None: ...

    async def renew(self, user: User) -> None: ...


class Hub:
    """Topics and their viewers, grouped by the rows that they show: viewers of the same rows share one frame."""

    def __init__(self) -> None:
        self._groups: dict[str, dict[Rows, set[Viewer]]] = defaultdict(dict)
        self._shown: dict[str, dict[Viewer, Rows]] = defaultdict(dict)
        self._sets: dict[Rows, Rows] = {}
        self.watched: dict[str, frozenset[str]] = {}
        self.looked_at: dict[str, frozenset[str]] = {}
        self.sessions: dict[str, frozenset[Viewer]] = {}

    def enter(self, viewer: Viewer) -> None:
        self.sessions[viewer.session_key] = self.sessions.get(viewer.session_key, frozenset()) | {viewer}

    def exit(self, viewer: Viewer) -> bool:
        """True if nobody is left."""
        for topic in [topic for topic, viewers in self._shown.items() if viewer in viewers]:
            self.leave(topic, viewer)
        others = self.sessions.pop(viewer.session_key, frozenset()) - {viewer}
        if others:
            self.sessions[viewer.session_key] = others
        return not self.sessions

    def join(self, topic: str, viewer: Viewer, rows: Rows) -> Rows:
        """The rows that the viewer shows of the topic from now on: the one set that all viewers of these rows share."""
        self.leave(topic, viewer)
        shared = self._sets.setdefault(rows, rows)
        self._shown[topic][viewer] = shared
        viewers = self._groups[topic].setdefault(shared, set())
        viewers.add(viewer)
        if len(viewers) == 1:
            self._note_watched(topic)
        return shared

    def leave(self, topic: str, viewer: Viewer) -> None:
        viewers = self._shown.get(topic, {})
        if viewer not in viewers:
            return
        rows = viewers.pop(viewer)
        group = self._groups[topic][rows]
        group.discard(viewer)
        if not group:
            del self._groups[topic][rows]
            self._note_watched(topic)

    def _note_watched(self, topic: str) -> None:
        groups = self._groups[topic]
        if groups:
            self.watched[topic] = frozenset[str]().union(*(rows for rows in groups if rows is not None))
            self.looked_at[topic] = frozenset[str]().union(*(rows for rows in groups if rows is not None and len(rows) <= LOOK_CLOSELY))
            return
        for mapping in (self.watched, self.looked_at, self._groups, self._shown):
            mapping.pop(topic, None)
        in_use = {rows for groups in self._groups.values() for rows in groups}
        self._sets = {rows: rows for rows in in_use}

    async def publish(self, patch: Patch) -> int:
        """To how many viewers the patch went. One that fails is refused, the others still get theirs."""
        delivered = 0
        for rows, viewers in list(self._groups.get(patch.topic, {}).items()):
            frame = SharedText(patch.frame(rows))
            for viewer in list(viewers):
                try:
                    await viewer.deliver(patch.topic, frame)
                except Exception:
                    log.exception("a viewer could not be served", topic=patch.topic)
                    await viewer.refuse()
                delivered += 1
                if delivered % YIELD_EVERY == 0:
                    await asyncio.sleep(0)
        return delivered

    async def hand_state(self, viewer: Viewer, patch: Patch, rows: Rows) -> None:
        """To the one viewer that requested it; refused if that fails, so that it reconnects instead of waiting for ever."""
        try:
            await viewer.deliver_state(patch.topic, rows, patch.frame(rows))
        except Exception:
            log.exception("a viewer could not be served", topic=patch.topic)
            await viewer.refuse()

    async def end_session(self, session_key: str) -> None:
        """Closes the sockets of a session that ended."""
        for viewer in self.sessions.get(session_key, frozenset()):
            await viewer.refuse()

    async def renew_session(self, session_key: str, user: User) -> None:
        """Takes in the rights that the person of a session has now."""
        for viewer in self.sessions.get(session_key, frozenset()):
            try:
                await viewer.renew(user)
            except Exception:
                log.exception("the rights of a viewer could not be renewed")
                await viewer.refuse()
