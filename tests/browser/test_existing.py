"""What exists, explained: a message peeked at in its queue, and one that is pasted, in a browser from the page people start at."""

from __future__ import annotations

import json

from playwright.sync_api import Page, expect

from script.screenshots import violations
from tests.browser.conftest import PHONE, Stack, Watch
from tests.waiting import wait_until


def lay_aside(stack: Stack, payload: str, **headers: object) -> None:
    """Puts a message into the queue reports, which nobody consumes."""
    message = {"properties": {"headers": headers}, "routing_key": "reports", "payload": payload, "payload_encoding": "string"}
    stack.node.api("POST", f"exchanges/{stack.vhost}/amq.default/publish", message)


def test_a_message_is_peeked_at_and_explained_and_is_there_as_before(stack: Stack, page: Page) -> None:
    stack.node.api("DELETE", f"queues/{stack.vhost}/reports/contents")
    lay_aside(stack, "first", source="web")
    page.goto(f"{stack.url}/queues/{stack.id_of(page, 'queues', 'reports')}/")
    page.get_by_role("link", name="Peek at messages").click()
    expect(page.get_by_text("flagged as redelivered")).to_be_visible()
    page.locator("#count").fill("2")
    page.get_by_role("button", name="Peek", exact=True).dblclick()
    expect(page.get_by_role("heading", name="The first message at")).to_be_visible()
    expect(page.get_by_label("Body of message 1")).to_have_text("first")
    expect(page.locator(".seen .tag")).to_have_count(0)  # peeked at once: a second peek would find it redelivered
    assert violations(page) == []
    stored = f"{stack.url}/api/v1/queue?broker=test&vhost={stack.vhost}&name=reports"
    wait_until(lambda: page.request.get(stored).json()["consumers"] == 0, 90)  # unknown until they were counted as late as the message was
    page.get_by_role("button", name="Trace its route").click()
    expect(page.locator("#answer")).to_contain_text("nobody consumes reports")
    expect(page.get_by_role("row", name="Current queue")).to_contain_text("as predicted")
    assert violations(page) == []
    shown = stack.node.api("POST", f"queues/{stack.vhost}/reports/get", {"count": 5, "ackmode": "ack_requeue_true", "encoding": "auto"})
    assert [(message["payload"], message["redelivered"]) for message in shown] == [("first", True)]


def test_a_pasted_message_is_explained_on_a_phone(stack: Stack, page: Page, watch: Watch) -> None:
    watch.expect("422")
    page.set_viewport_size(PHONE)
    page.goto(f"{stack.url}/routing/?{stack.here}")
    page.get_by_role("link", name="Paste, or look up a task id").click()
    page.locator("#pasted").fill('{"exchange": "orders",')
    page.get_by_role("button", name="Explain").click()
    expect(page.locator("#pasted-says")).to_contain_text("Line 1, column")
    page.locator("#pasted").fill(json.dumps([{"exchange": "orders", "routing_key": "nowhere", "properties": [], "payload": "x"}]))
    page.get_by_role("button", name="Explain").click()
    expect(page.get_by_text("A message in a queue.")).to_be_visible()
    expect(page.locator("#answer")).to_be_visible()
    assert not page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    assert violations(page) == []
