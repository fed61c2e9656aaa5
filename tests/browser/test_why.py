"""The page Why in a real browser: the question on a phone, the fold of bindings, the copied answer, by keyboard alone."""

from __future__ import annotations

import re

from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import PHONE, OpenContext, Stack

QUESTION = "exchange=orders&routing_key=order.new.us&expected=reports"


def test_on_a_phone_the_question_folds_to_one_line_until_it_is_changed(stack: Stack, open_context: OpenContext) -> None:
    page = open_context(viewport=PHONE).new_page()
    page.goto(f"{stack.url}/routing/?{stack.here}&{QUESTION}")
    expect(page.get_by_text("A message to orders, with the key")).to_be_visible()
    expect(page.get_by_role("textbox", name="Routing key")).to_be_hidden()
    page.get_by_role("link", name="Change", exact=True).click()
    page.get_by_role("textbox", name="Routing key").fill("order.new.eu")
    page.get_by_role("button", name="Explain").click()
    expect(page.get_by_role("heading", name="It reaches reports")).to_be_visible()
    expect(page.get_by_role("textbox", name="Routing key")).to_be_hidden()


def test_from_an_exchange_to_who_would_get_order_new_eu_and_its_path_on_the_map(stack: Stack, page: Page) -> None:
    page.goto(f"{stack.url}/exchanges/{stack.id_of(page, 'exchanges', 'orders')}/")
    page.get_by_role("link", name="Trace a message from here").click()
    page.get_by_role("textbox", name="Routing key").fill("order.new.eu")
    page.get_by_role("button", name="Explain").click()
    expect(page.get_by_role("heading", name="It reaches reports, but nobody consumes reports: it waits there.")).to_be_visible()
    held: list[Route] = []
    page.route(re.compile("elk-worker"), lambda route: held.append(route))  # playwright takes no builtin
    page.get_by_role("link", name="On the map", exact=True).click()
    expect(page.locator("[data-path-said]")).to_have_text("Step 1 of 2: orders")
    page.get_by_role("button", name="Next step").click()
    expect(page.locator("[data-path-said]")).to_contain_text("Step 2 of 2: reports")
    held[0].continue_()  # it was drawn early, and is arranged now
    expect(page.locator("[data-map]")).to_have_attribute("data-drawn", re.compile("whole|columns"))
    expect(page.locator("[data-path-said]")).to_contain_text("Step 2 of 2: reports")
    lit = page.locator(".map-node[data-lit]")
    expect(lit.and_(page.locator('[aria-label^="exchange orders,"]'))).to_be_visible()
    expect(lit.and_(page.locator('[aria-label^="queue reports,"]'))).to_have_attribute("data-lit", "now")
    expect(lit).to_have_count(2)


def test_a_message_is_explained_by_keyboard_alone(stack: Stack, page: Page) -> None:
    page.goto(f"{stack.url}/routing/?{stack.here}")
    page.locator("#exchange").focus()
    page.keyboard.type("orders")
    page.keyboard.press("Escape")  # the list of names
    page.keyboard.press("Tab")  # what a routing key is
    page.keyboard.press("Tab")
    page.keyboard.type("order.new.us")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="No queue receives it")).to_be_visible()
    expect(page.get_by_role("img", name="Drawing: from your message by orders to no queue. Near misses: reports.")).to_be_visible()


def test_the_answer_is_copied_as_text(stack: Stack, open_context: OpenContext) -> None:
    page = open_context(permissions=["clipboard-read", "clipboard-write"]).new_page()
    page.goto(f"{stack.url}/routing/?{stack.here}&{QUESTION}")
    page.get_by_role("button", name="Copy as text").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    text = page.evaluate("navigator.clipboard.readText()")
    assert text.startswith("It does not reach `reports`: third word is `us`, wanted `eu`.")
    assert "  ~ order.*.eu -> queue reports: " in text
