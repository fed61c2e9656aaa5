"""The web socket of a page: checks who asks for what, and relays. The protocol is in docs/live.md."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import msgspec
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from brokers import queries
from dashboard.live import topics
from dashboard.live.frames import encode
from dashboard.live.hub import Rows
from dashboard.live.process import LiveProcess
from dashboard.people import access

MOST_TOPICS = 100
MOST_ROWS = 500
LONGEST_FRAME = 65_536
WINDOW = 8
"""Frames on their way to a browser that has not acknowledged them; beyond, it gets the latest state when it catches up, not a backlog."""
LOGGED_OUT = 4401
TOO_LONG = 1009


class Subscription(msgspec.Struct, forbid_unknown_fields=True):
    topic: str
    rows: list[str] | None = None


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """A frame from the browser."""

    subscribe: list[Subscription] = []
    unsubscribe: list[str] = []
    resync: str | None = None
    ack: int | None = None
    pause: bool | None = None


_decoder = msgspec.json.Decoder(Asked)


class Refused(Exception):
    """What a frame asks for can't be given. `code` is for scripts, the text for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class LiveConsumer(AsyncWebsocketConsumer):
    """Relays to a page what changed of the topics that it subscribed to."""

    process: LiveProcess | None = None

    async def connect(self) -> None:
        """Accepts logged-in people from our own pages; everybody else gets 403 and no socket."""
        self.user = self.scope.get("user")
        if not access.may(self.user, "look") or not is_own_origin(self.scope):
            await self.close()
            return
        self.session_key: str = self.scope["session"].session_key
        self._shown: dict[str, Rows] = {}
        self._waiting: set[str] = set()  # topics whose state is on its way; patches before it mean nothing to the page
        self._missed: set[str] = set()  # topics that went on while the window was full
        self._allowed: dict[int, str | None] = {}
        self._sent = self._acknowledged = 0
        self._paused = False
        await self.accept()
        self.process = LiveProcess.enter(self)

    async def disconnect(self, code: int) -> None:
        if self.process:
            self.process.exit(self)
            self.process = None

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if text_data is None or len(text_data) > LONGEST_FRAME:
            await self._say_error("too_long", f"a frame is text of at most {LONGEST_FRAME:,} characters")
            await self.close(TOO_LONG)
            return
        try:
            asked = _decoder.decode(text_data)
            await self._do(asked)
        except msgspec.DecodeError as error:
            await self._say_error("malformed", f"not a frame of the live protocol: {error}")
        except Refused as error:
            await self._say_error(error.code, str(error))

    async def _do(self, asked: Asked) -> None:
        for topic in asked.unsubscribe:
            self._forget(topic)
        for subscription in asked.subscribe:
            await self._subscribe(subscription)
        if asked.resync is not None:
            if asked.resync not in self._shown:
                raise Refused("not_subscribed", f"not subscribed to {asked.resync}")
            self._ask(asked.resync)
        if asked.pause is not None:
            self._pause(asked.pause)
        if asked.ack is not None:
            self._acknowledge(asked.ack)

    async def _subscribe(self, wanted: Subscription) -> None:
        topic = topics.parse(wanted.topic)
        if topic is None:
            raise Refused("unknown_topic", f"there is no topic {wanted.topic[:200]}")
        if wanted.rows and (odd := [key for key in wanted.rows if topics.row_id(topic, key) is None]):
            raise Refused("unknown_row", f"{wanted.topic} has no row {odd[0][:200]}")
        if not await self._may_look(topic):
            raise Refused("not_allowed", f"{wanted.topic} does not exist, or you may not see it")
        rows = None if wanted.rows is None and topic.kind == topics.BROKER else frozenset(wanted.rows or ())
        self._check_room(topic.name, rows)
        if self.process:  # the socket may have closed while the database was asked
            self._shown[topic.name] = self.process.hub.join(topic.name, self, rows)
            self._waiting.discard(topic.name)
            self._ask(topic.name)

    def _check_room(self, topic: str, rows: Rows) -> None:
        others = [shown for name, shown in self._shown.items() if name != topic]
        if len(others) >= MOST_TOPICS:
            raise Refused("too_many_topics", f"a page can follow at most {MOST_TOPICS} topics")
        if sum(len(shown or ()) for shown in others) + len(rows or ()) > MOST_ROWS:
            raise Refused("too_many_rows", f"a page can follow at most {MOST_ROWS} rows")

    async def _may_look(self, topic: topics.Topic) -> bool:
        """True if the broker exists and the person may look at it there; asked once a socket and broker."""
        if topic.broker_id not in self._allowed:
            broker = await database_sync_to_async(queries.broker_by_id)(access.scope_of(self.user), topic.broker_id)
            self._allowed[topic.broker_id] = broker.name if broker else None
        name = self._allowed[topic.broker_id]
        return name is not None and access.may(self.user, "look", name, topic.vhost)

    def _forget(self, topic: str) -> None:
        if self._shown.pop(topic, None) is not None or topic in self._waiting:
            self._waiting.discard(topic)
        self._missed.discard(topic)
        if self.process:
            self.process.hub.leave(topic, self)

    def _ask(self, topic: str) -> None:
        if topic not in self._waiting and self.process:
            self._waiting.add(topic)
            self._missed.discard(topic)
            self.process.ask_state(topic, self, self._shown[topic])

    def _pause(self, paused: bool) -> None:
        was_paused, self._paused = self._paused, paused
        if was_paused and not paused:
            for topic in self._shown:
                self._ask(topic)

    def _acknowledge(self, count: int) -> None:
        self._acknowledged = min(max(self._acknowledged, count), self._sent)
        if self._missed and self._sent - self._acknowledged < WINDOW:
            for topic in list(self._missed):
                self._ask(topic)

    async def deliver(self, topic: str, frame: str) -> None:
        """A patch. Not for a page that pauses, or still waits for the state that patches build on."""
        if not self._paused and topic not in self._waiting:
            await self._send(topic, frame)

    async def deliver_state(self, topic: str, rows: Rows, frame: str) -> None:
        """The whole state; dropped if the page has meanwhile asked for other rows, whose state then comes."""
        if topic in self._waiting and self._shown.get(topic) is rows:
            self._waiting.discard(topic)
            if not self._paused:
                await self._send(topic, frame)

    async def refuse(self) -> None:
        await self.close(LOGGED_OUT)

    async def _send(self, topic: str, frame: str) -> None:
        if self._sent - self._acknowledged >= WINDOW:
            self._missed.add(topic)
        elif self.process:
            self._sent += 1
            await self.send(text_data=frame)

    async def _say_error(self, code: str, message: str) -> None:
        await self.send(text_data=encode({"error": {"code": code, "message": message}}))


def is_own_origin(scope: dict[str, Any]) -> bool:
    """True if the page that opens the socket is ours: its origin is the scheme and address that it calls, or HARELINE_PUBLIC_URL.

    >>> is_own_origin({"headers": [(b"origin", b"http://a:8000"), (b"host", b"a:9000")]})
    False
    """
    headers = dict(scope["headers"])
    scheme = "https" if scope.get("scheme") == "wss" else "http"
    own = {f"{scheme}://{headers.get(b'host', b'').decode('latin1')}", *settings.CSRF_TRUSTED_ORIGINS}
    origin = _site(headers.get(b"origin", b"").decode("latin1"))
    return origin is not None and origin in {_site(url) for url in own}


def _site(url: str) -> tuple[str, str, int] | None:
    """(scheme, host, port) of an address; None if it has no host."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (ValueError, KeyError):
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname else None
