"""One topic or one process that fails leaves the rest of a page as it was: badge, ages, other parts go on, and the page names the part that is old."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from dashboard.live.sockets import TOO_LONG
from tests.browser.conftest import OpenContext, Stack
from tests.postgres import on_sqlite
from tests.waiting import wait_until

TICKS = """count => new Promise(done => document.addEventListener("hareline:tick", () => { count -= 1; if (count <= 0) done(); }))"""


def live(page: Page) -> None:
    expect(page.locator("#live-badge")).to_have_attribute("data-state", "live")


@contextmanager
def unreadable_queue(stack: Stack, queue_id: int) -> Iterator[None]:
    """A row that the poller goes on writing, and nobody can read: the moment when it was first seen is invalid."""
    with closing(sqlite3.connect(stack.hareline.directory / "hareline.sqlite3", timeout=20, isolation_level=None)) as database:
        (before,) = database.execute("SELECT first_seen_at FROM brokers_queue WHERE id = ?", (queue_id,)).fetchone()
        database.execute("UPDATE brokers_queue SET first_seen_at = '2026-13-45 00:00:00' WHERE id = ?", (queue_id,))
        try:
            yield
        finally:
            database.execute("UPDATE brokers_queue SET first_seen_at = ? WHERE id = ?", (before, queue_id))


@on_sqlite  # PostgreSQL takes no such moment
def test_a_topic_that_cant_be_loaded_is_named_and_everything_else_goes_on(stack: Stack, page: Page, watch: Any) -> None:
    watch.expect("status of 500")  # parts that list the queue can't be fetched either
    watch.expect("Status Error Code 500")  # the same in htmx's words
    stack.publish("mail", 3)
    page.goto(f"{stack.url}/?{stack.here}")
    live(page)
    mail = stack.id_of(page, "queues", "mail")
    depth = page.locator(f"#queue-{mail} [data-text=depth]")
    expect(depth).to_have_text("3")
    waiting = page.locator(".figures [data-text=ready]")
    notice = page.locator("#live-notice")
    with unreadable_queue(stack, mail):
        expect(notice.get_by_text(f"queues of {stack.vhost}")).to_contain_text("Not refreshed since")
        stack.publish("reports", 40)
        expect(waiting).to_have_text(re.compile("4[0-9]"))  # the broker's totals follow its queues a little later
        assert depth.inner_text() == "3", "what was known stays"
        expect(page.locator("[data-part=queues]")).to_have_attribute("data-unrefreshed", "")
        page.evaluate(TICKS, 3)
        live(page)
        expect(page.locator("#live-badge [data-text=age]")).to_have_text(re.compile("^[0-2] s ago$"))
    stack.publish("mail", 2)
    expect(depth).to_have_text("5")
    expect(notice).to_be_hidden()
    expect(page.locator("[data-unrefreshed]")).to_have_count(0)


@pytest.mark.parametrize("seconds", [0, pytest.param(40, marks=pytest.mark.nightly)])
def test_a_web_process_that_stopped_without_a_word_is_noticed_and_comes_back(stack: Stack, page: Page, watch: Any, seconds: int) -> None:
    for complaint in ("WebSocket", "htmx:timeout", "htmx:sendError", "ERR_TIMED_OUT"):  # tries to connect and to fetch again
        watch.expect(complaint)
    page.goto(f"{stack.url}/queues/?{stack.here}")
    live(page)
    page.evaluate("window.notReloaded = true")
    web = stack.hareline.processes[0]
    badge, depth = page.locator("#live-badge"), page.locator(f"#queue-{stack.id_of(page, 'queues', 'mail')} [data-text=depth]")
    expect(depth).to_have_text("0")
    web.send_signal(signal.SIGSTOP)
    try:
        expect(badge).to_have_attribute("data-state", "reconnecting")
        old = page.locator("#live-badge [data-text=age]")
        first = int(old.inner_text().split()[0])
        expect(old).to_have_text(f"{first + 2} s ago")  # the age goes on by the page's own clock
        assert depth.inner_text() == "0", "what was known stays"
        stack.publish("mail", 6)
        page.wait_for_timeout(1000 * seconds)
    finally:
        web.send_signal(signal.SIGCONT)
    live(page)
    expect(depth).to_have_text("6")
    assert page.evaluate("window.notReloaded === true")


def test_a_part_whose_answer_takes_longer_than_polls_is_fetched_once_more_after_it_and_not_beside_it(stack: Stack, page: Page) -> None:
    page.goto(f"{stack.url}/map/?{stack.here}")
    live(page)
    held: list[Route] = []
    page.route(re.compile("/map/.*part=map$"), lambda route: held.append(route))  # playwright takes no builtin
    page.evaluate(TICKS, 4)
    assert len(held) == 1
    held[0].continue_()
    wait_until(lambda: page.evaluate(TICKS, 1) or len(held) == 2, 60)
    held[1].continue_()
    page.unroute_all(behavior="ignoreErrors")


class Connected:
    """What a page was rendered from, the first state of each of its topics, and the parts that it fetched."""

    def __init__(self, page: Page, address: str) -> None:
        self.states: dict[str, dict[str, Any]] = {}
        self.fetched: list[str] = []
        page.on("websocket", lambda socket: socket.on("framereceived", lambda payload: self._note(json.loads(str(payload)))))
        page.on("request", lambda request: self.fetched.append(request.url) if self._counts(request.url) else None)
        page.goto(address)
        live(page)
        page.evaluate(TICKS, 3)
        self.seen = json.loads(page.evaluate("document.getElementById('content').dataset.seen"))

    @staticmethod
    def _counts(url: str) -> bool:
        """A part that was fetched, but for the navigation's count of findings: one may open or close while the page is open."""
        return "part=" in url and "part=menu" not in url

    def _note(self, frame: dict[str, Any]) -> None:
        if frame.get("full"):
            self.states.setdefault(frame["topic"], frame)

    @property
    def is_up_to_date(self) -> bool:
        """True if no fact of the page changed from its rendering until it was connected."""
        assert set(self.states) == set(self.seen)
        return all(
            state["facts"] == self.seen[topic]["facts"] and all(state["rows"][key]["facts"] == facts for key, facts in self.seen[topic]["rows"].items())
            for topic, state in self.states.items()
        )


