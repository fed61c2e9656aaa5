"""What pages draw has room: nothing lies on something else, no name is cut beside an empty column, no focus ring is clipped."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from kombu import Connection, Queue
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE, OpenContext, Stack
from tests.browser.test_every_page import WATCHED
from tests.waiting import wait_until

# Pairs of cells' contents in one row that overlap, as text
OVERLAPS = """(selector) => [...document.querySelectorAll(selector)].flatMap((row) => {
  const boxes = [...row.children].flatMap((cell) => {
    const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
    const rects = [...cell.querySelectorAll("svg")].map((drawing) => drawing.getBoundingClientRect());
    while (texts.nextNode()) {
      const range = document.createRange();
      range.selectNodeContents(texts.currentNode);
      const isDrawn = texts.currentNode.data.trim() && !texts.currentNode.parentElement.closest(".sr-only, svg, .level-why, .slots-words");
      if (isDrawn) rects.push(range.getBoundingClientRect());
    }
    if (!rects.length || !cell.checkVisibility()) return [];
    const clip = getComputedStyle(cell).overflowX === "visible" ? null : cell.getBoundingClientRect();
    const left = Math.max(clip?.left ?? -Infinity, Math.min(...rects.map((rect) => rect.left)));
    const right = Math.min(clip?.right ?? Infinity, Math.max(...rects.map((rect) => rect.right)));
    return [{ text: cell.className || cell.textContent.trim(), left, right, top: cell.getBoundingClientRect().top }];
  });
  return boxes.flatMap((one, at) => boxes.slice(at + 1).filter((other) => other.top === one.top && one.left < other.right - 0.5 && other.left < one.right - 0.5)
    .map((other) => `${one.text} | ${other.text}`));
})"""

CLIPPED_RINGS = """() => [...document.querySelectorAll("main a[href], main button:not([disabled]), main summary, main [tabindex='0']")].flatMap((element) => {
  if (!element.checkVisibility() || element.closest("thead")?.getBoundingClientRect().height === 1) return [];
  element.focus({ focusVisible: true, preventScroll: true });
  const style = getComputedStyle(element);
  const reach = parseFloat(style.outlineWidth) + parseFloat(style.outlineOffset);
  if (document.activeElement !== element || style.outlineStyle === "none" || reach <= 0) return [];
  const box = element.getBoundingClientRect();
  for (let above = element.parentElement; above && above.id !== "content"; above = above.parentElement) {
    const { overflowX, overflowY } = getComputedStyle(above);
    if (overflowX === "visible" && overflowY === "visible") continue;
    const room = above.getBoundingClientRect();
    const scrolls = above.scrollWidth > above.clientWidth || above.scrollHeight > above.clientHeight;
    if (scrolls && /auto|scroll/.test(overflowX + overflowY)) break;
    if (box.top - reach < room.top || box.bottom + reach > room.bottom || box.left - reach < room.left || box.right + reach > room.right)
      return [`${element.tagName} ${element.className} "${element.textContent.trim().slice(0, 30)}" in ${above.className}`];
  }
  return [];
})"""


def opened(stack: Stack, page: Page, path: str) -> None:
    page.goto(f"{stack.url}{path}{'&' if '?' in path else '?'}{stack.here}")
    expect(page.locator("#live-badge")).to_have_attribute("data-state", "live")


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["1440", "390"])
@pytest.mark.nightly
def test_no_focus_ring_is_clipped(stack: Stack, open_context: OpenContext, viewport: dict[str, int]) -> None:
    page = open_context(viewport=viewport).new_page()
    found = {}
    for path in (*WATCHED, "/send/", f"/queues/{stack.id_of(page, 'queues', 'mail')}/", "/routing/?exchange=orders&routing_key=order.new.us"):
        opened(stack, page, path)
        if clipped := page.evaluate(CLIPPED_RINGS):
            found[path] = clipped
    assert found == {}


@pytest.mark.nightly
def test_nothing_in_a_table_overlaps_something_else(stack: Stack, open_context: OpenContext) -> None:
    page = open_context().new_page()
    stack.publish("mail", 3)
    for path in (*WATCHED, "/tasks/?sort=-runtime_seconds", "/tasks/?sort=-retries", "/queues/?sort=-unacknowledged"):
        opened(stack, page, path)
        assert page.evaluate(OVERLAPS, "main tr") == [], path


@pytest.mark.parametrize("width", [1280, 1366, 1440, 1920])
@pytest.mark.nightly
def test_an_ordinary_name_is_shown_whole(stack: Stack, open_context: OpenContext, width: int) -> None:
    stack.node.api("PUT", f"queues/{stack.vhost}/reports.nightly.eu", {"durable": True, "auto_delete": False})
    page = open_context(viewport={"width": width, "height": 900}).new_page()
    try:
        for path in ("/queues/", "/"):
            page.goto(f"{stack.url}{path}?broker=test")
            name = page.locator("main table a.name", has_text="reports.nightly.eu").first
            expect(name).to_be_visible()
            assert name.evaluate("(name) => name.scrollWidth <= name.clientWidth + 1"), path
    finally:
        stack.node.api("DELETE", f"queues/{stack.vhost}/reports.nightly.eu")


@pytest.mark.nightly
def test_charts_of_a_page_share_their_axis_and_fill_their_panel(stack: Stack, open_context: OpenContext) -> None:
    page = open_context().new_page()
    opened(stack, page, f"/queues/{stack.id_of(page, 'queues', 'mail')}/")
    expect(page.locator(".u-over")).to_have_count(4)
    areas: list[dict[str, Any]] = page.evaluate("[...document.querySelectorAll('.u-over')].map((area) => area.getBoundingClientRect().toJSON())")
    assert areas[0]["left"] == areas[1]["left"] and areas[0]["width"] == areas[1]["width"]
    opened(stack, page, "/")
    free = page.evaluate("""() => {
      const chart = [...document.querySelectorAll("[data-chart]")].at(-1);
      return chart.closest(".panel").getBoundingClientRect().bottom - chart.querySelector("[data-chart-plot]").getBoundingClientRect().bottom;
    }""")
    assert free < 50


INSIDE_THE_PLOT = """(words) => {
  const [inner, plot] = [words, document.querySelector(".u-over")].map((element) => element.getBoundingClientRect());
  return inner.width > 0 && plot.left <= inner.left && inner.right <= plot.right;
}"""


@pytest.mark.nightly
def test_the_mark_of_a_consumer_that_left_has_its_words_inside_the_plot(stack: Stack, open_context: OpenContext) -> None:
    page = open_context().new_page()

    def consumers() -> list[int]:
        found = page.request.get(f"{stack.url}/api/v1/queues?{stack.here}&page_size=500").json()["items"]
        return [one["consumers"] for one in found if one["name"] == "left"]

    stack.node.api("PUT", f"queues/{stack.vhost}/left", {"durable": True, "auto_delete": False})
    try:
        with Connection(stack.node.amqp_url(stack.vhost)) as connection, connection.Consumer(Queue("left", no_declare=True), callbacks=[print]):
            wait_until(lambda: consumers() == [1], seconds=20)
        wait_until(lambda: consumers() == [0], seconds=20)
        opened(stack, page, f"/queues/{stack.id_of(page, 'queues', 'left')}/?range=5m")
        words = page.get_by_text("last consumer left").first
        expect(words).to_be_visible()
        wait_until(lambda: words.evaluate(INSIDE_THE_PLOT))  # a chart that is drawn anew puts other words in their place
    finally:
        stack.node.api("DELETE", f"queues/{stack.vhost}/left")


EIGHT_SLOTS = """() => {
  const [used, reserved] = document.querySelector("main .slots-line").children;
  used.innerHTML = '<i class="slot slot-used"></i>'.repeat(8);
  reserved.innerHTML = '<i class="slot slot-reserved"></i>'.repeat(3) + '<span class="slots-more">+5</span>';
  const tops = (part) => new Set([...part.querySelectorAll("i")].map((slot) => slot.getBoundingClientRect().top)).size;
  return [tops(used), tops(reserved), document.documentElement.scrollWidth <= document.documentElement.clientWidth];
}"""


def test_on_a_phone_eight_slots_stand_in_one_row_and_the_words_of_the_navigation_keep_apart(stack: Stack, open_context: OpenContext) -> None:
    page = open_context(viewport=PHONE).new_page()
    for path in ("/workers/?view=table", "/workers/", "/"):
        opened(stack, page, path)
        page.locator("main .slots-line").first.wait_for(state="attached", timeout=120_000)  # the node may have begun only now
        assert page.evaluate(EIGHT_SLOTS) == [1, 1, True], path
    words = page.evaluate("""() => [...document.querySelectorAll(".side > ul > li")].filter((item) => item.checkVisibility()).map((item) => {
      const { left, right } = item.querySelector("span").getBoundingClientRect();
      return [left, right];
    })""")
    assert len(words) == 7 and all(right - left > 20 for left, right in words), words
    findings = page.get_by_role("navigation", name="Pages").get_by_role("link", name="Findings").first
    expect(findings).to_be_visible()
    assert all(after[0] - before[1] >= 4 for before, after in pairwise(words)), words
    page.get_by_text("More", exact=True).click()
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Send").click()
    page.wait_for_url("**/send/**")
