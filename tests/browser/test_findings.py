"""A problem from its beginning to its end, as a person lives through it: found without a reload, read, taken on, silenced, healed."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from script.screenshots import violations
from tests.browser.conftest import PHONE, OpenContext, Stack
from tests.browser.test_every_page import sideways
from tests.waiting import wait_until

CLEARS_MS = 90_000  # the rule waits 20 s, and the machine may be busy


def found(page: Page, stack: Stack, pk: int, state: str = "open") -> Any:
    """A finding as the API has it in this state; None where it has not."""
    answer = page.request.get(f"{stack.url}/api/v1/findings?{stack.here}&state={state}&page_size=500").json()
    return next((item for item in answer["items"] if item["id"] == pk), None)


@pytest.mark.nightly
def test_a_problem_is_found_read_taken_on_silenced_and_heals(stack: Stack, page: Page) -> None:
    stack.tidy()
    page.goto(f"{stack.url}/findings/?{stack.here}")
    expect(page.locator("#live-badge")).to_have_attribute("data-state", "live")
    page.evaluate("window.notReloaded = true")
    stack.publish("mail", 3)
    line = page.locator(".findings-line", has_text=re.compile(r"^\s*mail .*nobody consumes")).first
    expect(line).to_be_visible(timeout=CLEARS_MS)
    assert page.evaluate("window.notReloaded === true")

    line.click()
    expect(page).to_have_url(re.compile(r"/findings/\d+/"))
    pk = int(page.url.partition("/findings/")[2].partition("/")[0])
    expect(page.get_by_role("heading", name=re.compile("^mail .*nobody consumes"))).to_be_visible()
    expect(page.get_by_role("heading", name="Evidence")).to_be_visible()
    assert violations(page) == [] and sideways(page) == []

    # One that was open from before may clear in between, and returns with the next poll
    expect(page.locator(".findings-one")).to_contain_text("I am on it", timeout=CLEARS_MS)
    page.get_by_role("textbox", name="Comment").fill("Nobody is meant to")
    with page.expect_response(lambda answer: answer.request.method == "GET" and answer.url.endswith(f"/findings/{pk}/")):
        page.get_by_role("button", name="I am on it").click()
    expect(page.get_by_role("button", name="Release")).to_be_visible()
    expect(page.get_by_text("admin is on it since")).to_be_visible()
    expect(page.get_by_role("textbox", name="Comment")).to_have_value("Nobody is meant to")  # renewing the finding leaves it alone
    page.get_by_role("button", name="Comment", exact=True).click()
    expect(page.locator(".finding-comment", has_text="Nobody is meant to")).to_be_visible()

    page.get_by_role("link", name="Silence…").click()
    expect(page.get_by_role("heading", name="Silence findings")).to_be_visible()
    expect(page.get_by_text("Silences 1 open finding.")).to_be_visible()
    assert violations(page) == [] and sideways(page) == []
    page.get_by_label("Patterns").check()
    page.get_by_label("Name", exact=True).fill("nothing of that name")
    expect(page.get_by_text("No open finding matches")).to_be_visible()
    page.get_by_label("This finding").check()
    page.get_by_label("Reason").fill("A test keeps it so")
    page.get_by_role("button", name="Silence", exact=True).click()
    expect(page.locator(".finding-what", has_text="“A test keeps it so”")).to_be_visible()
    one = found(page, stack, pk)
    assert one["silenced_until"] and one["taken_by"] == "admin"
    page.get_by_role("button", name="End silence").click()
    expect(page.get_by_role("link", name="Silence…")).to_be_visible()

    stack.tidy()
    expect(page.get_by_text(re.compile("Cleared at .*It was "))).to_be_visible(timeout=CLEARS_MS)
    assert wait_until(lambda: found(page, stack, pk, "closed"))["closed_at"] and not found(page, stack, pk)


def test_on_a_phone_it_is_the_list_and_then_the_finding(stack: Stack, page: Page, open_context: OpenContext) -> None:
    stack.publish("reports", 1)
    phone = open_context("dark", PHONE).new_page()
    phone.goto(f"{stack.url}/findings/?{stack.here}")
    line = phone.locator(".findings-line", has_text=re.compile(r"^\s*reports .*nobody consumes")).first  # a route leads there, which explains it soon
    expect(line).to_be_visible(timeout=CLEARS_MS)
    expect(phone.locator("#finding-title")).to_be_hidden()
    assert violations(phone) == [] and sideways(phone) == []
    line.click()
    expect(phone.get_by_role("heading", name=re.compile("^reports "))).to_be_visible()
    expect(phone.locator(".findings-line").first).to_be_hidden()
    assert violations(phone) == [] and sideways(phone) == []
    stack.tidy()
