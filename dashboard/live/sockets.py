"""The web socket of a page: checks what its user may see, and relays. The protocol is in docs/live.md."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec
import structlog
from autobahn.exception import Disconnected
from channels.auth import get_user
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.db import DatabaseError

from brokers import queries
from dashboard.live import topics
from dashboard.live.frames import encode
from dashboard.live.hub import Rows
from dashboard.live.origins import is_own_origin
from dashboard.live.process import LiveProcess
from dashboard.live.topics import Topic
from dashboard.models import User
from dashboard.people import access

log = structlog.get_logger(__name__)

MOST_TOPICS = 100
MOST_ROWS = 500
LONGEST_FRAME = 65_536
NOT_ALLOWED = "{} does not exist, or you may not see it"
NAMED = 200  # characters of a name that an answer repeats
WINDOW = 8
"""Frames sent to a browser that has not acknowledged them; beyond, it gets the latest state when it catches up, not a backlog."""
LOGGED_OUT, TOO_LONG, UNAVAILABLE = 4401, 4413, 4503
"""Why we close; a server may not use the protocol's own 1009 (RFC 6455, 7.4.2: 4000 to 4999 are for applications)."""


class Subscription(msgspec.Struct, forbid_unknown_fields=True):
    topic: str
    rows: list[str] | None = None


class Frame(msgspec.Struct, forbid_unknown_fields=True):
    """A frame from the browser."""

    subscribe: list[Subscription] = []
    unsubscribe: list[str] = []
    resync: str | None = None
    ack: int | None = None
    ping: int | None = None
    pause: bool | None = None


_decoder = msgspec.json.Decoder(Frame)


class Refused(Exception):
    """A topic that the frame names can't be followed. `code` is for scripts, the text for people."""

    def __init__(self, topic: str, code: str, message: str) -> None:
        super().__init__(message)
        self.topic = topic
        self.code = code


