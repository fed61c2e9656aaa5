"""A real browser on the real thing: Hareline's processes, a RabbitMQ node, a Celery worker. Nothing here touches the test database.

Playwright's event loop runs in the thread of the tests, so it lives only as long as the tests of this folder do: Django's ORM and async
tests can't be used beside it.
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from script.screenshots import CHROMIUM_FLAGS, chromium
from tests.browser.stack import Hareline, Site
from tests.conftest import TestNode, running_node
from tests.prepared_data import prefill
from tests.waiting import wait_until
from tests.workers.conftest import Workers

DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
PATIENCE_MS = 40_000  # on a slow machine beside other tests
GIVEN_UP = ("htmx:afterRequest,", "htmx:sendAbort,")
"""What htmx writes to the console about each request that a newer one replaced."""


class Stack:
    """Everything that runs, and a virtual host with something in it: queues mail and reports, which nobody consumes, exchange orders with one binding, to
    reports, and worker a@tests. What a test changes for good it makes for itself. People may log in by a provider, which a test starts on `provider_socket`."""

    def __init__(self, hareline: Hareline, node: TestNode, vhost: str, workers: Workers, provider_socket: socket.socket) -> None:
        self.hareline, self.node, self.vhost, self.workers = hareline, node, vhost, workers
        self.provider_socket = provider_socket

    @property
    def url(self) -> str:
        return self.hareline.url

    @property
    def here(self) -> str:
        """What keeps a page's address in this virtual host."""
        return f"broker=test&vhost={quote(self.vhost, safe='')}"

    def publish(self, queue: str, count: int = 1) -> None:
        message = {"properties": {}, "routing_key": queue, "payload": "x", "payload_encoding": "string"}
        for _ in range(count):
            self.node.api("POST", f"exchanges/{self.vhost}/amq.default/publish", message)

    def tidy(self) -> None:
        """Empties the queues that nobody consumes, as every test expects to find them."""
        for queue in ("mail", "reports"):
            self.node.api("DELETE", f"queues/{self.vhost}/{queue}/contents")

    def id_of(self, page: Page, kind: str, name: str, url: str = "") -> int:
        """The primary key of a queue, exchange or worker, once the API returns it; `url`: where its pages are, else here."""
        address = f"{url or self.url}/api/v1/{kind}?{self.here}&page_size=500"
        found = wait_until(lambda: [item["id"] for item in page.request.get(address).json()["items"] if item.get("name", item.get("hostname")) == name], 30)
        return int(found[0])

    def send(self, page: Page, task: str, *arguments: Any, **options: Any) -> None:
        """A task to worker a@tests, once its events are received: an earlier one would not be seen."""
        self.id_of(page, "workers", "a@tests")
        self.workers.send(task, *arguments, **options)

    def any_id(self, page: Page, kind: str) -> int:
        """The primary key of the first of them, for objects whose names nobody gave, once the broker lists one."""
        found = wait_until(lambda: page.request.get(f"{self.url}/api/v1/{kind}?{self.here}").json()["items"], seconds=30)
        return int(found[0]["id"])


@pytest.fixture(scope="package")
def rabbitmq() -> Iterator[TestNode]:
    """A node of these tests alone: the stack watches all that it has."""
    yield from running_node()


@pytest.fixture(scope="package")
def stack(rabbitmq: TestNode, shared_run: Path | None) -> Iterator[Stack]:
    vhost = rabbitmq.new_vhost()
    for queue in ("mail", "reports"):
        rabbitmq.api("PUT", f"queues/{vhost}/{queue}", {"durable": True})
    rabbitmq.api("PUT", f"exchanges/{vhost}/orders", {"type": "topic", "durable": True})
    rabbitmq.api("POST", f"bindings/{vhost}/e/orders/q/reports", {"routing_key": "order.*.eu", "arguments": {}})
    with tempfile.TemporaryDirectory(prefix="hareline-browser-", ignore_cleanup_errors=True) as directory:
        prefill(Path(directory), shared_run)
        provider_socket = socket.create_server(("127.0.0.1", 0))
        # Half of what the processes cost while a test looks at a page is polls, rounds of the rules after them and patches
        hareline = Hareline(rabbitmq.address("test"), Path(directory), poll_seconds=2.0)
        hareline.environment |= {
            "HARELINE_OIDC_CORP_ISSUER": f"http://127.0.0.1:{provider_socket.getsockname()[1]}",
            "HARELINE_OIDC_CORP_CLIENT_ID": "hareline",
            "HARELINE_OIDC_CORP_CLIENT_SECRET": "of-the-suite",
            "HARELINE_OIDC_CORP_ROLES": f"ops=operator?vhost={vhost}",
        }
        workers = Workers(rabbitmq, vhost, Path(directory))
        try:
            hareline.start()
            workers.start("a@tests", "-c", "2", "-E", "--without-mingle", "--without-gossip")
            yield Stack(hareline, rabbitmq, vhost, workers, provider_socket)
        finally:
            workers.end_all()
            workers.app.close()
            hareline.stop()
            provider_socket.close()
            rabbitmq.api("DELETE", f"vhosts/{vhost}")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    program = chromium()
    assert program, "Chromium is missing: script/test installs it"
    before = os.environ.get("NODE_OPTIONS")
    os.environ["NODE_OPTIONS"] = "--no-deprecation"  # the driver's own warnings are not ours
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        if before is None:
            del os.environ["NODE_OPTIONS"]
        started = playwright.chromium.launch(executable_path=program, args=[*CHROMIUM_FLAGS, "--process-per-site"])
        yield started
        started.close()


