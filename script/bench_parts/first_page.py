"""What the first page of a visit transfers, compressed by gzip and with its fonts, as a real Chromium counts it.

`.venv/bin/python -m script.bench_parts.first_page`. Starts a RabbitMQ node and a web process of its own.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page, sync_playwright

from script.bench_parts import big_broker
from script.bench_parts.own_database import set_up
from script.bench_parts.rows import Row, at_most, emit
from script.screenshots import CHROMIUM_FLAGS, chromium

QUEUES = 50
GOAL_BYTES = 200_000
GOAL_BYTES_WITHOUT_FONTS = 120_000
GZIP = {"Accept-Encoding": "gzip"}  # what browsers accept without TLS; with it, brotli makes less of it
LOADED = """async () => {
  await document.fonts.ready;
  const entries = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
  return entries.map(({ name, encodedBodySize, initiatorType }) => [name, encodedBodySize, initiatorType]);
}"""


def transferred(page: Page) -> Counter[str]:
    """Bytes by kind (page, css, js, svg, woff2) of the page that is open, without what its scripts fetched later. The page must be the first of its context."""
    found: Counter[str] = Counter()
    for name, size, initiator in page.evaluate(LOADED):
        if initiator not in ("fetch", "xmlhttprequest"):
            kind = re.search(r"\.(\w+)$", urlsplit(name).path)
            found[kind[1] if kind else "page"] += size
    return found


def rows(sizes: Counter[str]) -> tuple[Row, Row]:
    without = sizes.total() - sizes["woff2"]
    kinds = ", ".join(f"{kind} {size / 1000:.0f}" for kind, size in sizes.most_common())
    return (
        Row("the overview’s first visit by gzip, fonts included", f"{sizes.total() / 1000:.0f} kB ({kinds})", "", None,
            *at_most(GOAL_BYTES // 1000, sizes.total() / 1000, " kB")),
        Row("the same before fonts", f"{without / 1000:.0f} kB", "", None,
            *at_most(GOAL_BYTES_WITHOUT_FONTS // 1000, without / 1000, " kB")),
    )  # fmt: skip


def session_cookie() -> dict[str, Any]:
    """The cookie of somebody who is logged in."""
    from django.conf import settings
    from django.test import Client

    from dashboard.models import User

    person = Client()
    person.force_login(User.objects.create_superuser("bench", password="bench"))  # noqa: S106
    return {"name": settings.SESSION_COOKIE_NAME, "value": person.cookies[settings.SESSION_COOKIE_NAME].value}


def main() -> None:
    with big_broker.running(QUEUES) as node:
        set_up(f"bench=http://{node.user}:{node.password}@127.0.0.1:{node.ports['management']}", pages=True)
        from script.bench_parts.queues import polled
        from script.bench_parts.web import running_web

        polled(node)
        cookie = session_cookie()
        with running_web() as port, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
            context = browser.new_context(viewport={"width": 1440, "height": 900}, extra_http_headers=GZIP)
            context.add_cookies([{**cookie, "url": f"http://127.0.0.1:{port}"}])  # type: ignore[typeddict-item]
            page = context.new_page()
            page.goto(f"http://127.0.0.1:{port}/", wait_until="load")
            sizes = transferred(page)
            browser.close()
    emit(*rows(sizes))


if __name__ == "__main__":
    main()
