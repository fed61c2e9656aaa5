"""A web process over the database of this process, and a browser's end of its socket."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import websockets

START_SECONDS = 60


@contextlib.contextmanager
def running_web() -> Iterator[int]:
    """daphne as Hareline starts it; the port."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        port = listening.getsockname()[1]
        command = [sys.executable, "-m", "dashboard.web", "-v", "0", "--fd", str(listening.fileno())]
        environment = os.environ | {"HARELINE_PORT": str(port)}
        process = subprocess.Popen(command, pass_fds=[listening.fileno()], env=environment, stdout=subprocess.DEVNULL)
    try:
        wait_answered(port)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def wait_answered(port: int) -> None:
    """Connections alone show nothing: they wait in the queue of the socket, which is there before the process."""
    request = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with request.open(f"http://127.0.0.1:{port}/healthz", timeout=START_SECONDS):
        pass


@contextlib.asynccontextmanager
async def frames_of(port: int, session: str, topic: str, key: str) -> AsyncIterator[Callable[[], Awaitable[int]]]:
    """A socket that shows one queue; awaits the next depth of it that arrives."""
    headers = {"Cookie": f"hareline_session={session}"}
    address, origin = f"ws://127.0.0.1:{port}/ws/live/", f"http://127.0.0.1:{port}"
    async with websockets.connect(address, origin=origin, additional_headers=headers, open_timeout=START_SECONDS) as link:  # type: ignore[arg-type]
        await link.send(json.dumps({"subscribe": [{"topic": topic, "rows": [key]}]}))

        received = 0

        async def next_depth() -> int:
            nonlocal received
            while True:
                frame = json.loads(await link.recv())
                if "topic" in frame:
                    received += 1
                    await link.send(json.dumps({"ack": received}))
                numbers = frame.get("rows", {}).get(key, {}).get("number", {})
                if "depth" in numbers:
                    return int(numbers["depth"])

        yield next_depth