class Watch:
    """What goes wrong on pages without anybody looking: errors, requests to other sites, broken rules of the content security policy."""

    def __init__(self, site: str) -> None:
        self.site = urlsplit(site).netloc
        self.wrong: list[str] = []
        self.expected: list[str] = list(GIVEN_UP)

    def expect(self, part: str) -> None:
        """A complaint that has this part belongs to the test."""
        self.expected.append(part)

    def attach(self, context: BrowserContext) -> None:
        for event, note in self._listeners():
            context.on(event, note)  # type: ignore[call-overload]

    def detach(self, context: BrowserContext) -> None:
        for event, note in self._listeners():
            context.remove_listener(event, note)

    def _listeners(self) -> list[tuple[str, Callable[[Any], None]]]:
        return [("console", self._note_message), ("weberror", self._note_error), ("request", self._note_request)]

    def _note_message(self, message: Any) -> None:
        if message.type == "error":
            self._note("console", message.text)

    def _note_error(self, error: Any) -> None:
        self._note("script", str(error.error))

    def _note_request(self, request: Any) -> None:
        self._note_foreign(request.url)

    def _note_foreign(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != self.site:
            self._note("foreign request", url)

    def _note(self, kind: str, text: str) -> None:
        self.wrong.append(f"{kind}: {text}")

    def verdict(self) -> list[str]:
        return [line for line in self.wrong if not any(part in line for part in self.expected)]


@pytest.fixture(scope="package")
def login_cookies(stack: Stack, browser: Browser) -> Any:
    """What a browser keeps after the login of admin."""
    context = browser.new_context(viewport=DESKTOP)
    page = context.new_page()
    log_in(page, stack.hareline)
    kept = context.storage_state()
    context.close()
    return kept


def log_in(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/login/")
    fill_in_login(page, site)
    page.wait_for_url(f"{site.url}/")


def fill_in_login(page: Page, site: Site) -> None:
    page.fill("[name=login]", "admin")
    page.fill("[name=password]", site.password)
    page.press("[name=password]", "Enter")


OpenContext = Callable[..., BrowserContext]


@pytest.fixture
def watch(stack: Stack) -> Watch:
    return Watch(stack.url)


class Windows:
    """Windows of the person who is logged in, by theme and size, which tests use one after the other: a new one has to fetch every file and to start a process
    for its pages, as much processor time as a page costs."""

    def __init__(self, browser: Browser, site: Site, login_cookies: Any) -> None:
        self.browser, self.site, self.login_cookies = browser, site, login_cookies
        self._kept: dict[tuple[str, int, int], BrowserContext] = {}

    def new(self, theme: str, viewport: Any, stranger: bool, **options: Any) -> BrowserContext:
        cookies = None if stranger else self.login_cookies
        context = self.browser.new_context(viewport=viewport, storage_state=cookies, reduced_motion="reduce", **options)
        context.set_default_timeout(PATIENCE_MS)
        self._add_theme(context, theme)
        return context

    def kept(self, theme: str, viewport: Any) -> BrowserContext:
        """With the cookies of a new one, and no page but one that keeps the process."""
        key = (theme, viewport["width"], viewport["height"])
        if key not in self._kept:
            self._kept[key] = self.new(theme, viewport, stranger=False)
            self._kept[key].new_page().goto(f"{self.site.url}/healthz")
            return self._kept[key]
        context = self._kept[key]
        context.clear_cookies()
        context.add_cookies(self.login_cookies["cookies"])
        self._add_theme(context, theme)
        return context

    def _add_theme(self, context: BrowserContext, theme: str) -> None:
        context.add_cookies([{"name": "hareline_theme", "value": theme, "url": self.site.url}])


@pytest.fixture(scope="package")
def windows(stack: Stack, browser: Browser, login_cookies: Any) -> Windows:
    return Windows(browser, stack.hareline, login_cookies)


@pytest.fixture
def open_context(stack: Stack, windows: Windows, watch: Watch) -> Iterator[OpenContext]:
    """Opens windows of a person who is logged in (`stranger=True`: who is not); the test fails if anything goes wrong in one of them."""
    kept: list[BrowserContext] = []
    own: list[BrowserContext] = []
    stack.tidy()

    def open_one(theme: str = "light", viewport: Any = DESKTOP, stranger: bool = False, **options: Any) -> BrowserContext:
        shareable = windows.kept(theme, viewport) if not (stranger or options) else None
        if shareable and shareable not in kept:
            kept.append(shareable)
            watch.attach(shareable)
            return shareable
        own.append(windows.new(theme, viewport, stranger, **options))
        watch.attach(own[-1])
        return own[-1]

    yield open_one
    wrong = watch.verdict()  # before open requests are cut off
    for context in own:
        context.close()
    for context in kept:
        watch.detach(context)
        for page in context.pages[1:]:
            page.close()
    assert wrong == []


@pytest.fixture
def page(open_context: OpenContext) -> Page:
    """A page of a person who is logged in, 1440 pixels wide."""
    return open_context().new_page()
