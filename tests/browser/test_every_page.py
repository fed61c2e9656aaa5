"""Every page in both themes and both widths: nothing that axe calls serious, nothing that scrolls sideways, nothing from another site.

axe tries all its rules once, and contrast once more in the other theme; with --nightly it tries all, in both themes and both widths.
"""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from script.screenshots import serious
from tests.browser.conftest import DESKTOP, PHONE, OpenContext, Stack, Watch

NEAR_MISS = "/routing/?exchange=orders&routing_key=order.new.us&expected=reports"
WHY = (
    "/routing/",
    NEAR_MISS,
    f"{NEAR_MISS}&change=add_binding&if_source=orders&if_destination=mail&if_key=%23",
    "/routing/?of=task&task=shop.pay&task_routing_key=x",
    "/routing/?of=existing&look_in=mail",
    "/routing/?of=reach&queue=mail",
)
WATCHED = ("/", "/queues/", "/exchanges/", "/workers/", "/workers/?view=table", "/workers/?group=queue", "/tasks/")
LISTS = (*WATCHED, "/send/", "/glossary/", "/keyboard/", "/password/change/", *WHY)
MISSING = "/queues/4711000/"
CONTRAST = {"runOnly": ["color-contrast"]}
NIGHTLY = [("dark", DESKTOP, "dark-1440-all"), ("light", PHONE, "light-390-all"), ("dark", PHONE, "dark-390-all")]


def addresses(stack: Stack, page: Page) -> list[str]:
    found = [f"{path}{'&' if '?' in path else '?'}{stack.here}" for path in LISTS]
    for kind, name in (("queues", "mail"), ("exchanges", "orders"), ("workers", "a@tests")):
        found.append(f"/{kind}/{stack.id_of(page, kind, name)}/")
    found.append(f"/queues/{stack.id_of(page, 'queues', 'mail')}/messages/")
    return [*found, MISSING]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("theme", "viewport", "rules"),
    [
        pytest.param("light", DESKTOP, {}, id="light-1440"),
        pytest.param("dark", DESKTOP, CONTRAST, id="dark-1440-contrast"),
        *(pytest.param(theme, viewport, {}, id=name, marks=pytest.mark.nightly) for theme, viewport, name in NIGHTLY),
    ],
)
def test_axe_finds_nothing_serious_and_nothing_scrolls_sideways(
    stack: Stack, open_context: OpenContext, watch: Watch, theme: str, viewport: dict[str, int], rules: dict[str, Any]
) -> None:
    watch.expect("404")  # the page that is missing
    page = open_context(theme, viewport).new_page()
    wrong = {}
    for address in addresses(stack, page):
        page.goto(f"{stack.url}{address}")
        if address != MISSING and page.locator("#live-badge").count():
            expect(page.locator("#live-badge")).to_have_attribute("data-state", "live")
        found = serious(page, **rules)
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            found.append("scrolls sideways")
        if found:
            wrong[address] = found
    assert wrong == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_the_login(stack: Stack, open_context: OpenContext, theme: str) -> None:
    page = open_context(theme, stranger=True).new_page()
    page.goto(f"{stack.url}/login/")
    assert serious(page) == []


@pytest.mark.parametrize(
    "options", [{"viewport": PHONE}, {"viewport": {"width": 720, "height": 450}, "device_scale_factor": 2}], ids=["390 pixels", "200 percent"]
)
def test_nothing_scrolls_sideways(stack: Stack, open_context: OpenContext, watch: Watch, options: dict[str, Any]) -> None:
    watch.expect("404")
    page = open_context(**options).new_page()
    wrong = []
    for address in addresses(stack, page):
        page.goto(f"{stack.url}{address}")
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            wrong.append(address)
    assert wrong == []
