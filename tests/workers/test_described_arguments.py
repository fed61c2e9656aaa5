"""The text of arguments in an event proves what was sent, or is refused: compared with Celery's own saferepr."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from celery.utils.saferepr import saferepr as celerys
from hypothesis import given
from hypothesis import strategies as st

from workers.sending.described_arguments import LONGEST, described, saferepr

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
REFUSED: list[tuple[Any, str]] = [
    ("x" * 2000, "more than 1,000 characters"),
    ("a...", 'holds "..."'),
    ([[[[1]]]], 'holds "..."'),
    ("C:\\new", "a backslash"),
    ("it's", "a backslash"),
    (b"x", "bytes"),
    ({1, 2}, "a set"),
    ((1, 2), "a tuple"),
    ({1: 2}, "a key that is no text"),
    (2j, "a complex number"),
    (object(), "no plain value"),
    ("a\nb", "no plain value"),
    ("[redacted]", "redacted"),
]


@pytest.mark.parametrize(("argument", "why"), REFUSED, ids=[why for _, why in REFUSED])
def test_what_the_text_does_not_prove_is_refused_with_the_reason(argument: Any, why: str) -> None:
    found = described(celerys((argument,), maxlen=1024), "{}")
    assert why in found.why
    assert why in described("()", celerys({"a": argument}, maxlen=1024)).why


@pytest.mark.parametrize(
    ("args", "kwargs", "why"),
    [
        (None, "{}", "no event reported them"),
        ("()", None, "Its keyword arguments are not known in full: no event reported them"),
        ("", "{}", "no plain value"),
        ("<hidden>", "{}", "no plain value"),
        ("{}", "{}", "no list of arguments"),
        ("()", "[]", "no table of arguments"),
        ("( 1,)", "{}", "not what Celery prints"),
        ("(0x10,)", "{}", "not what Celery prints"),
        ("('a' 'b',)", "{}", "not what Celery prints"),
        ("(1e999,)", "{}", "a number without end"),
        ("(" * 900, "{}", "no plain value"),
        ("-" * 900 + "1", "{}", "no plain value"),
    ],
)
def test_a_text_that_is_no_argument_list_is_refused(args: str | None, kwargs: str | None, why: str) -> None:
    assert why in described(args, kwargs).why


def test_a_tuple_fills_a_form_and_is_still_not_known_in_full() -> None:
    found = described("((1, 2),)", "{}")
    assert (found.args, "a tuple" in found.why) == ([(1, 2)], True)


@given(st.lists(PLAIN, max_size=3), st.dictionaries(st.text(max_size=5), PLAIN, max_size=3))
def test_whatever_is_not_refused_is_what_was_sent(args: list[Any], kwargs: dict[str, Any]) -> None:
    found = described(celerys(tuple(args), maxlen=1024), celerys(kwargs, maxlen=1024))
    if not found.why:
        assert (found.args, found.kwargs) == (args, kwargs)


@given(st.text(alphabet="'\\\",.[](){}:a1 \n", max_size=12), st.text(alphabet="'\\\",.[](){}:a1 \n", max_size=12))
def test_texts_that_look_like_what_stands_between_arguments_are_never_taken_for_it(one: str, other: str) -> None:
    for args in ([one, other], [[one], {"a": other}]):
        found = described(celerys(tuple(args), maxlen=1024), "{}")
        assert found.why or found.args == args


@given(st.lists(PLAIN, max_size=3))
def test_our_saferepr_prints_what_celerys_prints(args: list[Any]) -> None:
    assert saferepr(tuple(args)) == celerys(tuple(args), maxlevels=0)


def test_the_limit_is_below_celerys() -> None:
    text = celerys(("a" * LONGEST,), maxlen=1024)
    assert len(text) > LONGEST and ast.literal_eval(text) == ("a" * LONGEST,)
