"""What a real Chromium does with the map: until it is drawn, until another focus is, and what a tick costs its main thread."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Browser, BrowserContext, Page

from script.bench_parts.main_thread import ALL, CATEGORIES, spent
from script.bench_parts.rows import percentile

PATIENCE_SECONDS = 300
IDLE_MS = 3000
DRAWN = """() => {
  const map = (drawn = "") => document.querySelector(`[data-map]${drawn}`);
  addEventListener("click", () => Object.assign(window, { clickedAt: performance.now(), drawnAt: null, before: map() }), true);
  const look = () => { if (map("[data-drawn]") && map("[data-drawn]") !== window.before) window.drawnAt ??= performance.now(); };
  new MutationObserver(look).observe(document, { subtree: true, childList: true, attributeFilter: ["data-drawn"] });
}"""
MARKS = ("request", "morph", "settle", "drawing", "frames", "end")
"""What follows each but the last, in a renewal of a part."""
MARKS_OF_FIGURES = ("request", "drawing", "frames", "end")
"""The same where nothing is swapped."""
TICKS = """async ([count, name, swaps]) => {
  const part = document.querySelector(`[data-part="${name}"]`), frame = () => new Promise(requestAnimationFrame);
  let renewed = null;
  part.addEventListener("htmx:beforeSwap", () => performance.mark(swaps ? "morph" : "drawing"));
  part.addEventListener("htmx:afterSwap", () => performance.mark("settle"));
  if (swaps) addEventListener("hareline:parts", () => performance.mark("drawing"), true);
  const drawn = () => { performance.mark("frames"); renewed(); };
  if (swaps) document.addEventListener("hareline:parts", drawn); else part.addEventListener("htmx:afterRequest", drawn);
  for (let round = 0; round < count; round += 1) {
    const done = new Promise((resolve) => (renewed = resolve));
    performance.mark("request");
    part.dispatchEvent(new CustomEvent("hareline:outdated"));
    await done;
    await frame();
    await frame();
    performance.mark("end");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}"""
IDLE = """async (milliseconds) => {
  performance.mark("request");
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  performance.mark("end");
}"""


class Visit:
    """A page of a browser whose cache is empty."""

    def __init__(self, browser: Browser, context: BrowserContext, root: str) -> None:
        self.browser, self.root = browser, root
        self.page: Page = context.new_page()
        self.page.add_init_script(f"({DRAWN})()")

    def picture(self, query: str) -> float:
        """Milliseconds from the request to the first drawing."""
        self.page.goto(f"{self.root}/map/{query}", wait_until="commit", timeout=PATIENCE_SECONDS * 1000)
        return self._drawn_at()

    def focus(self, number: int) -> float:
        """Milliseconds from a click on a row's focus to the new drawing."""
        self.page.locator("#content table a", has_text="Focus").nth(number).click()
        return self._drawn_at() - float(self.page.evaluate("window.clickedAt"))

    def _drawn_at(self) -> float:
        self._wait("window.drawnAt ?? null")
        return float(self.page.evaluate("window.drawnAt"))

    def wait_arranged(self) -> None:
        """Until nothing of the drawing will move any more."""
        self._wait('document.querySelector("[data-map][data-drawn=whole], [data-map][data-drawn=columns]") && 1')

    def _wait(self, expression: str) -> None:
        """The page's policy lets Playwright evaluate nothing there in a loop of its own."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.page.evaluate(expression) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the map was not drawn within {PATIENCE_SECONDS} s")
            self.page.wait_for_timeout(20)

    def ticks(self, count: int, part: str) -> tuple[int, list[dict[str, float]]]:
        """(nodes that are drawn, what each renewal of the part cost by phase); its figures are others each time. Once a visit, since it leaves its marks."""
        address = str(self.page.locator(f'[data-part="{part}"]').get_attribute("hx-get"))
        form = str(self.page.evaluate("JSON.parse(document.getElementById('map-data').textContent).form"))
        answer = self.page.context.request.get(f"{self.root}{address}", headers={"HX-Request": "true", "Hareline-Form": form})
        text, content_type = answer.text(), answer.headers["content-type"]
        self.page.route(
            lambda url: parse_qs(urlsplit(url).query).get("part") == [part], lambda route: route.fulfill(body=varied(text), content_type=content_type)
        )
        swaps = "json" not in content_type
        return len(self.page.query_selector_all(".map-node")), self._traced(TICKS, [count, part, swaps], MARKS if swaps else MARKS_OF_FIGURES)

    def idle(self) -> dict[str, float]:
        """What each second costs while nothing but the dots changes."""
        found = self._traced(IDLE, IDLE_MS, ("request", "end"))[0]
        return {phase: value * 1000 / IDLE_MS for phase, value in found.items()}

    def _traced(self, script: str, argument: object, marks: tuple[str, ...]) -> list[dict[str, float]]:
        self.browser.start_tracing(page=self.page, categories=list(CATEGORIES))
        self.page.evaluate(script, argument)
        return spent(self.browser.stop_tracing(), marks)


def varied(answer: str) -> str:
    """The answer with others: of the drawing's figures all of them, of the table each number."""
    if not answer.startswith("{"):
        return re.sub(r"(?<=>)[\d,.]+(?=</td>)", lambda _: f"{random.random() * 50:.1f}", answer)  # noqa: S311
    graph = json.loads(answer)
    for node in graph["nodes"]:
        messages = random.randrange(9000)  # noqa: S311
        node |= {"in": random.random() * 50, "messages": messages, "lines": [f"{messages:,} messages", *node["lines"][1:]]}  # noqa: S311
    graph["rates"] = [random.random() * 50 for _ in graph["rates"]]  # noqa: S311
    return json.dumps(graph)


@contextmanager
def visit(browser: Browser, root: str, cookie: Mapping[str, object], moves: bool = True) -> Iterator[Visit]:
    """`moves`: False as for people who want no motion."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="no-preference" if moves else "reduce")
    try:
        context.add_cookies([{**cookie, "url": root}])  # type: ignore[typeddict-item]
        yield Visit(browser, context, root)
    finally:
        context.close()


def phases_text(rounds: Iterable[Mapping[str, float]]) -> str:
    """Half of the time of each phase, the longest first, without those of less than a tenth of a millisecond.

    >>> phases_text([{"all": 9.0, "paint": 3.0, "morph": 6.0, "HTML": 0.01}])
    'morph 6.0, paint 3.0'
    """
    rounds = list(rounds)
    names = {name for one in rounds for name in one} - {ALL}
    half = {name: percentile([one.get(name, 0.0) for one in rounds], 50) for name in names}
    return ", ".join(f"{name} {value:.1f}" for name, value in sorted(half.items(), key=lambda pair: -pair[1]) if value >= 0.1)
