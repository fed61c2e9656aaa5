"""Publish-subscribe in the lab, as a person runs it in a browser: started, seen live, recognised, explained, ended, and gone from the broker."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Stack
from tests.browser.test_every_page import wrong_with
from tests.lab.counted import acknowledged, copied
from tests.waiting import wait_until

STARTS_MS = 60_000
KNOWN_MS = 60_000  # a new virtual host is read with the inventory, its consumers with a poll after that
SUBSCRIBERS = [("node-1", "subscriber-1"), ("node-2", "subscriber-2"), ("node-3", "subscriber-3")]


@pytest.fixture
def running(stack: Stack) -> Iterator[Stack]:
    with stack.hareline.lab():
        yield stack


def done(page: Page, node: str) -> int:
    return int(page.locator(f"#lab-{node} td").nth(1).inner_text().replace(",", ""))


@pytest.mark.nightly
def test_publish_subscribe_is_started_seen_live_explained_and_leaves_nothing(running: Stack, page: Page) -> None:
    api = running.node.api
    before = {one["name"] for one in api("GET", "vhosts")}
    running.id_of(page, "queues", "mail")  # the broker is known
    page.goto(f"{running.url}/lab/")
    page.get_by_role("button", name=re.compile("Start ?: Publish-subscribe")).click()
    page.wait_for_url("**/lab/*/")
    expect(page.get_by_role("heading", name="Publish-subscribe", exact=True)).to_be_visible()
    address, vhost = page.url, page.locator(".crumbs .mono").inner_text()
    expect(page.locator("#lab-node-3")).to_contain_text("127.0.0.1", timeout=STARTS_MS)
    assert wrong_with(page) == []
    expect(page.locator("#verdict")).to_have_attribute("data-level", "ok", timeout=STARTS_MS)

    # Each subscriber got each message once: as the broker counted, and what the page says is no more than that
    seen = {node: done(page, node) for node, _ in SUBSCRIBERS}
    for node, queue in SUBSCRIBERS:
        expect(page.locator(f"#lab-{node}")).to_contain_text(queue)
        expect(page.locator(f"#lab-{node} td").nth(1)).not_to_have_text(f"{seen[node]:,}")  # it goes up without a reload
    shown = {node: done(page, node) for node, _ in SUBSCRIBERS}

    def counted() -> bool:
        published, copies = copied(api, vhost, "news")
        return published > max(shown.values()) and copies == {queue: published for _, queue in SUBSCRIBERS}

    wait_until(counted)
    wait_until(lambda: all(acknowledged(api, vhost).get(node, 0) >= count for node, count in shown.items()))

    page.get_by_role("link", name=re.compile("Why there")).first.click()
    expect(page.get_by_role("heading", name="It reaches 3 queues")).to_be_visible(timeout=KNOWN_MS)
    for _, queue in SUBSCRIBERS:
        expect(page.get_by_role("main").get_by_role("link", name=queue, exact=True).first).to_be_visible()
    assert parse_qs(urlsplit(page.url).query)["exchange"] == ["news"]

    page.goto(f"{running.url}/map/?broker=test&vhost={vhost}")
    table = page.get_by_role("region", name="Table of objects")
    for name in ("news", *(queue for _, queue in SUBSCRIBERS)):
        row = table.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))
        expect(row).to_contain_text("publish-subscribe", timeout=KNOWN_MS)

    page.goto(address)
    page.get_by_role("button", name="Stop and remove it").click()
    expect(page.get_by_role("heading", name="Ended", exact=True)).to_be_visible(timeout=STARTS_MS)
    assert {one["name"] for one in api("GET", "vhosts")} <= before
    assert [one for one in api("GET", "connections") if one["vhost"] == vhost] == []
