"""A binding is deleted on the real broker and found in the list of changes, explained before and after; the record is what the test did."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Page, expect

from script.screenshots import violations
from tests.browser.conftest import Stack
from tests.browser.test_every_page import wrong_with
from tests.waiting import wait_until

EXCHANGE, QUEUE, KEY = "changes.in", "changes.out", "change.*.eu"


def recorded(stack: Stack, page: Page, since: str) -> list[dict[str, Any]]:
    """What is recorded of the test's own objects, the oldest first."""
    items = page.request.get(f"{stack.url}/api/v1/changes?{stack.here}&from={quote(since)}&page_size=500").json()["items"]
    return [item for item in reversed(items) if "changes." in item["name"]]


def seen(stack: Stack, page: Page, since: str) -> list[tuple[str, str, str]]:
    return [(item["kind"], item["what"], item["name"]) for item in recorded(stack, page, since)]


def test_a_deleted_binding_is_found_in_the_changes_with_its_route_before_and_after(stack: Stack, page: Page) -> None:
    since, bound = datetime.now(UTC).isoformat(), f"{EXCHANGE} → {QUEUE}"
    done: list[tuple[str, str, str]] = []
    times: list[tuple[datetime, datetime]] = []

    def do(method: str, path: str, body: Any, kind: str, what: str, name: str) -> None:
        """Does it on the broker, notes it, and waits until it is recorded, so that the order is known."""
        began = datetime.now(UTC)
        stack.node.api(method, path, body)
        times.append((began, datetime.now(UTC)))
        done.append((kind, what, name))
        wait_until(lambda: done[-1] in seen(stack, page, since), 60)

    do("PUT", f"exchanges/{stack.vhost}/{EXCHANGE}", {"type": "topic", "durable": True}, "exchange", "added", EXCHANGE)
    do("PUT", f"queues/{stack.vhost}/{QUEUE}", {"durable": True}, "queue", "added", QUEUE)
    do("POST", f"bindings/{stack.vhost}/e/{EXCHANGE}/q/{QUEUE}", {"routing_key": KEY, "arguments": {}}, "binding", "added", bound)
    do("DELETE", f"bindings/{stack.vhost}/e/{EXCHANGE}/q/{QUEUE}/{quote(KEY, safe='')}", None, "binding", "gone", bound)
    page.goto(f"{stack.url}/history/changes/?{stack.here}&q=since:-10min+kind:binding")
    link = page.get_by_role("link", name=f"Binding removed: {bound} (key {KEY})")
    expect(link).to_be_visible()
    assert wrong_with(page) == []
    link.click()
    expect(page.locator("#change-verdict")).to_have_text(f"The route changed: the message no longer reaches {QUEUE}.")
    expect(page.locator("#route-before")).to_contain_text(QUEUE)
    expect(page.locator("#change-before")).to_contain_text(f"routing_key: {KEY}")
    assert violations(page) == []
    do("DELETE", f"exchanges/{stack.vhost}/{EXCHANGE}", None, "exchange", "gone", EXCHANGE)
    do("DELETE", f"queues/{stack.vhost}/{QUEUE}", None, "queue", "gone", QUEUE)
    assert seen(stack, page, since) == done
    for item, (began, ended) in zip(recorded(stack, page, since), times, strict=True):
        earlier, later = map(datetime.fromisoformat, item["between"])
        assert earlier <= ended and began <= later, (item, began, ended)
