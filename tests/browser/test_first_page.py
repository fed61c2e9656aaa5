"""What the first page of a visit costs: bytes, fonts, and how many keys until the first problem."""

from __future__ import annotations

from playwright.sync_api import expect

from script.bench_parts.first_page import GOAL_BYTES, GOAL_BYTES_WITHOUT_FONTS, GZIP, transferred
from tests.browser.conftest import OpenContext, Stack
from tests.waiting import wait_until


def test_the_overview_transfers_at_most_200_kb_with_its_fonts_and_its_first_problem_is_two_tabs_away(stack: Stack, open_context: OpenContext) -> None:
    page = open_context(extra_http_headers=GZIP).new_page()
    page.goto(f"{stack.url}/?{stack.here}")
    sizes = transferred(page)
    assert sizes["woff2"] > 50_000 and sizes["page"] > 3_000 and sizes["js"] > 20_000  # everything was counted
    assert sizes.total() - sizes["woff2"] <= GOAL_BYTES_WITHOUT_FONTS, sizes
    assert sizes.total() <= GOAL_BYTES, sizes
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to problems")).to_be_focused()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "problems"


def test_other_scripts_than_latin_bring_a_font_of_their_own(stack: Stack, open_context: OpenContext) -> None:
    page = open_context().new_page()
    page.goto(f"{stack.url}/glossary/")
    page.evaluate("document.fonts.ready")
    loaded = page.evaluate("performance.getEntriesByType('resource').map(({ name }) => name).filter((name) => name.includes('woff2'))")
    assert loaded and not any("-ext" in name or "cyrillic" in name for name in loaded)
    page.evaluate("document.querySelector('h1').textContent = 'Очередь'")
    cyrillic = "[...document.fonts].some((font) => font.status === 'loaded' && font.unicodeRange.startsWith('U+301,'))"
    wait_until(lambda: page.evaluate(cyrillic), seconds=15)


def test_a_question_mark_opens_the_shortcuts_but_not_while_typing(stack: Stack, open_context: OpenContext) -> None:
    page = open_context().new_page()
    page.goto(f"{stack.url}/queues/?{stack.here}")
    page.locator("#filter").press("?")
    expect(page.locator("#filter")).to_have_value("?")
    page.locator("h1").click()
    page.keyboard.press("?")
    page.wait_for_url("**/keyboard/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Keyboard shortcuts")
