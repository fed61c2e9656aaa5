"""The map in a real browser: drawn, walked by keyboard, lit up, saved; and what remains of it where the layout worker is refused."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from script.screenshots import violations
from tests.browser.conftest import OpenContext, Stack, Watch
from tests.waiting import wait_until

ARRANGED = "[data-map][data-drawn=whole], [data-map][data-drawn=columns]"


def opened(stack: Stack, page: Page, query: str = "") -> None:
    page.goto(f"{stack.url}/map/?{stack.here}&focus=exchange:orders&own=show{query}")
    expect(page.locator(ARRANGED)).to_be_visible()


def node(page: Page, kind: str, name: str) -> Any:
    return page.locator(f'.map-node[aria-label^="{kind} {name},"]')


def _with_depth(route: Route, line: str) -> None:
    """A page that draws the map already gets figures alone."""
    answer = route.fetch()
    figures = answer.json()
    for node in figures["nodes"]:
        node["lines"] = [line]
    route.fulfill(response=answer, json=figures)


def test_the_map_is_drawn_and_walked_by_keyboard_along_its_edges(stack: Stack, page: Page) -> None:
    opened(stack, page)
    orders, reports = node(page, "exchange", "orders"), node(page, "queue", "reports")
    expect(orders).to_be_visible()
    expect(reports).to_be_visible()
    expect(page.locator(".map-label", has_text="order.*.eu")).to_be_visible()
    assert violations(page) == []
    page.route(lambda url: "part=map" in urlsplit(url).query.split("&"), lambda route: _with_depth(route, "77 messages"))
    page.locator("[data-part=map]").dispatch_event("hareline:outdated")
    expect(reports.locator(".map-line").first).to_contain_text("77 messages")
    page.unroute_all(behavior="wait")
    page.get_by_role("link", name="Focus on reports", exact=True).click()
    expect(reports).to_have_attribute("data-focus", "")
    page.get_by_role("link", name="Focus on orders", exact=True).click()
    expect(orders).to_have_attribute("data-focus", "")
    label = page.locator(".map-label", has_text="order.*.eu")
    edge = page.locator(f'.map-edge[data-edge="{label.get_attribute("data-edge")}"]')
    edge.locator(".map-way").dispatch_event("pointerover")
    expect(edge.locator("title")).to_contain_text("orders sends to reports what matches order.*.eu")
    expect(label).to_have_attribute("data-near", "")
    edge.locator(".map-way").dispatch_event("pointerout")
    expect(label).not_to_have_attribute("data-near", "")
    orders.focus()
    expect(orders).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(reports).to_be_focused()
    expect(page.locator("[data-map-said]")).to_contain_text("order.*.eu")
    page.keyboard.press("Escape")
    expect(page).not_to_have_url(re.compile("focus="))
    expect(page.locator(".map-node[data-focus]")).to_have_count(0)
    expect(page.locator(ARRANGED)).to_be_visible()
    expect(reports).to_be_visible()
    reports.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(rf"/queues/{stack.id_of(page, 'queues', 'reports')}/"))


def test_nearer_and_further_away_the_keyboard_stays_where_it_was(stack: Stack, page: Page) -> None:
    opened(stack, page)
    sheet, reports, focused = page.locator(".map-svg"), node(page, "queue", "reports"), page.locator(".map-svg :focus")
    expect(sheet.locator('[tabindex="0"]')).to_have_count(1)
    page.locator("[data-map-png]").focus()
    page.keyboard.press("Tab")
    expect(page.locator("[data-layer=object] .map-node:focus")).to_have_count(1)  # the sheet itself is no stop
    reports.focus()
    label = page.locator(".map-label", has_text="order.*.eu")
    reports.hover()
    page.locator("h1").hover()
    expect(label).to_have_attribute("data-near", "")  # of what the focus is on
    while sheet.get_attribute("data-detail") == "object":
        page.keyboard.press("-")
    expect(focused).to_have_attribute("aria-label", re.compile("^queue reports,"))
    expect(focused).to_have_role("button")
    page.keyboard.press("ArrowLeft")
    expect(focused).to_have_attribute("aria-label", re.compile("^exchange "))
    page.keyboard.press("ArrowRight")
    while sheet.get_attribute("data-detail") != "object":
        page.keyboard.press("+")
    expect(page.locator("[data-layer=object] .map-node:focus")).to_have_count(1)


def test_coming_nearer_with_the_pointer_on_a_group_shows_its_objects(stack: Stack, page: Page) -> None:
    opened(stack, page)
    sheet = page.locator(".map-svg")
    while sheet.get_attribute("data-detail") == "object":
        page.get_by_role("button", name="Zoom out").click()
    page.locator("[data-layer=group] .map-node").last.hover()
    page.keyboard.down("Control")
    while sheet.get_attribute("data-detail") != "object":
        page.mouse.wheel(0, -120)
    page.keyboard.up("Control")
    expect(page.locator("[data-layer=object]")).to_be_visible()


@pytest.mark.nightly
def test_a_refused_layout_worker_leaves_plain_columns_and_the_page_says_so(stack: Stack, open_context: OpenContext, watch: Watch) -> None:
    watch.expect("worker-src")
    watch.expect("ERR_BLOCKED_BY_LOCAL_NETWORK_ACCESS_CHECKS")  # an answer that a test hands over is of no network: its page may open no socket
    page = open_context().new_page()

    def refuse(route: Any) -> None:
        answer = route.fetch()
        policy = f"{answer.headers['content-security-policy']}; worker-src 'none'"
        route.fulfill(response=answer, headers={**answer.headers, "content-security-policy": policy})

    page.route(lambda url: urlsplit(url).path == "/map/", refuse)
    opened(stack, page)
    expect(page.locator("[data-map-note]")).to_have_text("The browser refused the layout worker. The map is drawn in plain columns instead.")
    expect(page.locator("[data-map]")).to_have_attribute("data-drawn", "columns")
    expect(node(page, "queue", "reports")).to_be_visible()


@pytest.mark.nightly
def test_zoom_steps_of_a_path_and_files(stack: Stack, page: Page) -> None:
    opened(stack, page)
    ids = [node(page, *what).get_attribute("data-node") for what in (("exchange", "orders"), ("queue", "reports"))]
    opened(stack, page, f"&path={'~'.join(map(str, ids))}")
    expect(page.locator("[data-path-said]")).to_have_text("Step 1 of 2: orders")
    page.get_by_role("button", name="Next step").click()
    expect(page.locator("[data-path-said]")).to_contain_text("Step 2 of 2: reports")
    expect(node(page, "queue", "reports")).to_have_attribute("data-lit", "now")
    for kind, start in (("svg", b"<svg "), ("png", b"\x89PNG")):
        with page.expect_download() as saved:
            page.locator(f"[data-map-{kind}]").click()
        assert saved.value.suggested_filename == f"map.{kind}"
        assert saved.value.path().read_bytes().startswith(start)
        assert not page.evaluate("() => [...document.querySelectorAll('.map-svg title')].some((title) => title.textContent)")
    page.evaluate("() => { HTMLCanvasElement.prototype.toBlob = (then) => then(null); }")
    page.locator("[data-map-png]").click()
    expect(page.locator("[data-map-failed]")).to_contain_text("could not make the PNG")
    for _ in range(9):
        page.get_by_role("button", name="Zoom out").click()
    expect(page.locator(".map-svg")).to_have_attribute("data-detail", "vhost")
    group = page.locator('[data-layer=group] [role="button"]').first
    expect(group).to_be_visible()
    group.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".map-svg")).to_have_attribute("data-detail", "object")
    page.goto(f"{stack.url}/map/?{stack.here}&own=show")
    expect(page.locator(ARRANGED)).to_be_visible()
    for _ in range(6):
        page.get_by_role("button", name="Zoom in").click()
    expect(page.locator(".map-node[data-away]").first).to_be_attached()
    page.locator(".map-sheet").scroll_into_view_if_needed()
    top = "document.querySelector('.map-column:not([hidden])').getBoundingClientRect()"
    assert page.evaluate(f"document.elementFromPoint({top}.x + 4, {top}.y + 4).getAttribute('class')") == "map-strip", "a name of a column stands over nothing"
    with page.expect_download() as saved:
        page.locator("[data-map-svg]").click()
    names = saved.value.path().read_text().count("<text x=")
    assert names >= 3 * page.locator(".map-node").count(), "a file has what is out of view too"
    expect(page.locator(".map-node[data-away]").first).to_be_attached()
    page.get_by_role("button", name="Fit", exact=True).click()
    expect(page.locator(".map-node[data-away]")).to_have_count(0)


@pytest.mark.nightly
def test_of_many_edges_only_those_that_are_pointed_at_or_on_a_path_are_labelled(stack: Stack, page: Page) -> None:
    vhost, made = stack.node.new_vhost(), {"durable": True, "auto_delete": False, "arguments": {}}
    queues = [f"q{number}" for number in range(110)]
    bindings = [
        {"source": one, "destination": to, "destination_type": "queue", "routing_key": f"{one} to {to}", "arguments": {}} for one in "ab" for to in queues
    ]
    exchanges = [{**made, "name": one, "type": "direct", "internal": False} for one in "ab"]
    stack.node.api("POST", f"definitions/{vhost}", {"exchanges": exchanges, "queues": [{**made, "name": one} for one in queues], "bindings": bindings})
    try:
        shown = f"broker=test&vhost={vhost}&alike=show"
        found = wait_until(lambda: len((one := page.request.get(f"{stack.url}/api/v1/map?{shown}").json())["edges"]) == 220 and one, 90)
        ids = {one["name"]: one["id"] for one in found["nodes"]}
        page.goto(f"{stack.url}/map/?{shown}")
        expect(page.locator(ARRANGED)).to_be_visible()
        labels = page.locator(".map-label")
        expect(labels).to_have_count(0)
        node(page, "queue", "q7").focus()
        expect(labels).to_have_count(2)
        assert sorted(label.replace("\u2068", "").replace("\u2069", "") for label in labels.all_text_contents()) == ["a to q7", "b to q7"]
        expect(labels.first).to_be_visible()
        page.goto(f"{stack.url}/map/?{shown}&path={ids['a']}~{ids['q9']}")
        page.get_by_role("button", name="Next step").click()
        expect(page.locator(".map-label[data-lit=now]")).to_contain_text("a to q9")
        expect(labels).to_have_count(1)
    finally:
        stack.node.api("DELETE", f"vhosts/{vhost}")
