"""The story of a message: what is shown, what is collapsed and counted, the consumers, and the plain text."""

from __future__ import annotations

from typing import Any

import pytest

from brokers.routing.answer import AfterQueue, ConsumingWorker
from dashboard.layout.spans import Span
from dashboard.why.story.destinations import Destination, destination
from dashboard.why.story.hops import MOST_BINDINGS, Hop
from dashboard.why.story.message import Story, story
from dashboard.why.story.plain import plain
from dashboard.why.story.risks import Risk, grouped
from dashboard.why.story.task import TaskLine
from tests.dashboard.explained import explained


def story_of(exchange: str, key: str, bindings: list[tuple[str, str, str]], alternate: str | None = None, **question: Any) -> Story:
    arguments = {"alternate-exchange": alternate} if alternate else {}
    definitions = {
        "exchanges": [{"name": "orders", "type": "topic", "arguments": arguments}, {"name": "unrouted", "type": "fanout"}],
        "queues": [{"name": name} for name in sorted({destination for _, destination, _ in bindings})],
        "bindings": [
            {"source": source, "destination": destination, "destination_type": "queue", "routing_key": words} for source, destination, words in bindings
        ],
    }
    return story(explained(definitions, exchange, key, **question), lambda kind, name: f"/{kind}/{name}" if name else "")


def first(shown: Story) -> Hop:
    return shown.hops[0]


MANY = [("orders", f"q{number:03}", "order.#") for number in range(300)] + [("orders", f"eu{number}", "order.*.eu") for number in range(15)]


def test_many_matches_are_folded_so_that_near_misses_stay_visible() -> None:
    hop = first(story_of("orders", "order.new.us", MANY))
    assert [line.verdict for line in hop.bindings] == ["matched"] * 8 + ["near"] * 12
    matched, near = hop.folds
    assert (matched.label, len(matched.lines), matched.more) == ("292 more match", MOST_BINDINGS, 192)
    assert (near.label, len(near.lines), near.more) == ("3 more are near misses", 3, 0)
    assert "300 of 315 bindings match; 15 near misses." in hop.text


def test_what_does_not_match_is_counted_by_its_reason() -> None:
    hop = first(story_of("orders", "a.b", [("orders", "q", "x.y.z"), ("orders", "q", "p.q.r.s"), ("orders", "q", "#")]))
    (fold,) = hop.folds
    assert fold.label == "2 more do not match"
    assert sum(count for _, count in fold.reasons) == 2
    every = first(story_of("orders", "a.b", [("orders", "q", "x.y.z"), ("orders", "q", "#")], verdicts="all"))
    assert [(one.label, len(one.lines)) for one in every.folds] == [("1 more does not match", 1)]


@pytest.mark.parametrize(
    ("key", "alternate", "text"),
    [
        ("a", None, ""),
        ("a", "unrouted", "Its alternate exchange unrouted is not used, because a binding matched."),
        ("b", "unrouted", "Its alternate exchange unrouted takes it, because no binding matched."),
        ("b", "nowhere", "Its alternate exchange nowhere does not take it: there is no such exchange."),
    ],
)
def test_what_happens_at_the_alternate_is_shown(key: str, alternate: str | None, text: str) -> None:
    assert first(story_of("orders", key, [("orders", "q", "a"), ("unrouted", "lost", "")], alternate)).alternate == text


def ended(consumers: int | None, workers: list[ConsumingWorker] | None) -> Destination:
    return destination(AfterQueue("mail", consumers=consumers, workers=workers), lambda kind, name: "")


def worker(name: str, concurrency: int | None = 8, free: int | None = 3, prefetch: int | None = 32) -> ConsumingWorker:
    return ConsumingWorker(1, name, True, concurrency, free, prefetch)


def test_who_receives_it_is_shown_with_free_slots() -> None:
    found = ended(2, [worker("a@web-1"), worker("a@web-2", free=0)])
    assert (found.level, found.text) == ("ok", "2 consumers of Celery, prefetch 32 each.")
    assert [node.slots for node in found.nodes] == ["3 of 8 free", "0 of 8 free"]
    assert found.nodes[0].cells == ["used"] * 5 + ["free"] * 3


def test_what_is_not_known_of_a_worker_is_not_drawn() -> None:
    found = ended(1, [worker("a", None, None, None), worker("b", 64, 60), worker("c", free=None)])
    assert [(node.cells, node.slots) for node in found.nodes] == [([], ""), ([], "60 of 64 free"), ([], "")]
    assert found.text == "1 consumer of Celery."


def test_nobody_and_unknown_are_not_the_same() -> None:
    assert (ended(0, []).level, ended(0, []).word) == ("critical", "waits")
    assert (ended(None, None).level, ended(None, None).text) == ("unknown", "Its consumers are unknown.")
    assert ended(1, []).text == "1 consumer (not a known Celery worker)."
    assert ended(20, [worker(f"w{number}") for number in range(20)]).more == 12


