"""The thread that notices what other processes stored, and makes patches of it.

It starts with the first socket of a web process and ends with the last (daphne has no lifespan to start it earlier). It alone talks to
the database for live pages, on its own connection; results go to the event loop in the order in which they were made.
"""

from __future__ import annotations

import queue
import secrets
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog
from django.db import connection
from django.utils import timezone

from brokers import queries
from brokers import store as broker_store
from brokers.scope import EVERYTHING
from dashboard import queries as people
from dashboard.live import sources, topics
from dashboard.live.frames import Patch
from dashboard.live.hub import Hub, Rows, Viewer
from dashboard.live.patches import TopicPatches
from workers import queries as worker_queries

log = structlog.get_logger(__name__)

INTEREST_LASTS = timedelta(seconds=30)
SESSIONS_A_TICK = 50
AFTER_A_FAILURE_SECONDS = 1.0


class Rhythm(msgspec.Struct, frozen=True):
    """How often, in seconds: looks at the database, the clock's ticks, notes of interest, checks of each session."""

    look: float = 0.05
    tick: float = 1.0
    interest: float = 10.0
    session: float = 20.0
    tick_share: int = 20  # a tick that took long is followed by a rest of so many times its length: never more than a twentieth of a core


USUAL = Rhythm()


class Ask(msgspec.Struct):
    """A viewer wants the whole present state of a topic."""

    topic: str
    viewer: Viewer
    rows: Rows | None


class State(msgspec.Struct):
    """The answer to Ask."""

    patch: Patch
    viewer: Viewer
    rows: Rows | None


class SessionEnded(msgspec.Struct):
    session_key: str


Outcome = Patch | State | SessionEnded
Revisions = tuple[dict[int, int], dict[int, int]]


class Tail:
    """Give it a hub and a function that takes outcomes (called in the thread)."""

    def __init__(self, hub: Hub, deliver: Callable[[Outcome], None], rhythm: Rhythm = USUAL) -> None:
        self._hub = hub
        self._deliver = deliver
        self._rhythm = rhythm
        self._epoch = secrets.token_hex(4)
        self._asked: queue.SimpleQueue[Ask | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="live-tail", daemon=True)
        self._patches: dict[str, TopicPatches] = {}
        self._version: Any = None
        self._revisions: Revisions = ({}, {})
        self._sessions_checked: dict[str, float] = {}
        self._next_tick = self._next_interest = 0.0
        self._stopping = False

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Returns at once; the thread ends within a round and delivers nothing afterwards."""
        self._stopping = True
        self._asked.put(None)

    def join(self, timeout_seconds: float) -> None:
        self._thread.join(timeout_seconds)

    def ask(self, question: Ask) -> None:
        self._asked.put(question)

    def _run(self) -> None:
        try:
            while not self._stopping:
                try:
                    self._round()
                except Exception:
                    log.exception("the live tail failed; it goes on with a new connection")
                    connection.close()
                    self._version = None
                    time.sleep(AFTER_A_FAILURE_SECONDS)
        finally:
            connection.close()

    def _round(self) -> None:
        """Waits for a question or the next look at the database, and does what is due."""
        try:
            question = self._asked.get(timeout=self._rhythm.look)
        except queue.Empty:
            question = None
        if self._stopping:
            return
        if self._database_changed():
            self._follow()
        if question is not None:
            self._answer(question)
        now = time.monotonic()
        if now >= self._next_tick:
            self._tick()
            self._next_tick = time.monotonic() + max(self._rhythm.tick, self._rhythm.tick_share * (time.monotonic() - now))
        if now >= self._next_interest:
            self._keep_interest(timezone.now())
            self._next_interest = now + self._rhythm.interest

    def _database_changed(self) -> bool:
        """True if another connection committed since the last look: 3 us, whatever the size."""
        with connection.cursor() as cursor:
            version = cursor.execute("PRAGMA data_version").fetchone()
        changed, self._version = version != self._version, version
        return changed

    def _follow(self) -> None:
        """Patches of the topics whose broker or event source stored something."""
        revisions: Revisions = (queries.revisions(), worker_queries.revisions())
        brokers = {key for key, value in revisions[0].items() if self._revisions[0].get(key) != value}
        events = {key for key, value in revisions[1].items() if self._revisions[1].get(key) != value}
        places = {(source.broker_id, source.vhost) for source in worker_queries.event_sources(EVERYTHING) if source.pk in events} if events else set()
        for name, patches in self._current().items():
            topic = patches.topic
            if topic.broker_id in brokers or (topic.kind in (topics.WORKERS, topics.TASKS) and (topic.broker_id, topic.vhost) in places):
                self._refresh(name, patches)
        self._revisions = revisions

    def _refresh(self, name: str, patches: TopicPatches) -> None:
        loaded = sources.load(patches.topic, self._hub.watched.get(name, frozenset()))
        self._out(patches.replace(loaded, timezone.now()))

    def _current(self) -> dict[str, TopicPatches]:
        """The topics that somebody watches; the others are forgotten."""
        watched = dict(self._hub.watched)
        self._patches = {name: patches for name, patches in self._patches.items() if name in watched}
        return self._patches

    def _answer(self, question: Ask) -> None:
        patches = self._patches.get(question.topic)
        if patches is None:
            topic = topics.parse(question.topic)
            if topic is None:
                return
            patches = self._patches[question.topic] = TopicPatches(topic, self._epoch)
        missing = (question.rows or frozenset()) - patches.known
        if missing or not patches.is_loaded:
            patches.extend(sources.load(patches.topic, missing), timezone.now())
        self._out(State(patches.state(timezone.now()), question.viewer, question.rows))

    def _tick(self) -> None:
        now = timezone.now()
        for patches in self._current().values():
            patch = patches.tick(now)
            if patch is not None:
                self._out(patch)
        self._check_sessions()

    def _check_sessions(self) -> None:
        """Ends the sockets of people who logged out, were disabled or whose session ran out: within about 20 s."""
        at = time.monotonic()
        current = list(self._hub.sessions)
        self._sessions_checked = {key: self._sessions_checked.get(key, at) for key in current}
        due = [key for key, checked in self._sessions_checked.items() if at - checked >= self._rhythm.session]
        for key in due[: max(SESSIONS_A_TICK, len(current) // 10)]:
            self._sessions_checked[key] = at
            if people.user_of_session(key) is None:
                self._out(SessionEnded(key))

    def _keep_interest(self, now: datetime) -> None:
        """Tells the poller what somebody looks at closely, so that it asks the broker for the details of these few."""
        for name, rows in dict(self._hub.looked_at).items():
            patches = self._patches.get(name)
            if patches is None or patches.topic.kind not in (topics.QUEUES, topics.EXCHANGES):
                continue
            kind = topics.ROW_KINDS[patches.topic.kind][0]
            for key in rows:
                object_name = patches.name_of(key)
                if object_name is not None:
                    broker_store.note_interest(patches.topic.broker_id, kind, patches.topic.vhost or "", object_name, now + INTEREST_LASTS)

    def _out(self, outcome: Outcome) -> None:
        if not self._stopping:
            self._deliver(outcome)
