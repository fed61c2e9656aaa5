"""What people type into a list's filter."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.conditions import Condition
from dashboard.layout.filter_language import EXCHANGES, QUEUES, fulfils, parse, quoted


def conditions(text: str) -> list[Condition]:
    return parse(text, QUEUES).conditions()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("   ", []),
        ("mail", [Condition("name", "~", "mail")]),
        ("mail eu", [Condition("name", "~", "mail"), Condition("name", "~", "eu")]),
        ('"my queue"', [Condition("name", "~", "my queue")]),
        ('"vhost:/x"', [Condition("name", "~", "vhost:/x")]),
        ("vhost:/shop", [Condition("vhost", "=", "/shop")]),
        ('vhost:"my host"', [Condition("vhost", "=", "my host")]),
        ("type:quorum,stream", [Condition("type", "in", ("quorum", "stream"))]),
        ("type!=stream", [Condition("type", "!=", "stream")]),
        ("depth>1000", [Condition("depth", ">", 1000.0)]),
        ("depth>1,000", [Condition("depth", ">", 1000.0)]),
        ("depth>12k", [Condition("depth", ">", 12000.0)]),
        ("consumers=0", [Condition("consumers", "=", 0.0)]),
        ("consumers:0", [Condition("consumers", "=", 0.0)]),
        ("depth>=0", [Condition("depth", ">=", 0.0)]),
        ("in<=0.5", [Condition("publish_per_second", "<=", 0.5)]),
        ("in>0.5", [Condition("publish_per_second", ">", 0.5)]),
        ("unacked!=0", [Condition("unacknowledged", "!=", 0.0)]),
        ("name:طابور", [Condition("name", "~", "طابور")]),
        ("exclusive:no", [Condition("exclusive", "=", "no")]),
        ("VHOST:/", [Condition("vhost", "=", "/")]),
    ],
)
def test_a_text_becomes_conditions(text: str, expected: list[Condition]) -> None:
    assert conditions(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("foo:bar", "Nothing here is called foo"),
        ("dept>3", "did you mean depth?"),
        ("depth>many", "depth needs a number, for example depth>1000, not many."),
        ("in>1,5", "in needs a number, for example in>10, not 1,5."),
        ("depth>10,00", "depth needs a number"),
        ("depth>", "depth needs a value"),
        ("depth:nan", "depth needs a number"),
        ("vhost>3", "vhost is text"),
        ("durable:perhaps", "durable must be yes or no, not perhaps."),
        ("worker!=a@b", "worker needs a colon"),
        ("is:slow", "is must be growing or stuck, not slow."),
    ],
)
def test_what_can_not_be_used_is_kept_and_explained_but_hides_nothing(text: str, words: str) -> None:
    found = parse(f"{text} mail", QUEUES)
    [problem] = found.problems
    assert words in problem.problem
    assert found.text == f"{text} mail"
    assert found.conditions() == [Condition("name", "~", "mail")]


def test_qualifiers_that_only_the_page_understands_are_handed_to_it() -> None:
    found = parse("worker:none worker:a@web-1 is:growing", QUEUES)
    assert found.conditions() == []
    assert found.values("worker") == ["none", "a@web-1"]
    assert found.values("is") == ["growing"]


def test_a_chip_knows_the_filter_without_it_and_words_stay_in_the_field() -> None:
    found = parse('vhost:"my host" mail depth>1 "two words"', QUEUES)
    assert [(term.text, rest) for term, rest in found.chips] == [
        ('vhost:"my host"', 'mail depth>1 "two words"'),
        ("depth>1", 'vhost:"my host" mail "two words"'),
    ]
    assert found.words == 'mail "two words"'


def test_of_too_many_parts_the_rest_is_kept_and_explained() -> None:
    wanted = parse(" ".join(f"w{number}" for number in range(2000)), QUEUES)
    assert (len(wanted.conditions()), wanted.problems[0].text, len(wanted.terms)) == (100, "w100", 2000)


def test_the_same_part_counts_once() -> None:
    assert parse("depth>1 depth>1", QUEUES).text == "depth>1"


@given(st.text(max_size=60))
def test_any_text_is_understood_and_stays_what_it_was(text: str) -> None:
    found = parse(text, QUEUES)
    found.conditions()
    again = parse(found.text, QUEUES)
    assert again == found


@given(st.text(st.characters(blacklist_characters='"', blacklist_categories=["Cs"]), min_size=1, max_size=40))
def test_a_value_survives_quoting(value: str) -> None:
    assert parse(f"vhost:{quoted(value)}", QUEUES).terms[0].value == value


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("type:topic", True),
        ("type!=topic", False),
        ("type:direct,topic", True),
        ("orders", True),
        ("in>1", True),
        ("in>=2", True),
        ("out=0", False),
        ("durable:yes", True),
        ("policy:x", False),
        ("depth>1", True),
    ],
)
def test_a_row_fulfils_a_term(text: str, fits: bool) -> None:
    exchange = SimpleNamespace(name="shop.orders", type="topic", publish_in_per_second=2.0, publish_out_per_second=None, durable=True, policy="", vhost="/")
    assert fulfils(exchange, parse(text, EXCHANGES).terms[0]) is fits
