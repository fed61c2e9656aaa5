"""A message says what, where, since when, evidence and link, and has a bounded length."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from dashboard.models import Finding
from dashboard.notifications.messages import LONGEST_TEXT, LONGEST_TITLE, Item, Message, composed, of_a_test
from tests.notifications.objects import at, finding

URL = "https://ops.example.com/hareline"


def message(*findings: Finding, event: str = "opened", kind: str = "opened") -> Message:
    return composed("d1", kind, [Item(one, event, f"i{number}") for number, one in enumerate(findings)], URL, at(60))


def test_one_finding_says_everything() -> None:
    made = message(finding())
    assert made.title == "[critical] mail is growing (prod)"
    assert made.text.splitlines() == [
        "[critical] mail is growing",
        "prod /shop, queue mail",
        "Critical since 2026-11-24 12:00:00 UTC, 1 min ago",
        "Ready: 12,480 (1 min 1 s ago)",
        "What to do: Start a worker.",
        "https://ops.example.com/hareline/findings/17/",
        "",
        "Message d1",
    ]
    (item,) = made.body["findings"]
    assert (item["id"], item["event"], item["level"], item["since"], item["broker"]) == ("i0", "opened", "critical", "2026-11-24T12:00:00Z", "prod")
    assert item["evidence"][0]["value"] == "12,480"


def test_a_recovery_says_from_when_to_when() -> None:
    made = message(finding(closed_at=at(50)), event="recovered", kind="recovered")
    assert (made.title, made.level) == ("[recovered] mail is growing (prod)", "ok")
    assert "From 2026-11-24 12:00:00 UTC to 2026-11-24 12:00:50 UTC, 50 s" in made.text
    assert "Ready" not in made.text


def test_a_thousand_findings_are_one_bounded_message_the_worst_first() -> None:
    many = [finding(pk=pk, name=f"q{pk}", title=f"q{pk} is growing", level="warning") for pk in range(999)]
    made = message(*many, finding(pk=1000, title="db is down"))
    assert made.title == "1,000 findings (1 critical, 999 warning): db is down and 999 more"
    assert made.text.startswith("1,000 findings (1 critical, 999 warning)\n\n[critical] db is down\n")
    assert len(made.text) < LONGEST_TEXT + 60
    assert made.text.endswith("\n\nMessage d1")
    assert f"{URL}/findings/\n" in made.text
    assert (made.body["total"], len(made.body["findings"])) == (1000, 1000), "each with its id"
    assert len(json.dumps(made.body)) < 500_000


def test_names_can_neither_break_lines_nor_forge_a_header() -> None:
    made = message(finding(title="a\r\nBcc: x@example.com\u202e is growing", name="n" * 5000, vhost="v\nw"))
    assert "\n" not in made.title
    assert "\r" not in made.text
    assert made.title == "[critical] a␍␊Bcc: x@example.com⟨U+202E⟩ is growing (prod)"
    assert "Bcc" not in [line[:3] for line in made.text.splitlines()]
    assert max(map(len, made.text.splitlines())) <= 700
    assert len(message(finding(title="t" * 9999)).title) <= LONGEST_TITLE


def test_a_digest_lists_what_is_open_or_that_nothing_is() -> None:
    assert message(kind="digest").title == "Today: nothing is wrong"
    made = message(finding(), kind="digest")
    assert made.title == "Today: 1 finding open (1 critical)"
    assert "mail is growing" in made.text


def test_without_a_public_address_there_is_no_link() -> None:
    made = composed("d1", "opened", [Item(finding(), "opened", "i")], "", at(1))
    assert "http" not in made.text
    assert made.body["findings"][0]["link"] is None


def test_a_test_message_is_marked() -> None:
    made = of_a_test("d1", "ops", "ada", URL, at(0))
    assert made.title.startswith("[test]")
    assert (made.body["kind"], made.body["findings"]) == ("test", [])


def test_what_began_before_it_was_seen_says_so() -> None:
    values: dict[str, Any] = {"since": at(-timedelta(hours=1).total_seconds()), "since_at_least": True}
    assert "since 2026-11-24 11:00:00 UTC or before, 1 h 1 min ago" in message(finding(**values)).text
