"""Filter, sort and pages of lists by htmx: the content is replaced under a real address, and the page stays."""

from __future__ import annotations

import re

from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Stack, Watch
from tests.browser.test_journeys import STILL_THERE, live

SORTED = re.compile(r"/queues/\?(?!.*part=).*sort=")


class Held:
    """Requests that are held back until `release`."""

    def __init__(self, page: Page, addresses: re.Pattern[str]) -> None:
        self.routes: list[Route] = []
        self._released = False
        page.route(addresses, self._routed)

    def _routed(self, route: Route) -> None:
        if self._released:
            route.continue_()
        else:
            self.routes.append(route)

    def release(self) -> None:
        self._released = True
        for route in self.routes:
            route.continue_()


def names(page: Page) -> list[str]:
    return page.locator("tbody .name").all_inner_texts()


def test_a_filter_is_applied_under_its_own_address_and_the_page_stays_live(stack: Stack, page: Page) -> None:
    page.goto(f"{stack.url}/queues/?{stack.here}")
    live(page)
    depth = page.locator(f"#queue-{stack.id_of(page, 'queues', 'mail')} [data-text=depth]")
    expect(depth).to_have_text("0")
    field = page.locator("#filter")
    field.fill("mail depth<9")
    field.press("Enter")
    expect(page.locator(".chip-text")).to_have_text("depth<9")
    expect(page).to_have_url(re.compile(r"&q=mail%20depth%3C9$"))
    assert names(page) == ["mail"]
    expect(field).to_have_value("mail")
    expect(field).to_be_focused()
    stack.publish("mail", 2)
    expect(depth).to_have_text("2")
    assert page.evaluate(STILL_THERE)
    page.locator(".chip-remove").click()
    expect(page).to_have_url(re.compile(r"&q=mail$"))
    page.go_back()
    expect(page.locator(".chip-text")).to_have_text("depth<9")
    page.go_back()
    expect(page.get_by_role("link", name="reports", exact=True)).to_be_visible()
    expect(page.locator(".chip-text")).to_have_count(0)


def test_who_goes_back_before_the_scripts_are_there_gets_the_page_of_that_address(stack: Stack, page: Page) -> None:
    page.goto(f"{stack.url}/queues/?{stack.here}")
    live(page)
    page.locator("#filter").fill("depth<9 mail")
    page.locator("#filter").press("Enter")
    expect(page.locator(".chip-text")).to_have_text("depth<9")
    held = Held(page, re.compile(r"/vendor/htmx.*\.js"))
    page.reload(wait_until="commit")
    expect(page.locator(".chip-text")).to_have_text("depth<9")
    page.evaluate("history.back()")
    page.wait_for_function("!location.search.includes('depth')")
    held.release()
    expect(page.get_by_role("link", name="reports", exact=True)).to_be_visible()
    expect(page.locator(".chip-text")).to_have_count(0)


def test_a_part_requested_before_a_filter_was_applied_brings_no_rows_of_before(stack: Stack, page: Page) -> None:
    page.goto(f"{stack.url}/queues/?{stack.here}")
    live(page)
    held = Held(page, re.compile("part=table"))
    page.locator("[data-part=table]").dispatch_event("hareline:outdated")
    page.locator("#filter").fill("depth<9 mail")
    page.locator("#filter").press("Enter")
    expect(page.locator(".chip-text")).to_have_text("depth<9")
    assert names(page) == ["mail"] and held.routes
    with page.expect_request(re.compile(r"part=table.*q=|q=.*part=table")):  # requested again, from the address of now
        held.release()
    assert names(page) == ["mail"]


def test_a_heading_sorts_a_part_waits_for_the_pointer_a_bar_shows_that_a_page_loads_and_the_browser_what_htmx_cant_fetch(
    stack: Stack, page: Page, watch: Watch
) -> None:
    watch.expect("503")
    stack.publish("reports")
    page.goto(f"{stack.url}/queues/?{stack.here}&q=name:r")
    live(page)
    heading = page.get_by_role("columnheader", name="Queue")
    heading.get_by_role("link").click()
    expect(heading).to_have_attribute("aria-sort", "ascending")
    expect(page).to_have_url(re.compile("sort=name"))
    up = heading.locator("use").get_attribute("href")
    heading.get_by_role("link").click()
    expect(heading).to_have_attribute("aria-sort", "descending")
    assert heading.locator("use").get_attribute("href") != up
    assert page.evaluate(STILL_THERE)

    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url) if "part=table" in request.url else None)
    page.locator("tbody tr").first.hover()
    outdated = "document.querySelector('[data-part=table]').dispatchEvent(new CustomEvent('hareline:outdated'))"
    page.evaluate(f"{outdated}; new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert fetched == []
    with page.expect_request("**/queues/?*part=table"):
        page.mouse.move(5, 5)

    bar = page.get_by_role("progressbar")
    expect(bar).not_to_be_visible()
    waiting: list[Route] = []
    page.route(SORTED, lambda route: waiting.append(route))
    heading.get_by_role("link").click()
    expect(bar).to_be_visible()
    waiting.pop().continue_()
    expect(bar).not_to_be_visible()
    page.unroute(SORTED)
    assert page.evaluate(STILL_THERE)
    page.evaluate("dispatchEvent(new Event('beforeunload'))")  # the browser begins to load another page
    expect(bar).to_be_visible()
    page.keyboard.press("Escape")
    expect(bar).not_to_be_visible()

    page.route(SORTED, lambda route: route.fulfill(status=503, body="<h1>Later</h1>", content_type="text/html"))
    heading.get_by_role("link").click()
    expect(page.get_by_role("heading", name="Later")).to_be_visible()


def test_the_server_completes_what_is_typed(stack: Stack, page: Page) -> None:
    page.goto(f"{stack.url}/queues/?{stack.here}")
    field, options = page.locator("#filter"), page.get_by_role("listbox", name="Completions").get_by_role("option")
    field.press_sequentially("mail ty")
    expect(options).to_have_count(1)
    expect(field).to_have_attribute("aria-expanded", "true")
    field.press("Tab")
    expect(field).to_have_value("mail type:")
    expect(options).to_have_count(1)
    expect(options).to_contain_text("type:classic")
    expect(field).to_have_attribute("aria-activedescendant", str(options.get_attribute("id")))
    field.press("Tab")
    expect(field).to_have_value("mail type:classic ")
    expect(options).to_have_count(0)
    field.press_sequentially("in")
    expect(options.first).to_be_visible()
    field.press("Escape")
    expect(options.first).not_to_be_visible()
    field.press("Enter")
    expect(page.locator(".chip-text")).to_have_text("type:classic")
    field.press("Home")
    field.press("Backspace")
    expect(field).to_have_value("type:classic mail in")
