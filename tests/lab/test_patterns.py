"""Every pattern's plan holds together, and the knobs that people turn stay within their bounds."""

from __future__ import annotations

from operator import attrgetter

import msgspec
from celery import Celery
from celery.app.task import Context

from dashboard.lab.drawing import drawn
from tests.every_case import every_case
from workers.lab import plans
from workers.lab.catalog import PATTERNS, Pattern
from workers.lab.claims import MEASURED
from workers.lab.knobs import KNOBS, Knobs, read
from workers.lab.place import Place
from workers.lab.plan import Plan
from workers.lab.reports import Report, line, variant_of
from workers.lab.reports import read as read_report
from workers.lab.tally import expected_queues

ALL = list(PATTERNS.values())


@every_case("pattern", ALL, attrgetter("key"))
def test_each_plan_reaches_queues_that_have_worker_nodes(pattern: Pattern) -> None:
    plan = pattern.plan(pattern.defaults)
    declared, consumed = {one["name"] for one in plan.definitions["queues"]}, {node.queue for node in plan.nodes}
    assert consumed <= declared
    assert any(expected_queues(plan)) and {name for names in expected_queues(plan) for name in names} <= consumed
    assert len({node.name for node in plan.nodes}) == len(plan.nodes)


@every_case("pattern", ALL, attrgetter("key"))
def test_each_explains_itself_in_three_sentences_and_has_a_claim_that_is_measured(pattern: Pattern) -> None:
    assert len(pattern.text) == 3 and all(text.endswith(".") and ". " not in text for text in pattern.text)
    assert pattern.measured in MEASURED and set(pattern.offers) <= set(KNOBS)
    assert not [wrong for name, check in pattern.checks.items() for line in getattr(pattern.defaults, name) if (wrong := check(line))]


@every_case("pattern", ALL, attrgetter("key"))
def test_each_is_drawn_without_boxes_on_each_other_before_and_after_it_measured(pattern: Pattern) -> None:
    plan = pattern.plan(pattern.defaults)
    last = {"id": "1.0.1", "variant": 0, "state": "done", "nodes": [plan.nodes[0].name], "queues": [plan.nodes[0].queue], "rejected": 0}
    nodes = [{"name": node.name, "queue": node.queue, "done": 1, "held": 0, "address": "127.0.0.1"} for node in plan.nodes]
    for measured in ({}, {"sent": 1, "nodes": nodes, "messages": [last]}):
        drawing = drawn(plan, measured)
        places = [(box.x, box.y) for box in drawing.boxes]
        assert len(set(places)) == len(places) == 1 + len(plan.nodes) + sum(len(plan.definitions[kind]) for kind in ("queues", "exchanges"))
        assert all(0 <= box.y <= drawing.height - 44 for box in drawing.boxes)
        assert any(arrow.lit for arrow in drawing.arrows) == bool(measured)


def test_arrows_of_headers_say_all_or_any_and_each_header_in_full() -> None:
    headers = PATTERNS["headers"]
    drawing = drawn(headers.plan(headers.defaults), {})
    labels = [arrow.label for arrow in drawing.arrows if arrow.label]
    assert labels == ["all format=pdf kind=invoice", "any format=png kind=invoice", "kind=photo"]
    assert drawing.width <= 1160, "what a window of 1,440 pixels has room for"
    narrow = PATTERNS["routing"]
    assert drawn(narrow.plan(narrow.defaults), {}).width == 904


def test_a_topic_reaches_whom_its_patterns_name() -> None:
    topics = PATTERNS["topics"]
    assert expected_queues(topics.plan(topics.defaults)) == (
        frozenset({"queue-1", "queue-2", "queue-3"}), frozenset({"queue-2", "queue-3"}), frozenset({"queue-1", "queue-3"}), frozenset({"queue-3"}),
    )  # fmt: skip


def test_what_matches_no_key_goes_to_the_alternate_or_is_dropped() -> None:
    reached = {key: expected_queues(PATTERNS[key].plan(PATTERNS[key].defaults))[-1] for key in ("alternate", "routing")}
    assert reached == {"alternate": frozenset({"unmatched"}), "routing": frozenset()}


