"""Requests to Django, each in one thread from its first middleware to its last, and threads that are used again with their connection to the database.

Django's own handler begins a thread and opens the database anew for each request, and goes from one thread to another and back at every middleware
that is written for the other kind: of a page that takes 12 ms these took some 6 ms more, and each step waits for its turn on a busy machine.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.db import connection
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from brokers import database_file, interpreter

MOST_IDLE = 4
"""Threads that wait for a request; each keeps a connection with what SQLite has cached. Those of a rush end after it."""


class Threads:
    """Threads of which each works for one request at a time. There are as many as requests at once."""

    def __init__(self, most_idle: int = MOST_IDLE) -> None:
        self._most_idle = most_idle
        self._idle: deque[ThreadPoolExecutor] = deque()
        self._lock = threading.Lock()

    def take(self) -> ThreadPoolExecutor:
        """The one that was used last, whose caches are warm; else a new one."""
        try:
            return self._idle.pop()
        except IndexError:
            return ThreadPoolExecutor(1, thread_name_prefix="request")

    def give_back(self, thread: ThreadPoolExecutor) -> None:
        """It is used again once it has done what it still does: a browser that goes away ends a request, but not its thread's work."""
        thread.submit(self._done, thread)

    def _done(self, thread: ThreadPoolExecutor) -> None:
        """In the thread itself, after the answer."""
        interpreter.look_for_garbage_now()
        with self._lock:
            is_kept = len(self._idle) < self._most_idle
            if is_kept:
                self._idle.append(thread)
        if not is_kept:
            connection.close()
            thread.shutdown(wait=False)


class RequestHandler(ASGIHandler):
    """Django's handler of HTTP with middlewares that all are synchronous."""

    def __init__(self) -> None:
        super().__init__()
        self._threads = Threads()

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        thread = self._threads.take()
        try:
            async with ThreadSensitiveContext(executor=thread):
                await self.handle(scope, receive, send)
        finally:
            self._threads.give_back(thread)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        return await sync_to_async(self._answer, thread_sensitive=True)(request)

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        database_file.leave_replaced()
        try:
            return self.get_response(request)
        finally:
            if connection.errors_occurred:
                connection.close()
