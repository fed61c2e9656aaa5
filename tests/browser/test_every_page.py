"""Every page in both themes and all widths: nothing that axe finds, nothing that scrolls sideways, nothing from another site.

A usual run looks at pages that have between them each kind of part: axe tries all its rules once, and contrast once more in the other theme. With --nightly
it tries all rules on every page, in both themes and both widths.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, TimeoutError, expect

from script.screenshots import violations
from tests.browser.conftest import DESKTOP, PHONE, OpenContext, Stack, Watch
from tests.waiting import wait_until

NEAR_MISS = "/routing/?exchange=orders&routing_key=order.new.us&expected=reports"
WHY = (
    "/routing/",
    NEAR_MISS,
    f"{NEAR_MISS}&change=add_binding&if_source=orders&if_destination=mail&if_key=%23",
    "/routing/?of=task&task=shop.pay&task_routing_key=x",
    "/routing/?of=existing&look_in=mail",
    "/routing/?of=reach&queue=mail",
)
NODES = ("/workers/?group=name", "/workers/group/?vhost=/&name=a@tests", "/workers/matrix/", "/workers/capacity/", "/map/arrangements/")
OF_TASKS = ("/tasks/", "/tasks/failures/", "/tasks/periodic/", "/tasks/statistics/", "/tasks/statistics/name/?name=tests.workers.celery_app.add")
WATCHED = ("/", "/queues/", "/exchanges/", "/connections/", "/workers/", "/workers/?view=table", "/workers/?group=queue", *NODES, *OF_TASKS)
TARGETS = ("/findings/targets/", "/findings/targets/new/?kind=mail")
RULES = ("/findings/rules/", "/findings/rules/growing/")
FINDINGS = ("/findings/", "/findings/?q=state:closed", "/findings/silence/", "/findings/silences/", "/findings/feeds/")
PEOPLE = ("/people/", "/people/roles/", "/account/", "/reauthenticate/?next=/account/")
LISTS = (
    *WATCHED,
    "/audit/",
    "/map/",
    "/history/changes/",
    "/history/",
    "/history/balance/",
    "/history/compare/?at=now",
    *PEOPLE,
    *FINDINGS,
    *TARGETS,
    *RULES,
    "/tasks/revoke/",
    "/tasks/again/",
    "/send/",
    "/glossary/",
    "/about/",
    "/demo/plants/",
    "/lab/",
    "/keyboard/",
    "/password/change/",
    *WHY,
)
USUAL = ("/", "/queues/", "/workers/", "/findings/")  # and others where a journey leads: changes, Send, a near miss
MISSING = "/queues/4711000/"
CONTRAST = {"runOnly": ["color-contrast"]}
WIDTHS = (DESKTOP, {"width": 720, "height": 450}, PHONE)  # the second is a desktop's at 200 percent


def here(path: str, stack: Stack) -> str:
    return f"{path}{'&' if '?' in path else '?'}{stack.here}"


def addresses(stack: Stack, page: Page) -> list[str]:
    found = [here(path, stack) for path in LISTS]
    for kind, name in (("queues", "mail"), ("exchanges", "orders"), ("workers", "a@tests")):
        found.append(f"/{kind}/{stack.id_of(page, kind, name)}/")
    found.append(f"/queues/{stack.id_of(page, 'queues', 'mail')}/messages/")
    found.append(f"/connections/{stack.any_id(page, 'connections')}/")
    queue = f"/queues/{stack.id_of(page, 'queues', 'mail')}/"
    found += [f"{path}?{stack.here}&at=now" for path in ("/", "/queues/", "/workers/", "/tasks/", queue)]
    found += [*of_control(stack, page), *of_a_failed_task(stack, page), of_the_lab(stack, page)]
    page.goto(f"{stack.url}/people/")
    found.append(str(page.get_by_role("link", name="admin", exact=True).get_attribute("href")))
    return [*found, MISSING]


def of_control(stack: Stack, page: Page) -> list[str]:
    """The forms that change a worker node, an order to be confirmed, and what came of one."""
    forms = f"/workers/control/?node={stack.id_of(page, 'workers', 'a@tests')}"
    confirmation = f"{forms}&action=enable_events"
    page.goto(f"{stack.url}{confirmation}")
    page.locator(".question-buttons").get_by_role("button").click()
    page.wait_for_url("**/workers/orders/*/")
    return [forms, confirmation, page.url.removeprefix(stack.url)]


def of_the_lab(stack: Stack, page: Page) -> str:
    """An experiment that was requested: how many may be at once is bounded, and none ends while no process of the lab runs."""
    page.goto(f"{stack.url}/lab/")
    requested = page.locator("section[aria-labelledby=active-title] a.name")
    (requested.first if requested.count() else page.locator("#pattern-topics").get_by_role("button")).click()
    page.wait_for_url("**/lab/*/")
    return page.url.removeprefix(stack.url)


def of_a_failed_task(stack: Stack, page: Page) -> list[str]:
    """Its workflow, drawn and as a list, and the group of its failure, once both are stored."""
    stack.send(page, "fail")
    failed = f"{stack.url}/api/v1/tasks?{stack.here}&q=state:failed"
    uuid = wait_until(lambda: page.request.get(failed).json()["items"], 30)[0]["uuid"]
    group = wait_until(lambda: page.request.get(f"{stack.url}/api/v1/failures?{stack.here}").json()["items"], 30)[0]["id"]
    return [f"/tasks/flow/?root={uuid}&{stack.here}", f"/tasks/flow/?root={uuid}&view=list&{stack.here}", f"/tasks/failures/{group}/"]


def test_axe_finds_nothing_and_nothing_scrolls_sideways(stack: Stack, open_context: OpenContext, watch: Watch) -> None:
    watch.expect("404")  # the page that is missing
    page = open_context("light").new_page()
    queue = f"/queues/{stack.id_of(page, 'queues', 'mail')}/"
    wrong = {}
    for address in (*(here(path, stack) for path in (*USUAL, queue)), MISSING):
        open_page(page, stack, address)
        if found := wrong_with(page):
            wrong[address] = found
    assert wrong == {}


@pytest.mark.nightly
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("viewport", WIDTHS, ids=["1440", "720", "390"])
def test_axe_finds_nothing_in_any_theme_and_width(stack: Stack, open_context: OpenContext, watch: Watch, theme: str, viewport: dict[str, int]) -> None:
    watch.expect("404")
    page = open_context(theme, viewport).new_page()
    wrong = {}
    for address in addresses(stack, page):
        open_page(page, stack, address)
        if found := violations(page) + sideways(page):
            wrong[address] = found
    assert wrong == {}


def wrong_with(page: Page) -> list[str]:
    """What is wrong with a page of 1440 pixels in light, which is so again afterwards: what a usual run looks for, once a page."""
    found = violations(page)
    for size in (*WIDTHS, WIDTHS[0]):
        page.set_viewport_size(size)
        found += sideways(page)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    found += [f"dark: {line}" for line in violations(page, **CONTRAST)]
    page.evaluate("document.documentElement.dataset.theme = 'light'")
    return found


def open_page(page: Page, stack: Stack, address: str) -> None:
    page.goto(f"{stack.url}{address}")
    if address != MISSING and page.locator("#live-badge").count():
        expect(page.locator("#live-badge")).to_have_attribute("data-state", "live")


def sideways(page: Page) -> list[str]:
    """What to say of a page that is wider than its window, once charts have followed a change of its width."""
    try:
        page.wait_for_function("document.documentElement.scrollWidth <= document.documentElement.clientWidth", timeout=30_000)
    except TimeoutError:
        return [f"scrolls sideways at {page.viewport_size}"]
    return []


def test_axe_finds_nothing_on_the_login(stack: Stack, open_context: OpenContext) -> None:
    page = open_context(stranger=True).new_page()
    page.goto(f"{stack.url}/login/")
    assert violations(page) == []
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    assert violations(page) == []
