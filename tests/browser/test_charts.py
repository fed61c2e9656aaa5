"""Charts in a real browser: a stretch that is dragged over, an earlier time beside it, what happened, and the same figures elsewhere."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from script.screenshots import violations
from tests.browser.conftest import Stack
from tests.waiting import wait_until

DRAWN = "() => [...document.querySelectorAll('[data-chart]')].map((figure) => JSON.parse(figure.dataset.chart))"


def opened(stack: Stack, page: Page, query: str = "") -> str:
    """The page of the queue mail, with its charts drawn."""
    address = f"{stack.url}/queues/{stack.id_of(page, 'queues', 'mail')}/"
    page.goto(f"{address}?{query}")
    expect(page.locator("[data-chart-plot]").first).to_be_visible()
    expect(page.locator(".u-over")).to_have_count(4)
    return address


def test_a_stretch_that_is_dragged_over_is_fetched_by_its_address_and_back_leads_out(stack: Stack, page: Page) -> None:
    opened(stack, page, "range=1h&compare=yesterday")
    plot = page.locator(".u-over").first
    box = plot.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + 30, steps=4)
    page.mouse.up()
    page.wait_for_url(re.compile("from="))
    query = {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}
    assert query["compare"] == "yesterday" and query["range"] == "1h"
    expect(page.get_by_role("link", name="Whole range").first).to_be_visible()
    expect(page.locator("#chart-depth")).to_have_attribute("data-chart", re.compile('"follows": ?false'))
    shown: dict[str, Any] = page.evaluate(DRAWN)[0]
    start, end = (datetime.fromisoformat(query[name]).timestamp() for name in ("from", "to"))
    assert (shown["from"], shown["to"]) == (min(start, end - 60), end)
    assert [line["label"] for line in shown["lines"]][-1] == "depth, yesterday"
    page.go_back()
    page.wait_for_url(re.compile(r"\?range=1h&compare=yesterday$"))
    expect(page.locator("#chart-depth")).to_have_attribute("data-chart", re.compile('"follows": ?true'))
    expect(page.get_by_role("link", name="Whole range")).to_have_count(0)


# The words of marks 150 px from each other and of two gaps, as many as are shown, and the pairs of them that overlap; `overlay` draws them in a box 900 px wide
MARKED = """async address => {
  const { overlay } = await import(address);
  const box = document.body.appendChild(document.createElement("div"));
  Object.assign(box.style, { position: "absolute", top: 0, left: 0, width: "900px", height: "200px" });
  const marks = [100, 250, 400, 550, 700, 850].map((at) => ({ at, text: "Found: demo has messages that reach no queue", colour: "axis" }));
  const gaps = () => [[0, 300, "not recorded before 09:00:00"], [860, 900, "not recorded"]];
  overlay({ over: box, under: box, valToPos: (at) => at }, { span: () => [0, 900], gaps, marks }, () => "#777");
  const words = [...box.querySelectorAll("span")].filter((span) => span.checkVisibility()).map((span) => span.getBoundingClientRect());
  box.remove();
  return [words.length, words.flatMap((one, at) => words.slice(at + 1).filter((other) => one.left < other.right && other.left < one.right)).length];
}"""


def test_words_of_marks_and_gaps_do_not_overlap(stack: Stack, page: Page) -> None:
    opened(stack, page, "range=1h")
    module = next(address for address in page.evaluate("performance.getEntriesByType('resource').map(({ name }) => name)") if "chart_marks" in address)
    shown, overlapping = page.evaluate(MARKED, module)
    assert shown >= 2 and overlapping == 0


@pytest.mark.nightly
def test_plus_and_minus_zoom_around_the_cursor_and_the_focus_stays(stack: Stack, page: Page) -> None:
    opened(stack, page, "range=1h")
    plot = page.locator("[data-chart-plot]").first
    plot.focus()
    expect(plot).to_be_focused()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("+")
    page.wait_for_url(re.compile("from="))
    expect(page.locator("#chart-depth")).to_have_attribute("data-chart", re.compile('"follows": ?false'))
    expect(plot).to_be_focused()
    assert violations(page) == []


def test_line_table_csv_and_call_show_the_same_figures(stack: Stack, page: Page) -> None:
    end = datetime.fromisoformat(page.request.get(f"{stack.url}/api/v1/brokers").json()["items"][0]["polled_at"]).replace(microsecond=0)
    span = f"from={end - timedelta(seconds=60):%Y-%m-%dT%H:%M:%SZ}&to={end:%Y-%m-%dT%H:%M:%SZ}"
    address = opened(stack, page, span)
    shown: dict[str, Any] = page.evaluate(DRAWN)[0]
    line = [None if None in pair else sum(pair) for pair in zip(shown["values"]["ready"], shown["values"]["unacknowledged"], strict=True)]
    called = page.request.get(f"{stack.url}/api/v1/history?{stack.here}&queue=mail&metric=depth&{span}&step={shown['step']}").json()
    assert called["values"] == line and any(value is not None for value in line)
    page.get_by_text("Table of depth").click()
    cells = page.locator("#chart-depth [data-chart-rows] tr td:nth-child(2):not([colspan])").all_inner_texts()
    assert [int(cell.replace(",", "")) for cell in cells] == [value for value in reversed(line) if value is not None]
    csv = page.request.get(f"{address}?{span}&part=charts&csv=depth").text()
    figures = [row.split(",")[1] for row in csv.splitlines()[1:] if not row.split(",")[-1]]
    assert figures == ["" if value is None else str(value) for value in line]
    with page.expect_download() as saved:
        page.get_by_role("button", name="PNG of depth").click()
    assert saved.value.suggested_filename == "chart-depth.png"
    assert saved.value.path().read_bytes().startswith(b"\x89PNG")


def test_a_binding_that_is_added_is_marked_on_the_charts_of_its_queue(stack: Stack, page: Page) -> None:
    stack.node.api("PUT", f"exchanges/{stack.vhost}/marked", {"type": "topic", "durable": True})
    stack.node.api("POST", f"bindings/{stack.vhost}/e/marked/q/mail", {"routing_key": "mark.me", "arguments": {}})
    words = "Binding added: marked → mail (key mark.me)"
    try:
        key = stack.id_of(page, "queues", "mail")
        wait_until(lambda: words in page.request.get(f"{stack.url}/queues/{key}/?range=1h&part=charts").text(), seconds=60)
        opened(stack, page, "range=1h")
        expect(page.locator("#chart-depth .chart-mark", has_text="marked → mail").first).to_be_attached()
    finally:
        stack.node.api("DELETE", f"exchanges/{stack.vhost}/marked")
