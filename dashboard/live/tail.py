"""The thread that notices what other processes stored, and makes patches of it.

Each topic is loaded by itself: one that fails is reported to its viewers and tried again, while the others go on. Every question gets an answer,
if need be the last that is known and since when it could not be loaded.

It starts with the first socket of a web process and ends with the last (daphne has no lifespan to start it earlier). It alone talks to
the database for live pages, on its own connection; results go to the event loop in the order in which they were made.
"""

from __future__ import annotations

import queue
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import msgspec
import structlog
from django.db import DatabaseError, connection
from django.utils import timezone

from brokers import database_damage, queries
from brokers import store as broker_store
from brokers.database import engine
from brokers.database_file import OpenedFile
from dashboard import queries as people
from dashboard.live import sources, topics
from dashboard.live.commits import Commits
from dashboard.live.followed import Followed, Revision, Revisions
from dashboard.live.hub import LOOK_CLOSELY, Hub
from dashboard.live.outcomes import Outcome, RightsChanged, SessionEnded, State, StateRequest
from dashboard.live.topics import Topic
from workers import queries as worker_queries

log = structlog.get_logger(__name__)

DETAIL_REQUEST_LASTS = timedelta(seconds=30)
SESSIONS_A_TICK = 50
AFTER_A_FAILURE_SECONDS = 1.0
BUSY_MILLISECONDS = 100  # the tail's only writes, detail requests, must not delay pages while another process has the database locked


class Rhythm(msgspec.Struct, frozen=True):
    """How often, in seconds: looks at the database, clock ticks, detail requests, checks of each session."""

    look: float = 0.05
    tick: float = 1.0
    detail_request: float = 10.0
    session: float = 8.0
    tick_share: int = 20  # a tick that took long is followed by a rest of so many times its length: never more than a twentieth of a core


USUAL = Rhythm()


