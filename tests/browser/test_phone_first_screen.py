"""A phone at 03:10: the overview's first screen has each of three problems, since when, how bad, and its page, and the figures; nothing of it by scrolling.

The problems are rendered by the page's own templates and put into a real overview, since three at once would take minutes to come about.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from django.template.loader import render_to_string

from brokers.models import Broker
from dashboard.findings.cards import Card, card
from dashboard.findings.rule import Evidence, Found, Object, body_of
from dashboard.layout.levels import Word
from dashboard.models import Finding
from tests.browser.conftest import PHONE, OpenContext, Stack

NOW = datetime(2026, 11, 24, 3, 10, 52, tzinfo=UTC)
PLACES = """(html) => {
  const box = (element) => ({ top: element.getBoundingClientRect().top, bottom: element.getBoundingClientRect().bottom, text: element.innerText });
  document.getElementById("problems").innerHTML = html;
  const seen = (selector) => [...document.querySelectorAll(selector)].filter((one) => one.checkVisibility());
  return {
    cards: seen(".also-incident").map(box), links: seen(".also-go").map(box), whole: seen(".incident").length,
    figures: seen(".figures .figure").map(box), wide: document.documentElement.scrollWidth,
    edge: document.querySelector("nav.side").getBoundingClientRect().top,
  };
}"""


def three_problems() -> list[Card]:
    broker = Broker(pk=1, name="prod")
    mail = [("Oldest message", "~8 min 40 s"), ("Growth", "+1,440/min"), ("Ready", "12,480")]
    mail += [("Consumers", "0, usually 2"), ("Last consumed by", "worker-b@web-1"), ("Length limit", "50,000, in ~26 min 3 s")]
    gone = [("Last heartbeat", "03:06:31"), ("Held", "4 tasks"), ("Waiting", "2 tasks")]
    reports = [("Oldest message", "~14 min"), ("Growth", "+42/min"), ("Consumers", "1")]
    problems: list[tuple[str, str, float, Word, list[tuple[str, str]]]] = [
        ("mail", "is growing and nobody consumes it", 520, "critical", mail),
        ("thumbs@media-1", "is gone with 4 tasks", 261, "critical", gone),
        ("reports.nightly", "is growing", 1600, "warning", reports),
    ]
    shown = []
    for pk, (name, short, seconds, level, facts) in enumerate(problems, 1):
        found = Found("growing", Object("queue", name, "/shop"), level, short, evidence=[Evidence(*fact) for fact in facts])
        began = NOW - timedelta(seconds=seconds)
        kept: dict[str, Any] = {"title": found.whole_title, "short": short, "opened_at": began, "since": began, "body": body_of(found)}
        shown.append(card(Finding(pk=pk, broker=broker, level=level, vhost="/shop", name=name, kind="queue", **kept)))
    return shown


def test_the_first_screen_of_a_phone_has_three_problems_whole(stack: Stack, open_context: OpenContext) -> None:
    found = three_problems()
    overview = SimpleNamespace(incidents=found, problems=found, notices=[], sentence="3 problems", query="", more_problems=0, silenced=0)
    html = render_to_string("overview/_state.html", {"overview": overview, "now": NOW, "several": False})
    page = open_context("light", PHONE).new_page()
    page.goto(f"{stack.url}/?{stack.here}")
    seen = page.evaluate(PLACES, html)
    assert seen["whole"] == 0 and len(seen["cards"]) == len(seen["links"]) == 3
    shown = [*seen["cards"], *seen["figures"]]
    assert len(seen["figures"]) == 4 and max(one["bottom"] for one in shown) <= seen["edge"], shown
    assert min(one["bottom"] - one["top"] for one in seen["links"]) >= 44 and seen["wide"] <= PHONE["width"]
    first = seen["cards"][0]["text"]
    for words in (
        "mail",
        "critical since 03:02:12",
        "8 min 40 s",
        "12,480",
        "Growth",
        "Oldest message",
        "~8 min 40 s",
        "worker-b@web-1",
        "Length limit",
        "Why, and what to do",
    ):
        assert words in first
