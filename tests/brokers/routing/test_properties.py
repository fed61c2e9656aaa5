"""Indexes against the simplest thing that could be right: every binding tried by itself."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from brokers.routing.bindings import Bound, HeadersIndex, Question, TopicIndex
from brokers.routing.trie import words
from brokers.routing.values import Sameness, Value, comparable, sameness
from brokers.routing.verdicts.direct_verdicts import NearKeys
from brokers.routing.verdicts.near_topics import NearIndex
from brokers.routing.verdicts.topic_alignment import alignment, cost
from brokers.routing.verdicts.topic_verdicts import counted, reason, topic_verdict_text
from brokers.routing.verdicts.verdict import one_character_apart

WORDS = st.sampled_from(["a", "b", "c", "A", "", "*", "#", "a*"])
PATTERNS = st.lists(WORDS, max_size=5).map(".".join)
KEYS = st.lists(st.sampled_from(["a", "b", "c", "", "*", "#"]), max_size=5).map(".".join)
VERSIONS = st.sampled_from([(3, 10, 8), (4, 0, 5)])


def fits(pattern: list[str], key: list[str]) -> bool:
    """The definition: `*` one word, `#` any number."""
    if not pattern:
        return not key
    if pattern[0] == "#":
        return fits(pattern[1:], key) or (bool(key) and fits(pattern, key[1:]))
    return bool(key) and pattern[0] in ("*", key[0]) and fits(pattern[1:], key[1:])


def topics(patterns: list[str]) -> TopicIndex:
    return TopicIndex([Bound("t", "q", "queue", pattern) for pattern in patterns])


@given(st.lists(PATTERNS, max_size=12), KEYS)
@example(["#.#", "*", "", "#.*.#", "a.#."], "")
def test_the_topic_index_finds_what_fits_by_definition(patterns: list[str], key: str) -> None:
    wanted = {number for number, pattern in enumerate(patterns) if fits(words(pattern), words(key))}
    assert topics(patterns).matching(Question([key], {}, {})) == wanted


@given(PATTERNS, KEYS)
def test_an_alignment_costs_nothing_exactly_when_the_pattern_fits(pattern: str, key: str) -> None:
    edits = [edit for edit in alignment(words(pattern), words(key)) if edit.kind != "keep"]
    assert (cost(words(pattern), words(key)) == 0) == fits(words(pattern), words(key)) == (not edits)
    assert len(edits) == cost(words(pattern), words(key))
    assert topic_verdict_text(pattern, key)


@given(st.lists(PATTERNS, max_size=12, unique=True), KEYS)
def test_near_topics_miss_by_one_word_and_share_another_or_are_spelled_otherwise(patterns: list[str], key: str) -> None:
    matched = frozenset(topics(patterns).matching(Question([key], {}, {})))
    near = NearIndex(patterns).near(key, 100, matched)
    costs = {number: cost(words(pattern), words(key)) for number, pattern in enumerate(patterns)}
    assert not matched & set(near)
    sharing = {number for number, pattern in enumerate(patterns) if set(words(pattern)) & set(words(key)) - {"*", "#", ""}}
    assert {number for number in sharing if costs[number] == 1} <= set(near)
    for number in near:
        lowered = [word.strip().casefold() for word in words(patterns[number])]
        spelled = fits(lowered, words(key.casefold())) or patterns[number].replace(".", "").casefold() == key.replace(".", "").casefold()
        assert costs[number] == 1 or spelled


@given(st.lists(PATTERNS, max_size=12), KEYS, st.data())
def test_counts_by_reason_add_up(patterns: list[str], key: str, data: st.DataObject) -> None:
    apart = data.draw(st.sets(st.sampled_from(range(len(patterns)))) if patterns else st.just(set()))
    index = topics(patterns)
    text = apart | index.matching(Question([key], {}, {}))
    others = counted(index.root, key, [patterns[number] for number in text])
    assert sum(others.values()) == len(patterns) - len(text)
    assert set(others) <= {reason(words(pattern), words(key)) for pattern in patterns}


@given(st.lists(st.text("abA. *#", max_size=6), max_size=10), st.text("abA. *#", max_size=6))
def test_near_keys_find_every_key_one_character_apart(keys: list[str], key: str) -> None:
    near = NearKeys(keys).near(key, 100, frozenset())
    assert len(key) < 3 or {number for number, other in enumerate(keys) if one_character_apart(key, other)} <= set(near)


SCALARS = st.one_of(
    st.builds(Value, st.sampled_from(["signedint", "long", "short"]), st.integers(-2, 2)),
    st.builds(Value, st.sampled_from(["double", "float"]), st.sampled_from([0.0, -0.0, 1.0, 1.5])),
    st.builds(Value, st.just("longstr"), st.sampled_from(["", "1", "a"])),
    st.builds(Value, st.just("bool"), st.booleans()),
    st.just(Value("void", None)),
    st.builds(Value, st.just("timestamp"), st.integers(0, 2)),
)
NAMES = st.sampled_from(["a", "b", "x-c"])
TABLES = st.dictionaries(NAMES, SCALARS, max_size=3)
MATCHES = st.sampled_from([None, "all", "any", "all-with-x", "any-with-x"])


def headers_match(pattern: dict[str, Value], message: dict[str, Value], match: str, version: tuple[int, ...]) -> bool:
    wanted = {name: value for name, value in pattern.items() if name != "x-match" and (match.endswith("with-x") or not name.startswith("x-"))}
    met = [
        name in message and (value.type == "void" or comparable(value, version, False) == comparable(message[name], version, True))
        for name, value in wanted.items()
    ]
    return any(met) if match.startswith("any") else all(met)


@given(st.lists(st.tuples(TABLES, MATCHES), max_size=8), TABLES, VERSIONS)
def test_the_headers_index_finds_what_each_binding_would(
    patterns: list[tuple[dict[str, Value], Any]], message: dict[str, Value], version: tuple[int, ...]
) -> None:
    bound = [Bound("h", "q", "queue", "", {}, table | ({"x-match": Value("longstr", match)} if match else {})) for table, match in patterns]
    found = HeadersIndex(bound, version).matching(Question.of([""], message, version))
    assert found == {number for number, (table, match) in enumerate(patterns) if headers_match(table, message, match or "all", version)}


@given(SCALARS, SCALARS, VERSIONS)
def test_exact_types_are_never_in_uncertainty(one: Value, other: Value, version: tuple[int, ...]) -> None:
    for wanted, given_ in ((one, other), (Value("table", {"k": one}), Value("table", {"k": other}))):
        assert sameness(wanted, given_, version) is not Sameness.UNKNOWN
