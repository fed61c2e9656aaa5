"""JSON that a person typed: its value, or a sentence with line and column."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.layout import json_fields
from dashboard.layout.json_fields import JsonProblem

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(json_values, st.booleans())
def test_whatever_is_json_is_read_as_it_is(value: Any, escaped: bool) -> None:
    assert json_fields.parse(json.dumps(value, ensure_ascii=escaped)) == value


@given(st.text(alphabet='[]{}",:1-e.\\u0dtrue \n', max_size=40))
def test_any_text_ends_in_a_value_or_a_sentence(text: str) -> None:
    try:
        json_fields.parse(text)
    except JsonProblem as problem:
        assert str(problem)


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("", 1, 1, "nothing stands here"),
        ('["sales", 2026-11]', 1, 15, 'A text needs double quotes: "2026-11"'),
        ("['a']", 1, 2, "single quotes"),
        ("[True]", 1, 2, "write true"),
        ("[\n  1,\n  foo\n]", 3, 3, "foo is not a JSON value"),
        ("[1", 1, 3, "the text ends here"),
        ("[1 2]", 1, 4, "a comma or ] must follow"),
        ('["' + "a" * 900_000 + ':" 2]', 1, 900_006, "a comma or ] must follow"),  # in the square of its length, this would take an hour
        ("[1,]", 1, 4, "a value must stand before ]"),
        ("[1] x", 1, 5, "nothing may follow"),
        ('["a\nb"]', 1, 4, "a line break may not stand in a text"),
        ('["\x00"]', 1, 3, "a NUL may not stand in a text"),
        ('["\\x"]', 1, 3, "backslash"),
        ("[NaN]", 1, 2, "NaN is not JSON"),
        ("[-Infinity]", 1, 2, "-Infinity is not JSON"),
        ("[1e999]", 1, 2, "larger than a floating-point number"),
        ('["\\ud800"]', 1, 2, "half of a surrogate pair"),
        ('["\ud800"]', 1, 2, "half of a surrogate pair"),
        ("[" * 10_000 + "]" * 10_000, 1, 101, "nested more than 100 levels deep"),
        ("[" + "9" * 5000 + "]", 1, 2, "5,000 digits"),
    ],
)
def test_a_mistake_in_a_list_is_named_with_its_place(text: str, line: int, column: int, words: str) -> None:
    with pytest.raises(JsonProblem) as caught:
        json_fields.parse(text, list)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1, "a": 2}', 'Line 1, column 10: the key "a" stands twice'),
        ('{"a": {"b": 1,\n "b": 2}}', "Line 2, column 2"),
        ("{a: 1}", "a key in double quotes"),
        ('{"a" 1}', "a colon must follow the key"),
        ('{"a": 1,}', "a comma may not stand before }"),
        ("{", "without a closing }"),
        ("[1]", "This is a list; wanted is an object"),
        ("null", "This is null"),
    ],
)
def test_a_mistake_in_an_object_is_named(text: str, words: str) -> None:
    with pytest.raises(JsonProblem, match=None) as caught:
        json_fields.parse(text, dict)
    assert words in str(caught.value)


def test_the_same_key_may_stand_in_two_objects_and_as_a_value() -> None:
    assert json_fields.parse('{"a": {"a": "a"}, "b": ["a", "a"]}') == {"a": {"a": "a"}, "b": ["a", "a"]}


def test_html_is_only_text_and_a_whole_pair_is_a_character() -> None:
    assert json_fields.parse('["<script>", "\\ud83d\\ude00", "\\u0000"]') == ["<script>", "😀", "\x00"]


def test_ten_megabytes_are_refused_with_a_reason() -> None:
    with pytest.raises(JsonProblem, match=r"10\.0 million characters of JSON; at most 1,000,000"):
        json_fields.parse('["' + "x" * 10_000_000 + '"]')
