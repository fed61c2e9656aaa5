"""What tests of live pages share: a stored broker, a person logged in, and a page's end of the socket."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.test import Client
from django.utils import timezone

from brokers.models import Broker, Queue
from dashboard.models import User

LONG = 60.0


class Page:
    """A page's end of a socket."""

    def __init__(self, cookie: str = "", origin: str = "http://localhost") -> None:
        headers = [(b"host", b"localhost"), (b"origin", origin.encode())]
        if cookie:
            headers.append((b"cookie", f"{settings.SESSION_COOKIE_NAME}={cookie}".encode()))
        from dashboard.asgi import application  # starts threads, which the process that collects must not have

        self.socket = WebsocketCommunicator(application, "/ws/live/", headers=headers)

    async def open(self) -> bool:
        """True if the socket was accepted."""
        return (await self.socket.connect(timeout=LONG))[0]

    async def is_known(self) -> bool:
        """True once the server has found out whose page it is: it accepts before."""
        await self.request(ping=1)
        return await self.next() == {"pong": 1}

    async def request(self, **frame: Any) -> None:
        await self.socket.send_to(text_data=msgspec.json.encode(frame).decode())

    async def next(self) -> dict[str, Any]:
        return dict(json.loads(await self.socket.receive_from(timeout=LONG)))

    async def until(self, **wanted: Any) -> dict[str, Any]:
        """The next frame that has these values; those before it are passed over."""
        async with asyncio.timeout(LONG):
            while True:
                frame = await self.next()
                if all(frame.get(name) == value for name, value in wanted.items()):
                    return frame

    async def until_row(self, key: str) -> dict[str, Any]:
        """The content of the next frame with news of this row."""
        async with asyncio.timeout(LONG):
            while True:
                frame = await self.next()
                if key in frame.get("rows", {}):
                    return frame["rows"][key]

    async def close(self) -> None:
        await self.socket.disconnect(timeout=LONG)


def person(name: str = "anna") -> User:
    return User.objects.create_user(name, password="a long enough one", is_superuser=True)


def log_in(user: User) -> str:
    """The session cookie of a new login."""
    client = Client()
    client.force_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def broker(name: str = "prod", **known: Any) -> Broker:
    now = timezone.now()
    return Broker.objects.create(**{"name": name, "state": Broker.UP, "reason": "", "since": now, "polled_at": now, "poll_seconds": 5, "revision": 1, **known})


def queue(of: Broker, name: str, **known: Any) -> Queue:
    now = timezone.now()
    numbers = {"ready": 0, "unacknowledged": 0, "depth": 0, "consumers": 1}
    return Queue.objects.create(**{"broker": of, "vhost": "/", "name": name, "type": "classic", "first_seen_at": now, "changed_at": now, **numbers, **known})


def poll(of: Broker, **numbers: int) -> None:
    """Stores what a poll would: these depths by queue name, a newer `polled_at`, the next revision."""
    now = timezone.now()
    for name, depth in numbers.items():
        Queue.objects.filter(broker=of, name=name).update(ready=depth, depth=depth, changed_at=now)
    stored = Broker.objects.get(pk=of.pk)
    Broker.objects.filter(pk=of.pk).update(polled_at=max(now, stored.polled_at + timedelta(milliseconds=1)), revision=stored.revision + 1)


class World:
    """A broker with two queues, and somebody who looks."""

    def __init__(self) -> None:
        self.user: User = person()
        self.cookie = log_in(self.user)
        self.broker: Broker = broker()
        self.mail: Queue = queue(self.broker, "mail", ready=3, depth=3)
        self.reports: Queue = queue(self.broker, "reports")
        self.topic = f"queues/{self.broker.pk}/%2F"
        self.key = f"queue-{self.mail.pk}"


NEVER = datetime(1970, 1, 1, tzinfo=UTC)
in_database = sync_to_async(lambda act, *given, **named: act(*given, **named), thread_sensitive=True)