@every_case("number", list(plans.ARRANGEMENTS), str)
def test_each_arrangement_gives_its_machines_addresses(number: int) -> None:
    name, producer, consumers = plans.ARRANGEMENTS[number]
    plan = plans.arrangements(Knobs(nodes=2, arrangement=number))
    assert (plan.publisher.address, {node.address for node in plan.nodes}) == (producer, {consumers})
    together = {1: 1, 2: 2, 3: 2, 4: 2, 5: 3}[number]
    assert name and len({"127.0.0.1", producer, consumers}) == together


def test_a_change_declares_anew_only_the_queues_that_it_concerns() -> None:
    before = plans.topics(Knobs(keys=("a",), bindings=("a.*", "#")))
    after = plans.topics(Knobs(keys=("b",), bindings=("a.*", "b.*", "#")))
    assert (after.changed_queues(before), before.changed_queues(after)) == (["queue-2"], ["queue-2", "queue-3"])
    assert msgspec.json.decode(msgspec.json.encode(after), type=Plan) == after


KNOB_CASES = [
    ({}, {}),
    ({"nodes": "5", "rate": "0.5", "work_ms": "0"}, {}),
    ({"nodes": "0"}, {"nodes": "Enter a number from 1 to 5."}),
    ({"nodes": "2.5"}, {"nodes": "Enter a number from 1 to 5."}),
    ({"rate": "nan"}, {"rate": "Enter a number from 0.2 to 20."}),
    ({"work_ms": "1e9"}, {"work_ms": "Enter a number from 0 to 2,000."}),
    ({"keys": " \n "}, {"keys": "Enter 1 to 8 lines."}),
    ({"keys": "k" * 101}, {"keys": "A line has at most 100 bytes."}),
    ({"keys": "a\tb"}, {"keys": "A line has a control character, such as a tab."}),
    ({"bindings": "a\x00"}, {"bindings": "A line has a control character, such as a tab."}),
    ({"bindings": "\n".join("abcdef")}, {"bindings": "Enter 1 to 5 lines."}),
]


@every_case("case", KNOB_CASES, lambda case: str(case[0]))
def test_what_is_beyond_the_bounds_of_a_knob_is_refused_by_name(case: tuple[dict[str, str], dict[str, str]]) -> None:
    given, problems = case
    knobs, found = read(given, tuple(KNOBS), Knobs())
    assert found == problems
    if problems:
        assert knobs == Knobs()


def test_only_the_knobs_of_a_pattern_are_turned() -> None:
    assert read({"nodes": "5", "keys": "a"}, ("rate",), Knobs()) == (Knobs(), {})


def test_headers_are_checked_line_by_line() -> None:
    assert plans.binding_of_headers("format=pdf") == "Begin with all or any, such as all format=pdf kind=invoice."
    assert plans.binding_of_headers("any") == plans.header_line("all format=pdf") == "Enter name=value, such as format=pdf."  # a message has no x-match
    assert plans.binding_of_headers("any format=pdf") == plans.header_line("a=1 b=2") == ""
    assert plans.header_line("pdf") == plans.header_line("") == plans.header_line("all") == "Enter name=value, such as format=pdf."


def test_no_header_has_a_name_that_celery_or_rabbitmq_uses() -> None:
    made = Celery("lab", broker="memory://", set_as_current=False).amqp.as_task_v2("1", "lab.work").headers
    for name in {*made, *vars(Context), "CC", "BCC", "x-match", "x-death"}:
        assert plans.header_line(f"{name}=1").startswith(f"Choose another name than {name}:")
        assert plans.binding_of_headers(f"all {name}=1").startswith(f"Choose another name than {name}:")


def test_a_report_travels_as_a_line_and_what_is_none_is_left_out() -> None:
    report = Report("done", 1.5, "node-1", "2.0.17")
    assert read_report(line(report)) == report and line(report).endswith(b"\n")
    assert read_report(b"\xff{") is read_report(b'{"kind": "else", "at": 1}') is None
    assert variant_of("2.1.17") == (2, 1) and variant_of("a.b.c") == variant_of("") == (-1, -1)


def test_the_place_of_an_experiment_shows_no_password() -> None:
    place = Place("amqps://ann:secret@mq:5671", "hareline.1.lab.2", "/ca.pem")
    assert "secret" not in repr(place) and place.tls is not None and place.tls["server_hostname"] == "mq"
