"""The map of a broker with 10,000 queues and 50,000 bindings: its first picture, a change of focus and a tick in a real Chromium.

`.venv/bin/python -m script.bench_parts.map [--queues 10000] [--peer-seconds 60]`. Starts a RabbitMQ node and a web process of its own. The peer is elkjs with
the whole graph, which is ended after so many seconds. Standard error shows how far it is.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from script.bench_parts import big_broker, map_browser
from script.bench_parts.main_thread import ALL
from script.bench_parts.own_database import set_up
from script.bench_parts.rows import Row, at_most, emit, percentile
from script.rabbitmq_node import RabbitNode
from script.screenshots import CHROMIUM_FLAGS, chromium

ROOT = Path(__file__).resolve().parents[2]
BINDINGS_A_QUEUE, EXCHANGES = 5, 100
PICTURES, FOCUSES, TICKS = 5, 5, 30
GOAL_PICTURE_MS, GOAL_FOCUS_MS, GOAL_TICK_MS = 2000, 500, 16
PEER_SECONDS = 60
APART = "?alike=show"
"""The names of this broker's queues are alike: as one group they are no picture of 150 nodes."""
PEER = """
const ELK = require("elkjs"), [queues, each, exchanges] = process.argv.slice(1).map(Number);
const box = (id) => ({ id, width: 176, height: 54 });
const from = (at, key) => (key ? `shop.${(at + key) % exchanges}` : "orders");
const edges = [];
for (let at = 0; at < queues; at += 1)
  for (let key = 0; key < each; key += 1) edges.push({ id: `b${at}-${key}`, sources: [from(at, key)], targets: [`q${at}`] });
const children = ["orders", ...Array.from({ length: exchanges }, (_, at) => `shop.${at}`), ...Array.from({ length: queues }, (_, at) => `q${at}`)].map(box);
const layoutOptions = { "elk.algorithm": "layered", "elk.direction": "RIGHT" };
new ELK().layout({ id: "all", children, edges }, { layoutOptions }).then(() => process.exit(0), () => process.exit(3));
"""
FOCUS = (
    ("a queue", f"{APART}&kind=queue", FOCUSES),
    ("an exchange of all queues, none folded", APART, 1),
    ("an exchange of all queues", "?kind=exchange&q=orders&hops=0", 1),
)
"""(what, where its link is, the first so many of them)."""


def bind_more(node: RabbitNode, queues: int) -> None:
    """Four further bindings of each queue, to a hundred exchanges."""
    kept = {"vhost": "/", "type": "topic", "durable": True, "auto_delete": False, "internal": False, "arguments": {}}
    node.api("POST", "definitions", {"exchanges": [{**kept, "name": f"shop.{number}"} for number in range(EXCHANGES)]}, timeout_seconds=90)
    made = {"vhost": "/", "destination_type": "queue", "arguments": {}}
    for start in range(0, queues, big_broker.AT_ONCE):
        bindings = [
            {**made, "source": f"shop.{(at + key) % EXCHANGES}", "destination": big_broker.queue_name(at), "routing_key": f"more.{key}.{at}"}
            for at in range(start, min(start + big_broker.AT_ONCE, queues))
            for key in range(1, BINDINGS_A_QUEUE)
        ]
        node.api("POST", "definitions", {"bindings": bindings}, timeout_seconds=180)


def peer(queues: int, most_seconds: float) -> tuple[float | None, str]:
    """(milliseconds, text) of elkjs with the whole graph; None where it failed or was not done in time."""
    program, began = shutil.which("node") or str(ROOT / ".venv" / "bin" / "node"), time.monotonic()
    command = [program, "--max-old-space-size=4096", "-e", PEER, *map(str, (queues, BINDINGS_A_QUEUE, EXCHANGES))]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=most_seconds)
    except subprocess.TimeoutExpired:
        return None, f"elkjs with the whole graph: not done after {most_seconds:g} s"
    took = (time.monotonic() - began) * 1000
    if done.returncode:
        return None, f"elkjs with the whole graph: failed after {took / 1000:.0f} s"
    return took, f"elkjs with the whole graph: {took:,.0f} ms"


def web_process() -> int:
    """The process of the pages, which this one started. Its command line stands nowhere for a moment after its start."""
    for _ in range(100):
        for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split():
            if "dashboard.web" in Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8"):
                return int(pid)
        time.sleep(0.1)
    raise TimeoutError("the web process did not start")


def stored_again() -> None:
    """As after a poll: what is kept of the broker's figures is out of date."""
    from django.db.models import F
    from django.utils import timezone

    from brokers.models import Broker

    with ThreadPoolExecutor(1) as thread:  # Playwright's loop runs in this one
        thread.submit(Broker.objects.update, revision=F("revision") + 1, polled_at=timezone.now()).result()


