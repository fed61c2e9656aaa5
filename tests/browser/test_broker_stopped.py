"""A broker that stops: said with since when and why, never as "0 queues"; and it recovers by itself."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import DESKTOP, Watch, log_in
from tests.browser.stack import Hareline
from tests.conftest import TestNode

RECOVERY_MS = 15_000


@pytest.fixture
def alone(own_rabbitmq: TestNode) -> Iterator[Hareline]:
    """Hareline watching a broker that the test may stop."""
    with tempfile.TemporaryDirectory(prefix="hareline-browser-", ignore_cleanup_errors=True) as directory:
        hareline = Hareline(own_rabbitmq.address("lonely"), Path(directory))
        try:
            hareline.start()
            yield hareline
        finally:
            hareline.stop()


@pytest.mark.timeout(180)
def test_a_stopped_broker_is_unreachable_since_then_and_comes_back(alone: Hareline, own_rabbitmq: TestNode, browser: Browser) -> None:
    own_rabbitmq.api("PUT", "queues/%2F/mail", {"durable": True})
    watch = Watch(alone.url)
    context = browser.new_context(viewport=DESKTOP)
    watch.attach(context)
    overview, queues = context.new_page(), context.new_page()
    log_in(overview, alone)
    queues.goto(f"{alone.url}/queues/")
    expect(queues.get_by_role("link", name="mail", exact=True)).to_be_visible(timeout=RECOVERY_MS)
    overview.goto(f"{alone.url}/")
    queues.evaluate("window.notReloaded = true")

    own_rabbitmq.kill()
    expect(queues.get_by_text("lonely is unreachable").first).to_be_visible(timeout=RECOVERY_MS)
    expect(queues.get_by_role("link", name="mail", exact=True)).to_be_visible()  # what was known stays, as of then
    expect(overview.get_by_text("lonely is unreachable; its queues are unknown").first).to_be_visible(timeout=RECOVERY_MS)
    for page in (overview, queues):
        expect(page.locator(".switcher .level").first).to_have_attribute("data-level", "unknown")
        assert "0 queues" not in page.locator("main").inner_text().replace("10 queues", "")

    own_rabbitmq.start()
    expect(queues.get_by_text("lonely is unreachable")).to_have_count(0, timeout=RECOVERY_MS)
    expect(queues.get_by_role("link", name="mail", exact=True)).to_be_visible()
    expect(queues.locator(".switcher .level").first).to_have_attribute("data-level", "ok", timeout=RECOVERY_MS)
    assert queues.evaluate("window.notReloaded === true")
    context.close()
    assert watch.verdict() == []
