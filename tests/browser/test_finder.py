"""The finder, by keyboard: names and task ids, and that it says what it does."""

from __future__ import annotations

import re
from uuid import uuid4

from playwright.sync_api import Page, Route, expect

from script.screenshots import violations
from tests.browser.conftest import Stack, Watch
from tests.waiting import wait_until

FOUND = re.compile(r"\d+ found")
"""Queues that other tests have deleted are found too, after those that are there."""


def test_a_queue_is_found_by_keyboard_and_opened_after_a_search_that_fails_and_says_so(stack: Stack, page: Page, watch: Watch) -> None:
    watch.expect("503")
    page.goto(f"{stack.url}/tasks/?{stack.here}")
    page.keyboard.press("/")
    finder = page.get_by_role("dialog")
    options, note, field = finder.get_by_role("option"), finder.get_by_role("status"), finder.get_by_role("combobox")
    expect(field).to_be_focused()
    page.route("**/find/*", lambda route: route.fulfill(status=503))
    page.keyboard.type("mail")
    expect(note).to_have_text("Search failed. Try again.")
    page.unroute("**/find/*")
    field.fill("")
    waiting: list[Route] = []
    page.route("**/find/*", lambda route: waiting.append(route))
    page.keyboard.type("repor")
    expect(note).to_have_text("Searching…")
    wait_until(lambda: page.evaluate("1") and waiting)
    waiting[-1].continue_()
    page.unroute("**/find/*")
    expect(note).to_have_text(FOUND)
    expect(options.first).to_contain_text("reports")
    expect(field).to_have_attribute("aria-activedescendant", str(options.first.get_attribute("id")))
    assert violations(page) == []
    field.fill("s")
    expect(options.nth(1)).to_be_visible()
    field.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    field.fill("reports")
    expect(options.first).to_have_attribute("aria-selected", "true")
    expect(note).to_have_text(FOUND)
    field.press("Enter")
    expect(page).to_have_url(re.compile(r"/queues/\d+/$"))


def test_a_task_is_found_by_the_beginning_of_its_id(stack: Stack, page: Page) -> None:
    page.goto(f"{stack.url}/?{stack.here}")
    uuid = str(uuid4())
    stack.send(page, "add", 20, 22, task_id=uuid)
    wait_until(lambda: page.request.get(f"{stack.url}/api/v1/tasks?{stack.here}&q={uuid}").json()["total"], seconds=30)
    page.keyboard.press("Control+k")
    page.keyboard.type(uuid[:13])
    finder = page.get_by_role("dialog")
    expect(finder.get_by_role("option")).to_contain_text(uuid)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/tasks/\d+/$"))
    expect(page.locator("#task-uuid")).to_have_text(uuid)