class LiveConsumer(AsyncWebsocketConsumer):
    """Relays to a page what changed of the topics that it subscribed to."""

    process: LiveProcess | None = None
    _ending = True  # until it is known who is there, and again once we close

    async def connect(self) -> None:
        """Accepts pages of ours that bring a session's cookie, and only then looks for whose it is: after a restart all pages come at the same time, and
        a handshake may take five seconds (daphne). Who is not logged in is closed with LOGGED_OUT; everybody else gets 403 and no socket. Somebody
        who may view nothing has a socket on which each topic is refused: a page that was closed with LOGGED_OUT would load itself again and again."""
        if not is_own_origin(self.scope) or not self.scope["cookies"].get(settings.SESSION_COOKIE_NAME):
            await self.close()
            return
        await self.accept()
        try:
            self.user = await get_user(self.scope)
            self.rights = await database_sync_to_async(access.rights_of)(self.user)
        except DatabaseError as error:
            log.warning("live_page_refused", reason=str(error))
            await self.close(UNAVAILABLE)
            return
        if not (self.user.is_authenticated and self.user.is_active):
            await self.close(LOGGED_OUT)
            return
        self.session_key: str = self.scope["session"].session_key
        self._shown: dict[str, Rows] = {}
        self._topics: dict[str, Topic] = {}  # by name, each with what the person may see of it
        self._names: dict[str, str] = {}  # of these topics by their keys
        self._waiting: set[str] = set()  # topics whose state was requested; patches before it mean nothing to the page
        self._missed: set[str] = set()  # topics that went on while the window was full
        self._brokers: dict[int, str] = {}
        self._sent = self._acknowledged = 0
        self._paused = self._ending = False
        self.process = LiveProcess.enter(self)

    async def dispatch(self, message: dict[str, Any]) -> None:
        """As channels', which before each message looks in a thread for database connections to close. A frame needs none as a rule, and where it does,
        `database_sync_to_async` closes its own; with it a frame cost 1.5 ms, and a flood within what is allowed a third of a processor."""
        if message["type"] == "websocket.receive":
            await self.websocket_receive(message)
        else:
            await super().dispatch(message)

    async def disconnect(self, code: int) -> None:
        if self.process:
            self.process.exit(self)
            self.process = None

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self._ending:  # frames that were being sent when we closed
            return
        if text_data is None or len(text_data) > LONGEST_FRAME:
            await self._end(TOO_LONG, "too_long", f"a frame is text of at most {LONGEST_FRAME:,} characters")
        else:
            try:
                frame = _decoder.decode(text_data)
            except (msgspec.DecodeError, RecursionError) as error:
                await self._send_error("malformed", f"not a frame of the live protocol: {error}")
            else:
                await self._do(frame)

    async def _do(self, frame: Frame) -> None:
        """Everything that the frame requests; what is refused is listed in one answer, and stops nothing else."""
        for topic in frame.unsubscribe:
            self._forget(topic)
        refused = await self._subscribe_each(frame.subscribe)
        if frame.resync is not None:
            if frame.resync in self._shown:
                self._request_state(frame.resync)
            else:
                refused.append(Refused(frame.resync, "not_subscribed", f"not subscribed to {frame.resync[:NAMED]}"))
        if frame.pause is not None:
            self._pause(frame.pause)
        if frame.ack is not None:
            self._acknowledge(frame.ack)
        if frame.ping is not None:
            await self.send(text_data=encode({"pong": frame.ping}))
        if refused:
            await self.send(text_data=encode({"refused": [{"topic": one.topic[:NAMED], "code": one.code, "message": str(one)} for one in refused]}))

    async def _subscribe_each(self, wanted: list[Subscription]) -> list[Refused]:
        """Those that are refused; each is decided by itself."""
        refused = []
        parsed = [topics.parse(one.topic) for one in wanted]
        if any(topic and topic.broker_id not in self._brokers for topic in parsed):
            self._brokers = await database_sync_to_async(queries.broker_names)(self.rights.scope("view"))
        for one, topic in zip(wanted, parsed, strict=True):
            try:
                self._subscribe(one, topic)
            except Refused as error:
                refused.append(error)
        return refused

    def _subscribe(self, wanted: Subscription, topic: Topic | None) -> None:
        """Raises Refused."""
        if topic is None:
            raise Refused(wanted.topic, "unknown_topic", f"there is no topic {wanted.topic[:NAMED]}")
        if wanted.rows and (odd := [key for key in wanted.rows if topics.row_id(topic, key) is None]):
            raise Refused(wanted.topic, "unknown_row", f"{wanted.topic[:NAMED]} has no row {odd[0][:NAMED]}")
        visible = self._visible(topic)
        if visible is None:
            raise Refused(wanted.topic, "not_allowed", NOT_ALLOWED.format(wanted.topic[:NAMED]))
        rows = None if wanted.rows is None and topic.kind == topics.BROKER else frozenset(wanted.rows or ())
        self._check_room(topic.name, rows)
        if self.process:  # the socket may have closed during the query
            self._follow(self.process, visible, rows)

    def _check_room(self, topic: str, rows: Rows) -> None:
        others = [shown for name, shown in self._shown.items() if name != topic]
        if len(others) >= MOST_TOPICS:
            raise Refused(topic, "too_many_topics", f"a page can follow at most {MOST_TOPICS} topics")
        if sum(len(shown or ()) for shown in others) + len(rows or ()) > MOST_ROWS:
            raise Refused(topic, "too_many_rows", f"a page can follow at most {MOST_ROWS} rows")

    def _visible(self, topic: Topic) -> Topic | None:
        """The topic as far as the person may see it; None if the broker does not exist, or nothing there may be seen."""
        name = self._brokers.get(topic.broker_id)
        return None if name is None else topics.visible_to(self.rights.scope("view"), topic, name)

    def _follow(self, process: LiveProcess, topic: Topic, rows: Rows) -> None:
        """In place of the topic of this name that was followed before, if there was one."""
        self._forget(topic.name)
        self._topics[topic.name], self._names[topic.key] = topic, topic.name
        self._shown[topic.name] = process.hub.join(topic.key, self, rows)
        self._request_state(topic.name)

    def _forget(self, topic: str) -> None:
        self._shown.pop(topic, None)
        self._waiting.discard(topic)
        self._missed.discard(topic)
        followed = self._topics.pop(topic, None)
        if followed is not None:
            self._names.pop(followed.key, None)
            if self.process:
                self.process.hub.leave(followed.key, self)

    def _request_state(self, topic: str) -> None:
        if topic not in self._waiting and self.process:
            self._waiting.add(topic)
            self._missed.discard(topic)
            self.process.request_state(self._topics[topic], self, self._shown[topic])

    async def renew(self, user: User) -> None:
        """Takes in that the person may see other things now: what is no longer visible is refused, the rest begins anew in the new scope."""
        if self._ending or user.rights == self.rights:
            return
        self.user, self.rights = user, user.rights
        self._brokers = await database_sync_to_async(queries.broker_names)(self.rights.scope("view"))
        refused = []
        for name, topic in list(self._topics.items()):
            visible = self._visible(topic)
            if visible is None:
                self._forget(name)
                refused.append({"topic": name, "code": "not_allowed", "message": NOT_ALLOWED.format(name[:NAMED])})
            elif visible.key != topic.key and self.process:
                self._follow(self.process, visible, self._shown[name])
        if refused:
            await self.send(text_data=encode({"refused": refused}))

    def _pause(self, paused: bool) -> None:
        was_paused, self._paused = self._paused, paused
        if was_paused and not paused:
            for topic in self._shown:
                self._request_state(topic)

    def _acknowledge(self, count: int) -> None:
        self._acknowledged = min(max(self._acknowledged, count), self._sent)
        if self._missed and self._sent - self._acknowledged < WINDOW:
            for topic in list(self._missed):
                self._request_state(topic)

    async def send(self, text_data: str | None = None, bytes_data: bytes | None = None, close: bool = False) -> None:
        """Nothing to a page that has just gone away: that it has is handed to `disconnect` next."""
        with contextlib.suppress(Disconnected):
            await super().send(text_data, bytes_data, close)

    async def deliver(self, topic: str, frame: str) -> None:
        """A patch of the topic of this key. Not for a page that pauses, or still waits for the state that patches build on."""
        name = self._names.get(topic)
        if name is not None and not self._paused and name not in self._waiting:
            await self._send(name, frame)

    async def deliver_state(self, topic: str, rows: Rows, frame: str) -> None:
        """The whole state; dropped if the page has meanwhile requested other rows, whose state follows."""
        name = self._names.get(topic)
        if name in self._waiting and self._shown.get(name) is rows:
            self._waiting.discard(name)
            if not self._paused:
                await self._send(name, frame)

    async def refuse(self) -> None:
        await self.close(LOGGED_OUT)

    async def _send(self, topic: str, frame: str) -> None:
        if self._sent - self._acknowledged >= WINDOW:
            self._missed.add(topic)
        elif self.process:
            self._sent += 1
            with contextlib.suppress(Disconnected):
                await self.base_send({"type": "websocket.send", "text": frame})

    async def _end(self, close_code: int, code: str, message: str) -> None:
        """Closes with the reason stated in a frame before, and in the close itself, where daphne leaves it out."""
        self._ending = True
        await self._send_error(code, message)
        await self.close(close_code, message)

    async def _send_error(self, code: str, message: str) -> None:
        await self.send(text_data=encode({"error": {"code": code, "message": message}}))
