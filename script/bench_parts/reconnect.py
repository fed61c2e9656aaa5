"""Measures how soon every open page is live again after the web process was killed: all of them open their sockets anew at the same time.

`.venv/bin/python -m script.bench_parts.reconnect [--viewers 300 1000]`; reconnects as `static/js/live.js` does.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import os
import random
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import websockets

from script.bench_parts.own_database import set_up
from script.bench_parts.rows import Row, at_most, emit, percentile

QUEUES = 50
GOAL_SECONDS = 10.0
HANDSHAKE_SECONDS = 5.0
LONGEST_WAIT_SECONDS = 5.0
GIVE_UP_SECONDS = 90.0


@contextlib.contextmanager
def web(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The web process as Hareline starts it, once it listens."""
    command = [sys.executable, "-m", "dashboard.web", "-v", "0", "-b", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, env=os.environ | {"HARELINE_PORT": str(port)}, stdout=subprocess.DEVNULL)
    try:
        while True:
            with socket.socket() as trying:
                if trying.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.wait()


class Viewers:
    """Pages that are open all the time; `live_at`: when each of them last got the state of what it shows."""

    def __init__(self, port: int, session: str, topic: str, rows: list[str], count: int) -> None:
        self.address, self.origin = f"ws://127.0.0.1:{port}/ws/live/", f"http://127.0.0.1:{port}"
        self.headers = {"Cookie": f"hareline_session={session}"}
        self.frame = json.dumps({"subscribe": [{"topic": topic, "rows": rows}]})
        self.live_at: dict[int, float] = {}
        self.refused: Counter[str] = Counter()
        self.count = count
        self.complete = asyncio.Event()

    async def all_live(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.complete.wait(), GIVE_UP_SECONDS)

    def forget(self) -> None:
        self.live_at.clear()
        self.refused.clear()
        self.complete.clear()

    async def watch(self, number: int) -> None:
        failures = 0
        while True:
            try:
                options = {"origin": self.origin, "additional_headers": self.headers, "open_timeout": HANDSHAKE_SECONDS, "compression": None}
                async with websockets.connect(self.address, **options) as link:  # type: ignore[arg-type]
                    failures = 0
                    await link.send(self.frame)
                    while True:
                        frame = json.loads(await link.recv())
                        if frame.get("full"):
                            self.live_at.setdefault(number, time.monotonic())
                            if len(self.live_at) == self.count:
                                self.complete.set()
            except (OSError, TimeoutError, websockets.WebSocketException) as error:
                self.refused[str(getattr(getattr(error, "response", None), "status_code", type(error).__name__))] += 1
            failures += 1
            await asyncio.sleep(min(LONGEST_WAIT_SECONDS, 0.25 * 2**failures) * (0.5 + random.random() / 2))  # noqa: S311


async def measure(port: int, session: str, topic: str, rows: list[str], count: int) -> Row:
    viewers = Viewers(port, session, topic, rows, count)
    tasks = []
    try:
        with web(port):
            tasks = [asyncio.create_task(viewers.watch(number)) for number in range(count)]
            await viewers.all_live()
            began_with = len(viewers.live_at)
        await asyncio.sleep(2)  # so that all have noticed
        viewers.forget()
        with web(port):
            listening = time.monotonic()
            await viewers.all_live()
            took = [at - listening for at in viewers.live_at.values()]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    whole = len(took) == count == began_with
    last = f"{max(took):.1f} s" if whole else f"{count - len(took)} were not back after {GIVE_UP_SECONDS:.0f} s"
    ours = f"{last} (half: {percentile(took, 50):.1f} s; refused: {', '.join(f'{times} × {why}' for why, times in viewers.refused.items()) or 'none'})"
    return Row(f"the last of {count:,} pages is live again after the web process was killed", ours, "", None,
               *at_most(GOAL_SECONDS, max(took) if whole else math.inf, " s"))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--viewers", type=int, nargs="+", default=[300, 1000])
    counts = parser.parse_args().viewers
    set_up()
    from brokers.models import Broker, Queue
    from script.bench_parts.first_page import session_cookie

    now = datetime.now(UTC)
    broker = Broker.objects.create(name="bench", state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=5)
    keys = [f"queue-{Queue.objects.create(broker=broker, vhost='/', name=f'q{number}', first_seen_at=now, changed_at=now).pk}" for number in range(QUEUES)]
    session = str(session_cookie()["value"])
    for count in counts:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        emit(asyncio.run(measure(port, session, f"queues/{broker.pk}/%2F", keys, count)))


if __name__ == "__main__":
    main()