class Measured:
    """Milliseconds by the clock, and of the web process's processor time."""

    def __init__(self, server: int) -> None:
        self.server = server
        self.took: list[float] = []
        self.cpu: list[float] = []

    def add(self, measure: object) -> None:
        before = big_broker.cpu_seconds(self.server)
        self.took.append(measure())  # type: ignore[operator]
        self.cpu.append((big_broker.cpu_seconds(self.server) - before) * 1000)

    def row(self, what: str, goal: float, text: str = "", whole: float | None = None) -> Row:
        half = percentile(self.took, 50)
        return Row(what, f"{half:.0f} ms (server’s CPU {percentile(self.cpu, 50):.0f})", text, whole and whole / half, *at_most(goal, half, " ms"))


def pictures(browser: Browser, root: str, cookie: dict[str, object], query: str, server: int, count: int) -> Measured:
    found = Measured(server)
    for _ in range(count):
        stored_again()
        with map_browser.visit(browser, root, cookie) as visit:
            found.add(lambda visit=visit: visit.picture(query))
    return found


def focuses(browser: Browser, root: str, cookie: dict[str, object], query: str, server: int, links: int) -> Measured:
    found = Measured(server)
    for number in range(FOCUSES):
        with map_browser.visit(browser, root, cookie) as visit:
            visit.picture(query)
            visit.wait_arranged()
            stored_again()
            found.add(lambda visit=visit, number=number: visit.focus(number % links))
    return found


def rows(root: str, cookie: dict[str, object], queues: int, peer_seconds: float) -> list[Row]:
    size, server = f"{queues:,} queues, {queues * BINDINGS_A_QUEUE:,} bindings", web_process()
    start = big_broker.cpu_seconds(server)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        say("first pictures")
        first = pictures(browser, root, cookie, "", server, 1)
        folded, apart = (pictures(browser, root, cookie, query, server, PICTURES) for query in ("", APART))
        say("changes of focus")
        changed = [(what, focuses(browser, root, cookie, query, server, links)) for what, query, links in FOCUS]
        say("ticks")
        with map_browser.visit(browser, root, cookie, moves=False) as visit:
            visit.picture(APART)
            visit.wait_arranged()
            nodes, ticks = visit.ticks(TICKS, "map")
        with map_browser.visit(browser, root, cookie, moves=False) as visit:
            visit.picture(APART)
            visit.wait_arranged()
            _, tables = visit.ticks(TICKS // 3, "map-table")
        with map_browser.visit(browser, root, cookie) as visit:
            visit.picture(APART)
            visit.wait_arranged()
            visit.ticks(1, "map")
            dots = visit.idle()
        browser.close()
    say(f"the peer, {peer_seconds:g} s at most")
    whole, text = peer(queues, peer_seconds)
    tick = percentile([one[ALL] for one in ticks], 50)
    return [
        Row("the web process’s start, until it answers", f"{start * 1000:.0f} ms of processor time"),
        first.row(f"the first picture of the map after a start, {size}", GOAL_PICTURE_MS),
        folded.row("the first picture after a poll, half", GOAL_PICTURE_MS),
        apart.row(f"the same of {nodes} nodes, half", GOAL_PICTURE_MS, text, whole),
        *(found.row(f"another focus: {what}, half", GOAL_FOCUS_MS) for what, found in changed),
        Row(
            f"a tick on the main thread, every figure of {nodes} nodes changed, half", f"{tick:.1f} ms ({map_browser.phases_text(ticks)})", "", None,
            *at_most(GOAL_TICK_MS, tick, " ms"),
        ),
        Row("the table below the map is renewed, half", f"{percentile([one[ALL] for one in tables], 50):.1f} ms ({map_browser.phases_text(tables)})"),
        Row("dots that move along the busiest edges", f"{dots[ALL]:.0f} ms of the main thread a second ({map_browser.phases_text([dots])})"),
    ]  # fmt: skip


def say(text: str) -> None:
    print(f"map: {text}", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queues", type=int, default=10_000)
    parser.add_argument("--peer-seconds", type=float, default=PEER_SECONDS)
    options = parser.parse_args()
    say(f"a node with {options.queues:,} queues")
    with big_broker.running(options.queues) as node:
        bind_more(node, options.queues)
        set_up(f"bench=http://{node.user}:{node.password}@127.0.0.1:{node.ports['management']}", pages=True)
        from script.bench_parts.first_page import session_cookie
        from script.bench_parts.queues import polled
        from script.bench_parts.web import running_web

        say("a poll of everything")
        polled(node)
    cookie = session_cookie()
    with running_web() as port:
        emit(*rows(f"http://127.0.0.1:{port}", cookie, options.queues, options.peer_seconds))


if __name__ == "__main__":
    main()
