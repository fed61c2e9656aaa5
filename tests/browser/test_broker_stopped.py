"""A broker that stops: shown with since when and why, never as "0 queues"; and it recovers by itself. The last test of the stack, whose node it kills."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import OpenContext, Stack

RECOVERY_MS = 60_000


def test_a_stopped_broker_is_unreachable_since_then_and_comes_back(stack: Stack, open_context: OpenContext) -> None:
    context = open_context()
    overview, queues = context.new_page(), context.new_page()
    queues.goto(f"{stack.url}/queues/?{stack.here}")
    expect(queues.get_by_role("link", name="mail", exact=True)).to_be_visible(timeout=RECOVERY_MS)
    overview.goto(f"{stack.url}/?{stack.here}")
    queues.evaluate("window.notReloaded = true")

    stack.node.kill()
    expect(queues.get_by_text("test is unreachable").first).to_be_visible(timeout=RECOVERY_MS)
    expect(queues.get_by_role("link", name="mail", exact=True)).to_be_visible()  # what was known stays, with its time
    expect(overview.get_by_text("test is unreachable; its queues are unknown").first).to_be_visible(timeout=RECOVERY_MS)
    for page in (overview, queues):
        expect(page.locator(".switcher .level").first).to_have_attribute("data-level", "unknown")
        assert "0 queues" not in page.locator("main").inner_text().replace("10 queues", "")

    stack.node.start()
    expect(queues.get_by_text("test is unreachable")).to_have_count(0, timeout=RECOVERY_MS)
    expect(queues.get_by_role("link", name="mail", exact=True)).to_be_visible()
    known = re.compile("^(ok|notice|warning|critical)$")  # it lost its clients, of which other tests may have left some without an end
    expect(queues.locator(".switcher .level").first).to_have_attribute("data-level", known, timeout=RECOVERY_MS)
    assert queues.evaluate("window.notReloaded === true")