@pytest.mark.parametrize(
    "path", ["workers/", "queues/{mail}/", *(pytest.param(path, marks=pytest.mark.nightly) for path in ("tasks/", "queues/", "workers/?view=table"))]
)
def test_a_page_that_is_up_to_date_fetches_nothing_once_it_has_connected(stack: Stack, open_context: OpenContext, path: str) -> None:
    context = open_context()
    address = f"{stack.url}/{path.format(mail=stack.id_of(context.new_page(), 'queues', 'mail'))}"
    for _ in range(5):  # what the broker's rights and limits are may become known in just that second
        connected = Connected(context.new_page(), f"{address}{'&' if '?' in address else '?'}{stack.here}")
        if connected.is_up_to_date:
            break
    assert connected.is_up_to_date and connected.fetched == []


def test_a_frame_that_no_page_sends_closes_the_socket_with_the_reason_and_no_traceback(stack: Stack, page: Page) -> None:
    page.goto(f"{stack.url}/login/")
    script = """frame => new Promise(done => {
        const socket = new WebSocket(`ws://${location.host}/ws/live/`);
        let reason = "";
        socket.onmessage = ({ data }) => { reason = JSON.parse(data).error.message; };
        socket.onopen = () => { socket.send(frame === "long" ? " ".repeat(70000) : new Uint8Array(3)); };
        socket.onclose = ({ code }) => done([code, reason]);
    })"""
    log = stack.hareline.directory / "web.log"
    before = log.stat().st_size
    for frame in ("long", "binary"):
        closed, reason = page.evaluate(script, frame)
        assert closed == TOO_LONG and reason, frame
    assert b"Traceback" not in log.read_bytes()[before:]
