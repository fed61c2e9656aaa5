"""People in front of a run's web processes: pages that are opened again and again, and open pages whose sockets come back by themselves, as in a browser."""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
import urllib.request
from collections import Counter
from typing import Any

import websockets

from script.soak_parts.pages import PAGES, logged_in

PAUSE_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 5.0


class PageVisitor:
    """Opens one page after another through the proxy. A page that fails is opened once more at once: `twice` has those that failed again."""

    def __init__(self, stack: Any) -> None:
        self.opened, self.failed = 0, 0
        self.twice: list[str] = []
        self.slowest_seconds = 0.0
        self._stack, self._opener = stack, logged_in(stack)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def session(self) -> str:
        """The session's cookie."""
        handlers = self._opener.handlers  # type: ignore[attr-defined]
        jar = next(handler.cookiejar for handler in handlers if isinstance(handler, urllib.request.HTTPCookieProcessor))
        return next(str(cookie.value) for cookie in jar if cookie.name == "hareline_session")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(30)

    def _run(self) -> None:
        while not self._ended.is_set():
            for path in PAGES:
                self._visit(path)
                if self._ended.wait(PAUSE_SECONDS):
                    return

    def _visit(self, path: str) -> None:
        first = self._problem(path)
        self.opened += 1
        if first:
            self.failed += 1
            again = self._problem(path)
            if again:
                self.twice.append(f"{path}: {first}, then {again}")

    def _problem(self, path: str) -> str:
        began = time.monotonic()
        try:
            with self._opener.open(self._stack.url + path, timeout=20) as answer:
                text = answer.read().decode()
                where = answer.geturl()
        except OSError as error:
            return str(error)
        self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - began)
        return "logged out" if "/login/" in where else "" if text.rstrip().endswith("</html>") else "not a whole page"


class Sockets:
    """Open pages of a broker, which connect again when they lose their socket. `frame_at`: when each last got a frame."""

    def __init__(self, url: str, session: str, topics: list[str], count: int) -> None:
        self.count, self.frame_at, self.lost = count, dict.fromkeys(range(count), 0.0), 0
        self.longest_gap_seconds = 0.0
        self.refused: Counter[str] = Counter()
        self._url, self._session, self._topics = url, session, topics
        self._loop, self._ended = asyncio.new_event_loop(), asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._ended.set)
            self._thread.join(20)

    def behind(self, seconds: float) -> int:
        """How many have got no frame for so long."""
        return sum(time.monotonic() - at > seconds for at in self.frame_at.values())

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._watch_all())
        finally:
            self._loop.close()

    async def _watch_all(self) -> None:
        watches = [asyncio.create_task(self._watch(number)) for number in range(self.count)]
        await self._ended.wait()
        for watch in watches:
            watch.cancel()
        await asyncio.gather(*watches, return_exceptions=True)

    async def _watch(self, number: int) -> None:
        address = self._url.replace("http", "ws", 1) + "/ws/live/"
        frame = json.dumps({"subscribe": [{"topic": topic, "rows": None} for topic in self._topics]})
        failures = 0
        while True:
            try:
                headers = {"Cookie": f"hareline_session={self._session}"}
                async with websockets.connect(address, origin=self._url, additional_headers=headers, open_timeout=5, compression=None) as link:  # type: ignore[arg-type]
                    await link.send(frame)
                    failures, received = 0, 0
                    while True:
                        answer = json.loads(await asyncio.wait_for(link.recv(), 30))
                        self._note(number)
                        received += "topic" in answer
                        await link.send(json.dumps({"ack": received}))
            except (OSError, TimeoutError, websockets.WebSocketException) as error:
                self.lost += 1
                self.refused[str(getattr(getattr(error, "response", None), "status_code", type(error).__name__))] += 1
            failures += 1
            await asyncio.sleep(min(LONGEST_WAIT_SECONDS, 0.25 * 2**failures) * (0.5 + random.random() / 2))  # noqa: S311

    def _note(self, number: int) -> None:
        now, before = time.monotonic(), self.frame_at[number]
        if before:
            self.longest_gap_seconds = max(self.longest_gap_seconds, now - before)
        self.frame_at[number] = now
