"""Measures live deliveries: one patch to many sockets of one daphne, through the hub and through a channel layer's group_send, in the same run.

`.venv/bin/python -m script.bench_parts.fanout [--viewers 1000] [--rounds 20]`; a program of its own stands for the browsers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import socket
import statistics
import time
from typing import Any

from dashboard.people.access import ALL_RIGHTS
from script.bench_parts.browsers import Browsers
from script.bench_parts.rows import Row, at_least, at_most, emit, percentile, private_kilobytes

ROWS = 20
GOAL_CPU_TIMES, GOAL_LATE_TIMES, GOAL_KILOBYTES = 12, 8, 40
PORT_WAIT_SECONDS = 20
NEVER_SECONDS = 86_400


def serve(port: int, pipe: Any) -> None:
    """A daphne whose sockets join the hub or a group; (path, round) from the pipe starts a round, the seconds it took go back."""
    from dashboard.live.web_server import LiveServer  # installs Twisted's reactor, hence here

    server = LiveServer(Fanout(pipe), endpoints=[f"tcp:port={port}:interface=127.0.0.1"], signal_handlers=False, verbosity=0, ping_interval=NEVER_SECONDS)
    server.run()


class Fanout:
    """The ASGI application: one path for each kind."""

    def __init__(self, pipe: Any) -> None:
        self.pipe = pipe
        self.started = False
        self.viewers = 0

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if not self.started:
            self._start()
        await receive()
        await send({"type": "websocket.accept"})
        if scope["path"] == "/hub":
            viewer = _Viewer(send)
            self.hub.join("queues/1/%2F", viewer, frozenset(f"queue-{number}" for number in range(ROWS)))
            self.viewers += 1
            while (await receive())["type"] != "websocket.disconnect":
                pass
            return
        channel = await self.layer.new_channel()
        await self.layer.group_add("queues", channel)
        self.viewers += 1
        while True:
            await send({"type": "websocket.send", "text": (await self.layer.receive(channel))["text"]})

    def _start(self) -> None:
        from channels.layers import InMemoryChannelLayer

        from dashboard.live.hub import Hub

        self.started = True
        self.hub = Hub()
        self.layer = InMemoryChannelLayer()
        loop = asyncio.get_running_loop()
        loop.add_reader(self.pipe.fileno(), lambda: loop.create_task(self._round(*self.pipe.recv())))

    async def _round(self, path: str, number: int) -> None:
        patch = _patch(number)
        started = time.process_time()
        if path == "hub":
            await self.hub.publish(patch)
        else:
            await self.layer.group_send("queues", {"type": "patch", "text": patch.frame(None)})
        await asyncio.sleep(0.8)  # what is written later counts too: receivers of the layer are tasks of their own; the clock counts CPU only
        self.pipe.send(time.process_time() - started)


def _patch(number: int) -> Any:
    from datetime import UTC, datetime

    from dashboard.live.frames import Moment, Patch

    now = datetime.now(UTC)
    row = {"text": {"depth": f"{number:,}", "in": "12.4"}, "number": {"depth": number, "publish_per_second": 12.4}, "sent": time.time()}
    return Patch("queues/1/%2F", "bench", number, Moment(now, now, 5), {f"queue-{index}": json.dumps(row) for index in range(ROWS)})


class _Viewer:
    rights = ALL_RIGHTS
    session_key = "bench"

    def __init__(self, send: Any) -> None:
        self.send = send

    async def deliver(self, topic: str, frame: str) -> None:
        await self.send({"type": "websocket.send", "text": frame})

    async def deliver_state(self, topic: str, rows: Any, frame: str) -> None:
        await self.deliver(topic, frame)

    async def refuse(self) -> None:
        raise RuntimeError("a viewer failed")

    async def renew(self, user: Any) -> None: ...


def measure(port: int, path: str, viewers: int, rounds: int, pipe: Any, pid: int) -> dict[str, float]:
    """Microseconds of the server's CPU a delivery, its memory a viewer, and when the frames arrived after they were sent."""
    before = private_kilobytes(pid)
    browsers = Browsers(port, path, viewers)
    delays: list[float] = []
    seconds: list[float] = []
    for number in range(rounds):
        pipe.send((path, number))
        delays += browsers.next_frames()
        seconds.append(pipe.recv())
    grown = private_kilobytes(pid) - before
    browsers.close()
    delays_ms = [delay * 1000 for delay in delays]
    return {
        "us": 1e6 * statistics.median(seconds) / viewers,
        "p99": percentile(delays_ms, 99),
        "p50": percentile(delays_ms, 50),
        "kilobytes": grown / viewers,
        "delivered": len(delays) / (viewers * rounds),
    }


def rows(viewers: int, hub: dict[str, float], layer: dict[str, float]) -> list[Row]:
    to = f"one patch to {viewers:,} viewers"
    cpu, late = layer["us"] / hub["us"], layer["p99"] / hub["p99"]
    return [
        Row(f"{to}: CPU a delivery", f"{hub['us']:.1f} µs", f"channel layer’s group_send: {layer['us']:.0f} µs",
            cpu, *at_least(GOAL_CPU_TIMES, cpu)),
        Row(f"{to}: 99 % have it after", f"{hub['p99']:.0f} ms", f"group_send: {layer['p99']:.0f} ms", late, *at_least(GOAL_LATE_TIMES, late)),
        Row("memory a viewer in the web process", f"{hub['kilobytes']:.0f} kB", f"group_send: {layer['kilobytes']:.0f} kB",
            layer["kilobytes"] / hub["kilobytes"], *at_most(GOAL_KILOBYTES, hub["kilobytes"], " kB")),
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--viewers", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(port, theirs), daemon=True)
    server.start()
    try:
        _wait_for(port)
        pid = server.pid or 0
        hub, layer = (measure(port, path, options.viewers, options.rounds, ours, pid) for path in ("hub", "layer"))
        emit(*rows(options.viewers, hub, layer))
    finally:
        server.terminate()
        server.join()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + PORT_WAIT_SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("daphne did not start")


if __name__ == "__main__":
    main()
