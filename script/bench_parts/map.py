"""The map of a broker with 10,000 queues and 50,000 bindings: its first picture, a change of focus and a tick in a real Chromium.

`.venv/bin/python -m script.bench_parts.map [--queues 10000]`. Starts a RabbitMQ node and a web process of its own. The peer is elkjs with the whole graph.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import time
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, sync_playwright

from script.bench_parts import big_broker
from script.bench_parts.own_database import set_up
from script.bench_parts.rows import Row, at_most, emit, percentile
from script.rabbitmq_node import RabbitNode
from script.screenshots import CHROMIUM_FLAGS, chromium

ROOT = Path(__file__).resolve().parents[2]
BINDINGS_A_QUEUE = 5
PICTURES, FOCUSES, TICKS = 5, 5, 40
GOAL_PICTURE_MS, GOAL_FOCUS_MS, GOAL_TICK_MS = 2000, 500, 16
PEER_SECONDS = 120
DRAWN = """() => {
  const map = (drawn = "") => document.querySelector(`[data-map]${drawn}`);
  addEventListener("click", () => Object.assign(window, { clickedAt: performance.now(), drawnAt: null, before: map() }), true);
  const look = () => { if (map("[data-drawn]") && map("[data-drawn]") !== window.before) window.drawnAt ??= performance.now(); };
  new MutationObserver(look).observe(document, { subtree: true, childList: true, attributeFilter: ["data-drawn"] });
}"""
TICK = """async (count) => {
  const holder = document.getElementById("map-data"), graph = JSON.parse(holder.textContent), took = [];
  for (let round = 0; round < count; round += 1) {
    for (const node of graph.nodes) Object.assign(node, { in: Math.random() * 50, lines: [String(Math.floor(Math.random() * 9000))] });
    for (const edge of graph.edges) edge.rate = Math.random() * 50;
    holder.textContent = JSON.stringify(graph);
    const began = performance.now();
    document.dispatchEvent(new CustomEvent("hareline:parts", { detail: { part: "map" } }));
    document.querySelector(".map-name").getBBox(); // style and layout too
    took.push(performance.now() - began);
    await new Promise(requestAnimationFrame);
  }
  return [took, graph.nodes.length];
}"""
PEER = """
const ELK = require("elkjs"), [queues, each] = process.argv.slice(1).map(Number);
const box = (id) => ({ id, width: 176, height: 54 });
const edges = [];
for (let at = 0; at < queues; at += 1) for (let key = 0; key < each; key += 1) edges.push({ id: `b${at}-${key}`, sources: ["orders"], targets: [`q${at}`] });
const children = [box("orders"), ...Array.from({ length: queues }, (_, at) => box(`q${at}`))];
const layoutOptions = { "elk.algorithm": "layered", "elk.direction": "RIGHT" };
new ELK().layout({ id: "all", children, edges }, { layoutOptions }).then(() => process.exit(0), () => process.exit(3));
"""


def bind_more(node: RabbitNode, queues: int) -> None:
    """Four further bindings of each queue."""
    made = {"vhost": "/", "source": big_broker.EXCHANGE, "destination_type": "queue", "arguments": {}}
    for start in range(0, queues, big_broker.AT_ONCE):
        names = [big_broker.queue_name(number) for number in range(start, min(start + big_broker.AT_ONCE, queues))]
        bindings = [{**made, "destination": name, "routing_key": f"more.{key}.{name}"} for name in names for key in range(1, BINDINGS_A_QUEUE)]
        node.api("POST", "definitions", {"bindings": bindings}, timeout_seconds=180)


def peer(queues: int) -> tuple[float | None, str]:
    """(milliseconds, text) of elkjs with the whole graph; None where it failed or was not done in time."""
    program, began = shutil.which("node") or str(ROOT / ".venv" / "bin" / "node"), time.monotonic()
    command = [program, "--max-old-space-size=4096", "-e", PEER, str(queues), str(BINDINGS_A_QUEUE)]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=PEER_SECONDS)
    except subprocess.TimeoutExpired:
        return None, f"elkjs with the whole graph: not done after {PEER_SECONDS} s"
    took = (time.monotonic() - began) * 1000
    return (
        (took, f"elkjs with the whole graph: {took:,.0f} ms")
        if done.returncode == 0
        else (None, f"elkjs with the whole graph: failed after {took / 1000:.0f} s")
    )


def wait_drawn(page: Page) -> None:
    """Until the map is drawn; the page's policy lets Playwright evaluate nothing there in a loop of its own."""
    deadline = time.monotonic() + 120
    while page.evaluate("window.drawnAt ?? null") is None:
        if time.monotonic() > deadline:
            raise TimeoutError("the map was not drawn within 120 s")
        page.wait_for_timeout(20)


def picture(context: BrowserContext, root: str) -> tuple[Page, float]:
    """The page, and when it was drawn, in milliseconds since its request."""
    page = context.new_page()
    page.add_init_script(f"({DRAWN})()")
    page.goto(f"{root}/map/", wait_until="commit", timeout=120_000)
    wait_drawn(page)
    return page, float(page.evaluate("window.drawnAt"))


def focus(page: Page, number: int) -> float:
    """Milliseconds from a click on a row's focus to the new drawing."""
    page.locator("#content table a", has_text="Focus").nth(number).click()
    wait_drawn(page)
    took = float(page.evaluate("window.drawnAt - window.clickedAt"))
    page.go_back()
    wait_drawn(page)
    return took


def rows(root: str, cookie: dict[str, object], queues: int) -> list[Row]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        pictures = []
        for _ in range(PICTURES):
            context = browser.new_context(viewport={"width": 1440, "height": 900})
            context.add_cookies([{**cookie, "url": root}])  # type: ignore[typeddict-item]
            page, took = picture(context, root)
            pictures.append(took)
            if len(pictures) < PICTURES:
                context.close()
        took, nodes = page.evaluate(TICK, TICKS)
        focuses = [focus(page, number) for number in range(FOCUSES)]
        browser.close()
    first, change, tick = percentile(pictures, 50), percentile(focuses, 50), percentile(took, 50)
    whole, text = peer(queues)
    size = f"{queues:,} queues, {queues * BINDINGS_A_QUEUE:,} bindings"
    return [
        Row(f"first picture of the map, {size}, half", f"{first:.0f} ms", text, whole and whole / first, *at_most(GOAL_PICTURE_MS, first, " ms")),
        Row("another focus, half", f"{change:.0f} ms", "", None, *at_most(GOAL_FOCUS_MS, change, " ms")),
        Row(
            f"a tick on the main thread, every figure of {nodes} nodes changed, script, style and layout, half",
            f"{tick:.1f} ms (95 %: {percentile(took, 95):.1f})", "", None, *at_most(GOAL_TICK_MS, tick, " ms"),
        ),
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queues", type=int, default=10_000)
    queues = parser.parse_args().queues
    with big_broker.running(queues) as node:
        bind_more(node, queues)
        set_up(f"bench=http://{node.user}:{node.password}@127.0.0.1:{node.ports['management']}", pages=True)
        from script.bench_parts.first_page import session_cookie
        from script.bench_parts.queues import polled
        from script.bench_parts.web import running_web

        polled(node)
        cookie = session_cookie()
        with running_web() as port:
            emit(*rows(f"http://127.0.0.1:{port}", cookie, queues))


if __name__ == "__main__":
    main()
