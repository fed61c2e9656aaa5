"""What was measured is set against what a pattern claims: it holds, it does not, or too little is known to say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from tests.every_case import every_case
from workers.lab.catalog import PATTERNS
from workers.lab.claims import verdict
from workers.lab.reports import PUBLISHER, Report
from workers.lab.tally import MOST_MESSAGES, Tally

NOW = 1_000.0


def tally(key: str, **knobs: Any) -> Tally:
    """Of a pattern whose nodes and publisher are ready."""
    pattern = PATTERNS[key]
    found = Tally(pattern.plan(msgspec.structs.replace(pattern.defaults, **knobs)))
    for node in found.plan.nodes:
        found.apply(Report("ready", NOW, node.name, text=node.address))
    found.apply(Report("ready", NOW, PUBLISHER, text=found.plan.publisher.address))
    return found


def sent(found: Tally, message: str, at: float = NOW) -> None:
    found.apply(Report("sent", at, PUBLISHER, message))


def done(found: Tally, message: str, *nodes: str, at: float = NOW + 1) -> None:
    for node in nodes:
        found.apply(Report("got", at, node, message))
        found.apply(Report("done", at, node, message))


def holds(key: str, found: Tally, now: float = NOW + 60) -> str:
    return verdict(PATTERNS[key].measured, found, now).holds


def queue_shared(*counts: int) -> Tally:
    found, number = tally("work_queue"), 0
    for node, count in enumerate(counts, start=1):
        for _ in range(count):
            number += 1
            sent(found, f"1.0.{number}")
            done(found, f"1.0.{number}", f"node-{node}")
    return found


@every_case("case", [((40, 40, 40), "yes"), ((44, 38, 38), "yes"), ((60, 30, 30), "no"), ((120, 0, 0), "no"), ((5, 5, 5), "unknown")], str)
def test_shares_are_even_within_five_percentage_points(case: tuple[tuple[int, ...], str]) -> None:
    assert holds("work_queue", queue_shared(*case[0])) == case[1]


ALL_THREE = ("node-1", "node-2", "node-3")
COPIES: list[tuple[str, tuple[str, ...], str]] = [
    ("one each", ALL_THREE, "yes"),
    ("one missing", ("node-1", "node-2"), "no"),
    ("one double", (*ALL_THREE, "node-2"), "no"),
]


@every_case("case", COPIES, lambda case: str(case[0]))
def test_each_subscriber_gets_one_copy(case: tuple[str, tuple[str, ...], str]) -> None:
    found = tally("publish_subscribe")
    for number in range(40):
        sent(found, f"1.0.{number}")
        done(found, f"1.0.{number}", *(case[1] if number == 7 else ALL_THREE))
    assert holds("publish_subscribe", found) == case[2]


def test_a_copy_is_missing_only_once_it_had_time_to_come() -> None:
    found = tally("publish_subscribe")
    for number in range(30):
        sent(found, f"1.0.{number}")
        done(found, f"1.0.{number}", *ALL_THREE)
    sent(found, "1.0.30", at=NOW + 30)
    assert [holds("publish_subscribe", found, NOW + seconds) for seconds in (31, 40)] == ["yes", "no"]


def test_a_copy_that_waits_in_a_queue_or_at_a_node_is_not_missing() -> None:
    found = tally("publish_subscribe")
    for number in range(30):
        sent(found, f"1.0.{number}", at=NOW + number)
        done(found, f"1.0.{number}", "node-1", "node-2", *(["node-3"] if number < 10 else []))
    found.apply(Report("got", NOW + 9, "node-3", "1.0.10"))  # its node is slow: the others wait behind that one
    assert verdict("copies", found, NOW + 60).holds == "unknown" and len(found.settled(NOW + 60)) == 10
    for number in range(17, 30):
        done(found, f"1.0.{number}", "node-3")  # these were behind 1.0.11 to 1.0.16, which so are nowhere any more
    assert "missing" in verdict("copies", found, NOW + 60).text and "1.0.10" not in {one.id for one in found.settled(NOW + 60)}


def test_messages_reach_what_matches_and_those_that_match_nothing_are_named_as_dropped() -> None:
    found = tally("routing")
    for number in range(40):
        sent(found, f"1.{number % 4}.{number}")
        done(found, f"1.{number % 4}.{number}", *([f"node-{number % 4 + 1}"] if number % 4 < 3 else []))
    shown = verdict("matched", found, NOW + 60)
    assert shown.holds == "yes" and "10 of them matched nothing and were dropped" in shown.text
    done(found, "1.3.3", "node-1")
    assert holds("routing", found) == "no"


def test_every_request_has_one_reply() -> None:
    found = tally("request_reply")
    for number in range(30):
        sent(found, f"1.0.{number}")
        done(found, f"1.0.{number}", "node-1")
        found.apply(Report("reply", NOW + 1, PUBLISHER, f"1.0.{number}"))
    assert holds("request_reply", found) == "yes"
    sent(found, "1.0.30", at=NOW + 10)
    for number in (1, 2):
        found.apply(Report("got", NOW + 10, f"node-{number}", f"1.0.{900 + number}"))
    assert holds("request_reply", found) == "yes"  # the last one waits behind others
    done(found, "1.0.30", "node-1", at=NOW + 20)
    assert [holds("request_reply", found, NOW + seconds) for seconds in (22, 26)] == ["yes", "no"]
    found.apply(Report("reply", NOW + 27, PUBLISHER, "1.0.30"))
    found.apply(Report("reply", NOW + 2, PUBLISHER, "1.0.3"))
    assert holds("request_reply", found) == "no"


def test_no_node_holds_more_than_its_prefetch() -> None:
    found = tally("prefetch")
    for number in range(20):
        found.apply(Report("got", NOW, "node-3", f"1.0.{number}"))
    assert holds("prefetch", found) == "no"  # 16 are its prefetch
    found = tally("prefetch")
    for number in range(20):
        done(found, f"1.0.{number}", "node-1")
    assert holds("prefetch", found) == "yes"


def test_what_a_node_held_goes_with_its_connection_and_counts_anew_on_the_next() -> None:
    found, limit = tally("prefetch"), 16
    seen = found.nodes["node-3"]
    for _ in range(2):
        for number in range(limit):
            found.apply(Report("got", NOW, "node-3", f"1.0.{number}"))
        assert (seen.held, seen.most_held) == (limit, limit)
        found.apply(Report("away", NOW, "node-3"))
        assert (seen.held, seen.address) == (0, None)
        found.apply(Report("ready", NOW, "node-3", text="127.0.0.1"))
    assert holds("prefetch", found) == "yes"


def slow(counts: Iterable[int], waiting: int) -> Tally:
    found, number = tally("slow_node"), 0
    for node, count in enumerate(counts, start=1):
        for _ in range(count):
            number += 1
            sent(found, f"1.0.{number}")
            done(found, f"1.0.{number}", f"node-{node}")
    for later in range(waiting):
        sent(found, f"1.0.{1000 + later}")
    return found


@every_case("case", [((11, 44, 45), 50, "yes"), ((34, 33, 33), 50, "no"), ((11, 44, 45), 0, "unknown"), ((1, 4, 4), 50, "unknown")], str)
def test_shares_are_in_proportion_to_speed_while_messages_wait(case: tuple[tuple[int, ...], int, str]) -> None:
    assert holds("slow_node", slow(*case[:2])) == case[2]


def waits(low: float, high: float) -> Tally:
    found = tally("priority")
    for number in range(20):
        for variant, seconds in ((0, low), (2, high)):
            sent(found, f"1.{variant}.{number}")
            done(found, f"1.{variant}.{number}", "node-1", at=NOW + seconds)
    return found


@every_case("case", [(9.0, 0.3, "yes"), (5.0, 6.0, "no"), (0.1, 0.1, "unknown")], str)
def test_high_priority_waits_less_while_messages_wait_at_all(case: tuple[float, float, str]) -> None:
    assert holds("priority", waits(*case[:2])) == case[2]


def tried(*moments: float) -> Tally:
    found = tally("retry")
    for number in range(25):
        message = f"1.0.{number}"
        sent(found, message)
        for moment in moments[:-1]:
            found.apply(Report("got", NOW + moment, "node-1", message))
            found.apply(Report("rejected", NOW + moment, "node-1", message))
        done(found, message, "node-2", at=NOW + moments[-1])
    return found


@every_case("case", [((0.0, 1.1, 2.2), "yes"), ((0.0, 1.1), "no"), ((0.0, 0.3, 1.4), "no")], str)
def test_every_message_is_tried_three_times_a_second_apart(case: tuple[tuple[float, ...], str]) -> None:
    assert holds("retry", tried(*case[0])) == case[1]


def test_connections_come_from_the_machines_of_the_arrangement() -> None:
    found = tally("arrangements", arrangement=4)
    shown = verdict("addresses", found, NOW)
    assert shown.holds == "yes" and shown.text.endswith("the producer with the worker nodes.")
    found.apply(Report("ready", NOW, "node-1", text="10.0.0.1"))
    assert holds("arrangements", found) == "no"
    found.apply(Report("left", NOW, "node-1"))
    assert holds("arrangements", found) == "unknown"


def test_a_node_that_fails_shows_why_until_it_is_ready() -> None:
    found = tally("work_queue")
    for kind, text in (("failed", "ImportError: no module"), ("left", "It ended by itself, and is started again.")):
        found.apply(Report(kind, NOW, "node-1", text=text))
    assert (found.nodes["node-1"].address, found.nodes["node-1"].problem) == (None, "ImportError: no module")
    found.apply(Report("ready", NOW, "node-1", text="127.0.0.1"))
    assert found.nodes["node-1"].problem == ""


def test_what_belongs_to_an_earlier_round_counts_for_nothing() -> None:
    before = queue_shared(40, 40, 40)
    after = Tally(before.plan, 2, before)
    assert after.is_ready  # its nodes went on
    done(after, "1.0.5", "node-1")
    assert (after.nodes["node-1"].done, len(after.messages)) == (0, 0)
    changed = Tally(tally("work_queue", prefetch=2).plan, 3, after)
    assert not changed.is_ready


def test_of_messages_the_latest_are_kept_and_names_of_others_change_nothing() -> None:
    found = tally("work_queue")
    for number in range(MOST_MESSAGES + 50):
        sent(found, f"1.0.{number}")
    found.apply(Report("done", NOW, "node-9", "1.0.70"))
    found.apply(Report("done", NOW, "node-1", "somebody's"))
    assert (len(found.messages), found.sent, found.nodes["node-1"].done) == (MOST_MESSAGES, MOST_MESSAGES + 50, 0)


def test_a_problem_of_the_publisher_lasts_until_it_publishes_again() -> None:
    found = tally("work_queue")
    found.apply(Report("away", NOW, PUBLISHER, text="ConnectionRefusedError"))
    assert found.problem == "ConnectionRefusedError"
    sent(found, "1.0.1")
    assert found.problem == ""


def test_a_publisher_that_is_away_has_no_address() -> None:
    found = tally("arrangements")
    found.apply(Report("ready", NOW, PUBLISHER, text="127.0.0.1"))
    assert found.publisher_address == "127.0.0.1"
    found.apply(Report("away", NOW, PUBLISHER, text="TimeoutError"))
    assert (found.publisher_address, found.problem, found.publisher_left) == (None, "TimeoutError", False)
