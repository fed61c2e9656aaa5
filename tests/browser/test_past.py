"""A past moment on the real thing: the page agrees with what the broker itself had then, its link shows the same to somebody else, and Esc leads back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenContext, Stack
from tests.waiting import wait_until

RECOVERY_MS = 60_000


def depth(stack: Stack, queue: str) -> Any:
    """As the broker itself reports it."""
    return stack.node.api("GET", f"queues/{stack.vhost}/{queue}").get("messages")


def shown(page: Page, queue: str) -> Any:
    return page.locator("tr", has=page.get_by_role("link", name=queue, exact=True)).locator(".depth-cell")


@pytest.fixture
def queue(stack: Stack) -> Iterator[str]:
    """A queue that no other test fills or empties."""
    stack.node.api("PUT", f"queues/{stack.vhost}/ledger", {"durable": True})
    yield "ledger"
    stack.node.api("DELETE", f"queues/{stack.vhost}/ledger")


def test_a_moment_agrees_with_the_broker_is_shared_by_its_link_and_esc_leads_back_to_the_clock_which_links_to_another(
    stack: Stack, open_context: OpenContext, queue: str
) -> None:
    page = open_context().new_page()
    page.goto(f"{stack.url}/queues/?{stack.here}")
    stack.publish(queue, 7)
    wait_until(lambda: depth(stack, queue) == 7, 60)
    expect(shown(page, queue)).to_have_text("7", timeout=RECOVERY_MS)
    then = datetime.now(UTC)
    stack.publish(queue, 5)
    wait_until(lambda: depth(stack, queue) == 12, 60)
    expect(shown(page, queue)).to_have_text("12", timeout=RECOVERY_MS)

    page.goto(f"{stack.url}/queues/?{stack.here}&q={queue}&at={quote(then.isoformat())}")
    expect(page.get_by_text("You see the past")).to_be_visible()
    expect(shown(page, queue)).to_have_text("7")
    expect(page.locator(".badge")).to_contain_text("Past")
    link = page.url
    page.get_by_role("link", name=queue, exact=True).click()  # a link keeps the moment
    expect(page.get_by_role("heading", name=queue)).to_be_visible()
    expect(page.get_by_text("You see the past")).to_be_visible()

    other = open_context().new_page()
    other.goto(link)
    expect(shown(other, queue)).to_have_text("7")
    other.keyboard.press("Escape")
    expect(other.get_by_text("You see the past")).to_have_count(0)
    expect(shown(other, queue)).to_have_text("12")
    expect(other.locator("#live-badge")).to_have_attribute("data-state", "live", timeout=RECOVERY_MS)

    other.get_by_title("Link to this moment").click()
    expect(other.get_by_text("You see the past")).to_be_visible()
    here = other.url
    assert "at=" in here and "at=now" not in here
    other.get_by_role("link", name="5 s earlier").click()
    other.wait_for_url(lambda url: url != here and "at=" in url)
