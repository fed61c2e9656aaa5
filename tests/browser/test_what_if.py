"""What if, by hand: from a near miss to before and after, with a binding that is chosen and written otherwise."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from script.screenshots import violations
from tests.browser.conftest import Stack
from tests.browser.test_every_page import NEAR_MISS, wrong_with


def test_from_a_near_miss_to_what_would_help(stack: Stack, page: Page) -> None:
    page.goto(f"{stack.url}{NEAR_MISS}&{stack.here}")
    assert wrong_with(page) == []
    panel = page.get_by_role("region", name="What if")
    panel.get_by_role("listitem").filter(has_text="Changing binding order.*.eu to order.*.*").get_by_role("link", name="compare before and after").click()
    expect(panel).to_contain_text("It would reach queue reports instead of no queue.")
    expect(panel.get_by_text("only here")).to_have_count(1)
    panel.get_by_role("link", name="Remove").click()
    expect(panel).not_to_contain_text("only here")


@pytest.mark.nightly
def test_a_binding_is_written_otherwise_and_put_back_by_choosing_it_again(stack: Stack, page: Page) -> None:
    page.goto(f"{stack.url}{NEAR_MISS}&{stack.here}")
    page.get_by_text("Change a binding…").click()
    form = page.get_by_role("form", name="Change a binding")
    key = form.get_by_label("New key")
    expect(key).to_have_value("order.*.eu")
    key.fill("other")
    form.get_by_label("Binding", exact=True).dispatch_event("change")
    expect(key).to_have_value("order.*.eu")
    assert violations(page) == []
    key.fill("order.#")
    form.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("region", name="What if")).to_contain_text("is changed to order.#")
    expect(page).to_have_url(f"{page.url.partition('#')[0]}#what-if")
