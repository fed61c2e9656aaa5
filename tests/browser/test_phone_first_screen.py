"""A phone at 03:10: the overview's first screen has each of three problems, since when, how bad, and its page, and the figures; nothing of it by scrolling.

The problems are rendered by the page's own templates and put into a real overview, since three at once would take minutes to come about.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from django.template.loader import render_to_string

from brokers.models import Broker, Queue
from dashboard.overview import incidents
from tests.browser.conftest import PHONE, OpenContext, Stack
from workers.models import Worker

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


def three_problems() -> list[Any]:
    broker = Broker(pk=1, name="prod", state=Broker.UP, reason="", polled_at=NOW, poll_seconds=5, version="3.10.8")
    mail: dict[str, Any] = {
        "pk": 7,
        "ready": 12480,
        "depth": 12480,
        "consumers": 0,
        "publish_per_second": 24.0,
        "ack_per_second": 0.0,
        "deliver_per_second": 0.0,
    }
    mail |= {
        "arguments": {"x-max-length": 50_000},
        "nobody_consumes_since": NOW - timedelta(seconds=520),
        "nobody_since_at_least": False,
        "oldest_at": NOW - timedelta(seconds=520),
    }
    reports: dict[str, Any] = {
        "arguments": {"x-max-length": 3_000},
        "pk": 8,
        "ready": 900,
        "depth": 900,
        "consumers": 1,
        "publish_per_second": 5.0,
        "ack_per_second": 1.3,
        "deliver_per_second": 1.3,
    }
    known = {"vhost": "/shop", "type": "classic", "state": "running", "unacknowledged": 0, "oldest_estimated": True}
    queues = [Queue(**known, **facts, name=name, broker=broker) for name, facts in (("mail", mail), ("reports.nightly", reports))]
    gone = {"state": Worker.GONE, "since": NOW - timedelta(seconds=261), "heartbeat_at": NOW - timedelta(seconds=261), "active": 4, "reserved": 2}
    worker = Worker(pk=3, hostname="thumbs@media-1", broker=broker, vhost="/shop", concurrency=4, **gone)
    found = [incidents.of_queue(queue, broker, ["worker-b@web-1"], NOW) for queue in queues]
    return incidents.worst_first([*found, incidents.of_worker(worker, NOW)])


def test_the_first_screen_of_a_phone_has_three_problems_whole(stack: Stack, open_context: OpenContext) -> None:
    overview = SimpleNamespace(incidents=three_problems(), notices=[], sentence="3 problems", query="")
    assert len(overview.incidents) == 3
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
        "Reaches max-length in",
        "Open mail",
    ):
        assert words in first