def test_the_same_risk_of_several_queues_is_listed_once() -> None:
    found = grouped([Risk("notice", name, "drops the oldest beyond 5 messages.") for name in "abcd"] + [Risk("warning", "e", "expires after 5 ms.")])
    assert [f"{risk.queue} {risk.text}" for risk in found] == ["e expires after 5 ms.", "a, b, c and 1 more: each drops the oldest beyond 5 messages."]


def test_the_answer_as_text_has_every_part() -> None:
    shown = story_of("orders", "order.new.us", [("orders", "us", "order.*.us"), ("orders", "eu", "order.*.eu"), ("orders", "x", "other.a.b.c")])
    text = plain([Span("It reaches "), Span("us", True)], [Span("Certain.")], shown, [TaskLine("the call", "queue", "us", "task_routes", "It was given.")])
    assert text.startswith("It reaches `us`\nCertain.\n\nCelery: queue us from the call, lost to task_routes. It was given.\n")
    assert "  + order.*.us -> queue us: " in text
    assert "  ~ order.*.eu -> queue eu: third word is `us`, wanted `eu`" in text
    assert "  1 more does not match: the first word differs (1)" in text
    assert text.endswith("Delivered to us: Its consumers are unknown.")


def test_a_task_that_is_not_sent_has_only_celerys_part_as_text() -> None:
    assert plain([Span("It is not sent.")], [], None, [TaskLine("a default", "queue", "", "", "Why.")]) == (
        "It is not sent.\n\nCelery: queue (empty) from a default. Why."
    )


def test_an_exchange_with_unknown_rules_is_shown_with_its_bindings_and_what_they_may_reach() -> None:
    bindings = [{"source": "own", "destination": name, "destination_type": kind, "routing_key": "k"} for name, kind in (("mail", "queue"), ("f", "exchange"))]
    bindings.append({"source": "f", "destination": "far", "destination_type": "queue", "routing_key": ""})
    exchanges = [{"name": "own", "type": "x-of-our-own"}, {"name": "f", "type": "fanout"}]
    definitions = {"exchanges": exchanges, "queues": [{"name": "mail"}, {"name": "far"}], "bindings": bindings}
    found = explained(definitions, "own", "k")
    shown = story(found, lambda kind, name: "", expected="far")
    assert shown.level == "unknown"
    assert shown.headline[0].text == "Whether it reaches "
    assert [hop.heading for hop in shown.hops] == ["Published to own with the key k", "A binding may route it to f"]
    assert first(shown).text == "Its type is x-of-our-own, whose rules Hareline does not know: 2 bindings, of which any may match."
    assert [fold.label for fold in first(shown).folds] == ["2 more are unknown"]
    assert (shown.is_unknown, shown.end, shown.end_text) == (True, "Where it is delivered is unknown", "It may reach far and mail, or not.")
    assert "Where it is delivered is unknown." in plain(shown.headline, shown.text, shown)
    assert "no queue" not in plain(shown.headline, shown.text, shown)


def test_a_delayed_exchange_is_shown_by_the_rules_of_its_type() -> None:
    exchange = {"name": "later", "type": "x-delayed-message", "arguments": {"x-delayed-type": "topic"}}
    bindings = [{"source": "later", "destination": "mail", "destination_type": "queue", "routing_key": "a.*"}]
    definitions = {"exchanges": [exchange], "queues": [{"name": "mail"}], "bindings": bindings}
    shown = story(explained(definitions, "later", "a.b", headers={"x-delay": 90000}), lambda kind, name: "")
    assert "compares words between dots" in first(shown).text
    assert "It routes after 90 s (header x-delay)." in first(shown).text


def test_a_missing_dead_letter_exchange_and_a_passed_over_policy_are_risks() -> None:
    queue = {"name": "mail", "arguments": {"x-dead-letter-exchange": "gone", "x-expires": 60000}}
    definitions = {"queues": [queue], "policies": [{"name": "aged", "pattern": "", "definition": {"max-age": "1D"}}]}
    shown = story(explained(definitions, "", "mail"), lambda kind, name: "")
    assert [(risk.level, risk.text.partition(":")[0]) for risk in shown.risks] == [
        ("warning", "dead-letters to gone, which does not exist"),
        ("notice", "is itself deleted, with its messages, after 1 min without use."),
        ("notice", "may surprise"),
    ]


def test_the_steps_for_the_map_are_what_the_message_reaches_at_once() -> None:
    shown = story_of("orders", "order.new", [("orders", "mail", "order.*"), ("orders", "audit", "#"), ("orders", "fax", "fax.#")], alternate="unrouted")
    assert shown.steps == [[("exchange", "orders")], [("queue", "audit"), ("queue", "mail")]]
    assert story_of("orders", "fax", [("orders", "mail", "order.*")], alternate="unrouted").steps == [[("exchange", "orders")], [("exchange", "unrouted")]]
    assert story_of("missing", "a", []).steps == []