class Tail:
    """Give it a hub and a function that takes outcomes (called in the thread)."""

    def __init__(self, hub: Hub, deliver: Callable[[Outcome], None], rhythm: Rhythm = USUAL) -> None:
        self._hub = hub
        self._deliver = deliver
        self._rhythm = rhythm
        self._epoch = secrets.token_hex(4)
        self._requests: queue.SimpleQueue[StateRequest | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="live-tail", daemon=True)
        self._followed: dict[str, Followed] = {}
        self._file = OpenedFile()
        self._commits = Commits()
        self._revisions = Revisions()
        self._look_again_at = 0.0
        self._sessions_checked: dict[str, float] = {}
        self._next_tick = time.monotonic() + rhythm.tick
        self._next_detail_requests = 0.0
        self._detailed: frozenset[tuple[str, str]] = frozenset()  # (topic, object) whose details were requested lately
        self._stopping, self._readable = False, True
        self.last_look = time.monotonic()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Returns at once; the thread ends within a round and delivers nothing after that."""
        self._stopping = True
        self._requests.put(None)

    def join(self, timeout_seconds: float) -> None:
        self._thread.join(timeout_seconds)

    def request(self, request: StateRequest | None) -> None:  # None: to look at once, since something may have been stored
        self._requests.put(request)

    def _run(self) -> None:
        try:
            while not self._stopping:
                try:
                    self._round()
                except Exception:
                    log.exception("the live tail failed; it goes on with a new connection")
                    connection.close()
                    self._commits.forget()
                    time.sleep(AFTER_A_FAILURE_SECONDS)
        finally:
            self._commits.close()
            connection.close()

    def _round(self) -> None:
        """Waits for a question, a hint or the next look at the database, and does what is due."""
        try:
            request = self._requests.get(timeout=self._rhythm.look)
        except queue.Empty:
            request = None
        if self._stopping:
            return
        readable = self._look()
        if readable:
            self.last_look = time.monotonic()
            self._follow()
        if request is not None:
            self._answer(request)
        now = time.monotonic()
        if now >= self._next_tick:
            self._tick()
            if readable:
                self._check_sessions()
            self._next_tick = time.monotonic() + max(self._rhythm.tick, self._rhythm.tick_share * (time.monotonic() - now))
        if readable:
            self._save_detail_requests(timezone.now(), again=now >= self._next_detail_requests)
        if readable and now >= self._next_detail_requests:
            self._next_detail_requests = now + self._rhythm.detail_request

    def _look(self) -> bool:
        """Reads the revisions if another process committed since the last look. False while the database can't be read: then every topic fails."""
        if time.monotonic() < self._look_again_at:
            return False
        try:
            if self._database_changed():
                self._revisions = Revisions(queries.revisions(), worker_queries.revisions())
        except Exception as error:  # noqa: BLE001  (logged with its traceback)
            database_damage.log_failure(log, "the live tail can't read the database", error)
            connection.close()
            self._commits.forget()
            self._look_again_at = time.monotonic() + AFTER_A_FAILURE_SECONDS
            for followed in self._current():
                self._fail(followed, error)
            self._readable = False
            return False
        if not self._readable:
            self._readable = True
            for followed in self._current():
                followed.retry()
        return True

    def _database_changed(self) -> bool:
        """True if another connection committed since the last look, or the file is another one: some 10 us, whatever the size."""
        if not self._file.is_current:
            self._open_anew()
        return self._commits.changed()

    def _open_anew(self) -> None:
        """Leaves a file that was deleted or replaced: every topic is loaded anew from the one in its place."""
        log.warning("the database file was removed or replaced; live pages go on with the one that is there")
        connection.close()
        self._file = OpenedFile()
        self._commits.forget()
        for followed in self._current():
            followed.seen = None

    def _follow(self) -> None:
        """Patches of the topics whose broker or event source stored something, and of those whose last load failed."""
        for followed in self._current():
            revision = self._revisions.of(followed.topic)
            if followed.is_due(revision, time.monotonic()):
                self._refresh(followed, revision)

    def _refresh(self, followed: Followed, revision: Revision) -> None:
        try:
            name = followed.topic.key
            closely = self._hub.looked_at.get(name, frozenset())
            loaded = sources.load(followed.topic, self._hub.watched.get(name, frozenset()), closely)
            patch = followed.patches.replace(loaded, timezone.now())
        except Exception as error:  # noqa: BLE001  (logged with its traceback)
            database_damage.log_failure(log, "a live topic could not be loaded", error, topic=followed.topic.name)
            self._fail(followed, error)
            return
        followed.closely = closely
        followed.took_in(revision)
        self._out(patch)

    def _fail(self, followed: Followed, error: Exception) -> None:
        """Reports it to the topic's viewers; the topic is tried again after a while."""
        followed.failed(time.monotonic())
        damaged = database_damage.note(error, "live pages", database_damage.A_WHILE_SECONDS)
        patch = followed.patches.fail("the database file is damaged" if damaged else type(error).__name__, timezone.now())
        if patch is not None:
            self._out(patch)
        if isinstance(error, DatabaseError):
            connection.close()
            self._commits.forget()

    def _current(self) -> list[Followed]:
        """The topics that somebody watches; the others are forgotten."""
        watched = dict(self._hub.watched)
        self._followed = {name: followed for name, followed in self._followed.items() if name in watched}
        return list(self._followed.values())

    def _answer(self, request: StateRequest) -> None:
        """The state of the topic. Where rows can't be loaded now, what is known of it: the rows follow once the topic is loaded again."""
        name = request.topic.key
        followed = self._followed.get(name)
        if followed is None:
            followed = self._followed[name] = Followed(request.topic, self._epoch)
        patches = followed.patches
        rows = request.rows or frozenset()
        closely = rows if len(rows) <= LOOK_CLOSELY else frozenset[str]()
        missing = (rows - patches.known) | (closely - followed.closely)
        if (missing or not patches.is_loaded) and not followed.waits(time.monotonic()):
            revision = followed.seen or self._revisions.of(request.topic)
            try:
                patches.extend(sources.load(request.topic, missing, closely), timezone.now())
            except Exception as error:  # noqa: BLE001  (logged with its traceback)
                database_damage.log_failure(log, "a live topic could not be loaded", error, topic=name)
                self._fail(followed, error)
            else:
                followed.seen, followed.closely = revision, followed.closely | closely
        self._out(State(patches.state(timezone.now()), request.viewer, request.rows))

    def _tick(self) -> None:
        now = timezone.now()
        for followed in self._current():
            try:
                patch = followed.patches.tick(now)
            except Exception as error:
                log.exception("a live topic could not follow the clock", topic=followed.topic.name)
                self._fail(followed, error)
                continue
            if patch is not None:
                self._out(patch)

    def _check_sessions(self) -> None:
        """Ends the sockets of people who logged out, were disabled or whose session ran out, and reports other rights of the rest: in 10 s, or 20 of many."""
        at = time.monotonic()
        current = list(self._hub.sessions)
        self._sessions_checked = {key: self._sessions_checked.get(key, at) for key in current}
        due = [key for key, checked in self._sessions_checked.items() if at - checked >= self._rhythm.session]
        for key in due[: max(SESSIONS_A_TICK, len(current) // 10)]:
            self._sessions_checked[key] = at
            user = people.user_of_session(key)
            if user is None:
                self._out(SessionEnded(key))
            elif any(viewer.rights != user.rights for viewer in self._hub.sessions.get(key, ())):
                self._out(RightsChanged(key, user))

    def _save_detail_requests(self, now: datetime, again: bool) -> None:
        """Requests from the poller the details of the few objects that viewers look at closely: of newly opened ones at once, of all `again` and again."""
        objects = [found for found in self._looked_at() if again or (found[0].name, found[2]) not in self._detailed]
        requested = frozenset((topic.name, name) for topic, _, name in objects)
        self._detailed = requested if again else self._detailed | requested
        try:
            for topic, kind, name in objects:
                with engine.waiting_at_most(BUSY_MILLISECONDS):
                    broker_store.save_detail_request(topic.broker_id, kind, topic.vhost or "", name, now + DETAIL_REQUEST_LASTS)
        except DatabaseError:
            log.exception("detail requests could not be saved; the next round tries again")

    def _looked_at(self) -> Iterator[tuple[Topic, str, str]]:
        """(topic, kind, name) of the queues, exchanges and connections that somebody looks at closely."""
        for topic_name, rows in dict(self._hub.looked_at).items():
            followed = self._followed.get(topic_name)
            if followed is None or followed.topic.kind not in (topics.QUEUES, topics.EXCHANGES, topics.CONNECTIONS):
                continue
            for key in rows:
                object_name = followed.patches.name_of(key)
                if object_name is not None:
                    yield followed.topic, topics.ROW_KINDS[followed.topic.kind][0], object_name

    def _out(self, outcome: Outcome) -> None:
        if not self._stopping:
            self._deliver(outcome)
