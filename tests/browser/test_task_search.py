"""Tasks searched, columns chosen, rows exported and a view saved, by a person in a browser."""

from __future__ import annotations

import csv
import re
from io import StringIO
from pathlib import Path
from uuid import uuid4

from playwright.sync_api import Page, expect

from tests.browser.conftest import Stack
from tests.browser.test_journeys import live
from tests.waiting import wait_until


def open_list(stack: Stack, page: Page) -> None:
    """The list of tasks, with one that succeeded."""
    uuid = str(uuid4())
    stack.send(page, "add", 20, 22, task_id=uuid)
    wait_until(lambda: page.request.get(f"{stack.url}/api/v1/tasks?{stack.here}&q={uuid}+state:succeeded").json()["total"], seconds=60)
    page.goto(f"{stack.url}/tasks/?{stack.here}")
    live(page)


def test_tasks_are_searched_shown_by_other_columns_exported_and_kept_as_a_view(stack: Stack, page: Page) -> None:
    open_list(stack, page)
    field = page.locator("#filter")
    field.fill("-state:failed wait<1h")
    field.press("Enter")
    expect(page.locator(".chip-text")).to_have_text(["state!=failed", "wait<1h"])
    page.get_by_text("Columns", exact=True).click()
    for column, shown in (("Exception", True), ("Wait", True), ("Arguments", False)):
        page.get_by_label(column, exact=True).set_checked(shown)
    page.get_by_role("button", name="Show these columns").click()
    expect(page.get_by_role("columnheader", name="Wait")).to_be_visible()
    expect(page.get_by_role("columnheader", name="Arguments")).to_have_count(0)
    page.get_by_role("link", name="Move Wait to the left").click()
    expect(page).to_have_url(re.compile(r"columns=.*wait%2Ceta|wait,eta"))
    first = page.get_by_role("checkbox", name=re.compile("^Select ")).first
    first.check()
    with page.expect_download() as exported:
        page.get_by_role("button", name="Export…").click()
    [row] = csv.DictReader(StringIO(Path(exported.value.path()).read_text()))
    assert (row["uuid"], row["state"], float(row["wait_seconds"]) < 3600) == (first.get_attribute("value"), "SUCCESS", True)
    page.get_by_role("link", name="Save view…").click()
    page.get_by_label("Name", exact=True).fill("waits & <b>")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("link", name="waits & <b>").click()
    expect(page.locator(".kept-views [aria-current]")).to_have_text("waits & <b>")
    expect(page.locator(".chip-text")).to_have_count(2)


def test_a_long_filter_that_finds_nothing_names_the_term_that_is_to_blame(stack: Stack, page: Page) -> None:
    open_list(stack, page)
    for name in ("nothing", "nobody"):  # the second in the place of the first
        page.locator("#filter").fill(f"-state:failed wait<1h name:{name}")
        page.locator("#filter").press("Enter")
        expect(page.get_by_text(f"Without name:{name}, ")).to_be_visible()
        page.get_by_role("link", name=f"Remove name:{name}", exact=True).first.click()
        expect(page.locator(".chip-text")).to_have_text(["state!=failed", "wait<1h"])
