"""A test task from the form, in a browser: the confirmation, and the task followed live on the same page."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Stack, Watch
from tests.browser.test_every_page import wrong_with
from tests.waiting import wait_until

END_MS = 30_000
FOUND_SECONDS = 40
TASKS = "tests.workers.celery_app"


def fill(stack: Stack, page: Page, task: str, args: str = "[]", **options: str) -> None:
    """Fills the form in and has it checked."""
    page.goto(f"{stack.url}/send/?{stack.here}")
    page.locator("#task").fill(f"{TASKS}.{task}")
    page.locator("#args").fill(args)
    for name, value in options.items():
        page.locator(f"#{name}").fill(value)
    check(page)


def check(page: Page) -> None:
    page.locator(".send-form .button-primary").click()


def confirm(page: Page) -> None:
    """Answers the question, which names what is sent to where."""
    question = page.locator("dialog.question")
    expect(question).to_be_visible()
    question.get_by_role("button", name="Send once to").click()


def wait_for_the_consumer(stack: Stack, page: Page) -> None:
    """The worker has just begun to consume, and the broker's list of consumers and its count may be of two moments."""
    wait_until(lambda: "a@tests" in page.request.get(f"{stack.url}/send/?{stack.here}&task={TASKS}.add&queue=jobs").text(), seconds=40)


def test_a_task_goes_where_the_form_predicts_while_it_is_typed_and_is_followed_to_its_result_and_its_route(stack: Stack, page: Page) -> None:
    wait_for_the_consumer(stack, page)
    page.goto(f"{stack.url}/send/?{stack.here}")
    assert wrong_with(page) == []
    panel = page.locator("[data-prediction]")
    expect(panel).to_contain_text("Enter a task name")
    page.locator("#task").fill(f"{TASKS}.add")
    page.locator("#queue").fill("jobs")
    expect(panel).to_contain_text("a@tests")
    page.locator("#queue").fill("no-such-queue")
    expect(panel).to_contain_text("unroutable, lost")
    page.locator("#queue").fill("jobs")
    page.locator("#args").fill("[2, 3]")
    check(page)
    expect(panel).to_contain_text("a@tests")
    confirm(page)
    expect(page.locator(".follow-state")).to_contain_text("succeeded", timeout=END_MS, ignore_case=True)
    expect(page.locator("[aria-label=Result]")).to_have_text("5")
    expect(page.get_by_text("a@tests").first).to_be_visible()
    expect(page.locator(".compared-table")).to_contain_text("worker node a@tests a@tests as predicted", use_inner_text=True)
    page.get_by_role("link", name="Open the task").click()
    page.get_by_role("link", name="Trace its route").click()
    received = page.get_by_role("row", name="Received by")
    expect(received).to_contain_text("a@tests")
    wait_until(lambda: page.reload() and page.locator("tr", has_text="Received by").locator("[data-level=ok]").count(), FOUND_SECONDS)
    expect(page.get_by_role("row", name="Intended queue")).to_contain_text("jobs")


def test_a_task_that_fails_shows_its_traceback(stack: Stack, page: Page) -> None:
    fill(stack, page, "fail", queue="jobs")
    confirm(page)
    expect(page.locator("[aria-label=Traceback]")).to_contain_text("ValueError: as requested", timeout=END_MS)


@pytest.mark.nightly
def test_a_countdown_is_shown_and_waited_for(stack: Stack, page: Page) -> None:
    fill(stack, page, "add", "[1, 1]", queue="jobs", countdown="3")
    confirm(page)
    expect(page.locator(".follow")).to_contain_text("Held back until", timeout=END_MS)
    expect(page.locator(".follow-state")).to_contain_text("succeeded", timeout=END_MS, ignore_case=True)


@pytest.mark.nightly
def test_a_task_for_a_queue_without_consumers_is_shown_as_waiting(stack: Stack, page: Page) -> None:
    fill(stack, page, "add", "[1, 1]", queue="reports")
    confirm(page)
    expect(page.locator(".follow")).to_contain_text("reports has no consumers", timeout=END_MS)


@pytest.mark.nightly
def test_an_error_in_the_json_is_named_with_its_place_and_mended(stack: Stack, page: Page, watch: Watch) -> None:
    watch.expect("422")  # the form comes back
    fill(stack, page, "add", "[1, 2026-11]", queue="jobs")
    expect(page.locator("#args-says")).to_contain_text("Line 1, column")
    expect(page.locator("#queue")).to_have_value("jobs")  # nothing of the form is lost
    page.locator("#args").fill("[1, 2]")
    check(page)
    confirm(page)
    expect(page.locator("[aria-label=Result]")).to_have_text("3", timeout=END_MS)


def test_the_list_of_tasks_leads_to_a_task(stack: Stack, page: Page) -> None:
    page.goto(f"{stack.url}/tasks/?{stack.here}")
    stack.send(page, "fail_twice")
    call = f"{stack.url}/api/v1/tasks?{stack.here}&name={TASKS}.fail_twice"
    wait_until(lambda: page.request.get(call).json()["total"], seconds=30)
    page.goto(f"{stack.url}/tasks/?{stack.here}&q=name%3A{TASKS}.fail_twice")
    link = page.locator("[id^=task-]").get_by_role("link", name=f"{TASKS}.fail_twice").first
    expect(link).to_be_visible(timeout=END_MS)
    link.click()
    expect(page.get_by_role("heading", name=f"{TASKS}.fail_twice").first).to_be_visible()
    expect(page.locator("body")).to_contain_text("the warehouse does not answer", timeout=END_MS)
