"""Hareline under a path prefix behind a real nginx with TLS, by the lines of docs/proxies.md: prefix kept, and taken away."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from script.rabbitmq_machine import free_ports
from script.rabbitmq_node import GUARD
from tests.browser.conftest import DESKTOP, PATIENCE_MS, Stack, Watch, fill_in_login
from tests.browser.stack import ROOT, STOP_SECONDS, Site
from tests.waiting import wait_until

FRAME = """user root;
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/nginx.log;
events {{}}
http {{
access_log off;
client_body_temp_path {directory}/body;
proxy_temp_path {directory}/proxy;
fastcgi_temp_path {directory}/fastcgi;
uwsgi_temp_path {directory}/uwsgi;
scgi_temp_path {directory}/scgi;
{servers}
}}
"""


def documented() -> tuple[str, str]:
    """The map and the server of docs/proxies.md."""
    block = (ROOT / "docs/proxies.md").read_text().partition("```nginx\n")[2].partition("```")[0]
    shared, _, server = block.partition("server {")
    return shared, "server {" + server


def configuration(directory: Path, web: int, ports: dict[str, int]) -> str:
    """nginx's configuration: the documented server once for each of `ports`, with this machine's ports and certificate."""
    shared, server = documented()
    servers = []
    for name, port in ports.items():
        changes = {
            "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
            "server_name ops.example.com;": "",
            "/etc/ssl/ops.example.com.pem": str(directory / "certificate.pem"),
            "/etc/ssl/ops.example.com.key": str(directory / "key.pem"),
            "http://127.0.0.1:8000;": f"http://127.0.0.1:{web}{'/' if name == 'taken' else ''};",
        }
        changed = server
        for old, new in changes.items():
            assert old in changed, f"docs/proxies.md has no {old}"
            changed = changed.replace(old, new)
        servers.append(changed)
    return FRAME.format(directory=directory, servers=shared + "\n".join(servers))


def web_process(stack: Stack, directory: Path, listening: socket.socket, public_url: str) -> subprocess.Popen[bytes]:
    """Another web process of the stack's Hareline, under a public URL."""
    environment = stack.hareline.environment | {"HARELINE_PUBLIC_URL": public_url, "HARELINE_TRUSTED_PROXIES": "127.0.0.1"}
    arguments = [sys.executable, "-m", "daphne", "-v", "0", "--application-close-timeout", "1", "--fd", str(listening.fileno()), "dashboard.asgi:application"]
    with (directory / "web.log").open("wb") as log:
        return subprocess.Popen(
            arguments, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT, pass_fds=(listening.fileno(),), start_new_session=True
        )


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def sites(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Site]]:
    """By "kept" and "taken": the same Hareline, by what nginx does with the prefix."""
    directory = tmp_path_factory.mktemp("nginx")
    files = ["-keyout", str(directory / "key.pem"), "-out", str(directory / "certificate.pem")]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=127.0.0.1", *files],
        check=True,
        capture_output=True,
    )
    ports = dict(zip(("kept", "taken"), free_ports({}).values(), strict=False))
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        (directory / "nginx.conf").write_text(configuration(directory, listening.getsockname()[1], ports))
        web = web_process(stack, directory, listening, f"https://127.0.0.1:{ports['kept']}/hareline")
    nginx = subprocess.Popen(["nginx", "-e", str(directory / "nginx.log"), "-c", str(directory / "nginx.conf")], start_new_session=True)
    guard = subprocess.Popen(["/bin/sh", "-c", GUARD, "guard", str(web.pid), str(nginx.pid)], stdin=subprocess.PIPE, start_new_session=True)
    try:
        wait_until(lambda: all(answers(port) for port in ports.values()), 15)
        yield {name: Site(f"https://127.0.0.1:{port}/hareline", stack.hareline.password) for name, port in ports.items()}
    finally:
        for process in (nginx, web):
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_SECONDS)
        assert guard.stdin
        guard.stdin.close()
        guard.wait(STOP_SECONDS)


@pytest.fixture
def context(browser: Browser, sites: dict[str, Site], request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    """A stranger's window; the test fails if a script fails or a request leaves the site."""
    watch = Watch(sites[request.getfixturevalue("prefix")].url)
    opened = browser.new_context(viewport=DESKTOP, ignore_https_errors=True)
    opened.set_default_timeout(PATIENCE_MS)
    watch.expect("the server responded with a status of")  # the test looks at every answer itself
    watch.attach(opened)
    yield opened
    wrong = watch.verdict()
    opened.close()
    assert wrong == []


@pytest.mark.parametrize("prefix", ["kept", "taken"])
@pytest.mark.nightly
def test_a_whole_journey_stays_under_the_prefix(stack: Stack, sites: dict[str, Site], context: BrowserContext, prefix: str) -> None:
    site, page = sites[prefix], context.new_page()
    left: list[str] = []
    page.on("request", lambda sent: None if sent.url.startswith((f"{site.url}/", "data:")) else left.append(sent.url))
    refused: list[tuple[int, str]] = []
    page.on("response", lambda got: refused.append((got.status, got.url.removeprefix(site.url).partition("?")[0])) if got.status >= 400 else None)
    page.goto(f"{site.url}/queues?{stack.here}")  # no slash at its end: redirected, and to the login with it
    fill_in_login(page, site)
    page.wait_for_url(re.compile(rf"^{re.escape(site.url)}/queues/\?"))
    expect(page.locator("#live-badge")).to_have_attribute("data-state", "live")

    count = {"kept": 2, "taken": 3}[prefix]  # each its own, which the other one has not left there
    stack.tidy()
    stack.publish("mail", count)
    expect(page.locator(f"#queue-{stack.id_of(page, 'queues', 'mail', site.url)} [data-text=depth]")).to_have_text(str(count))
    page.fill("#filter", "mail")
    page.press("#filter", "Enter")
    expect(page.get_by_role("link", name="reports", exact=True)).to_have_count(0)
    page.get_by_role("link", name="mail", exact=True).click()
    expect(page).to_have_url(re.compile(rf"^{site.url}/queues/\d+/"))
    expect(page.locator("#live-badge")).to_have_attribute("data-state", "live")

    page.goto(f"{site.url}/send/?{stack.here}")
    page.fill("[name=task]", "shop.pay")
    page.fill("[name=args]", "[1,")  # the form comes back, and names what is wrong
    page.get_by_role("button", name=re.compile("^Send once")).click()
    expect(page.locator("#send-form[data-wrong]")).to_be_visible()

    page.goto(f"{site.url}/does-not-exist/")
    page.get_by_role("link", name="overview").click()
    expect(page).to_have_url(f"{site.url}/")
    assert {cookie["path"] for cookie in context.cookies() if cookie["name"] in ("hareline_session", "hareline_csrf")} == {"/hareline"}
    assert left == []
    assert refused == [(422, "/send/"), (404, "/does-not-exist/")]
