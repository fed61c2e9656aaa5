"""Headers in rows of name, AMQP type and value, as a question takes them."""

from __future__ import annotations

from typing import Any

import pytest

from brokers.routing.values import from_pair
from dashboard.why.forms.header_rows import FIELDS, TYPES, HeaderProblem, headers_amqp, rows

VALUES: dict[str, tuple[str, Any]] = {
    "longstr": ("1", "1"),
    "binary": (" a ", " a "),
    "bool": ("True", True),
    "byte": ("-3", -3),
    "unsignedbyte": ("3", 3),
    "short": ("3", 3),
    "unsignedshort": ("3", 3),
    "signedint": ("3", 3),
    "unsignedint": ("3", 3),
    "long": ("-9000000000", -9000000000),
    "float": ("1.5", 1.5),
    "double": ("1", 1.0),
    "decimal": ("3.14", [2, 314]),
    "timestamp": ("1700000000", 1700000000),
    "void": ("", None),
    "table": ('{"a": [1, null]}', {"a": ["array", [["signedint", 1], ["void", None]]]}),
    "array": ('["x", {"b": 1.0}]', [["longstr", "x"], ["table", {"b": ["double", 1.0]}]]),
}


def filled(*given: tuple[str, str, str]) -> dict[str, str]:
    values = dict.fromkeys(FIELDS, "")
    for number, (name, kind, value) in enumerate(given, start=1):
        values |= {f"header_{number}": name, f"header_{number}_type": kind, f"header_{number}_value": value}
    return values


@pytest.mark.parametrize("kind", TYPES)
def test_each_type_is_read_as_a_question_takes_it(kind: str) -> None:
    text, value = VALUES[kind]
    found = headers_amqp(filled(("v", kind, text)), None)
    assert found == {"v": [kind, value]}
    assert from_pair(found["v"]).type == kind


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("long", "1.5"),
        ("long", ""),
        ("bool", "yes"),
        ("double", "x"),
        ("decimal", "-1.5"),
        ("decimal", "NaN"),
        ("table", "[1]"),
        ("array", "{"),
        ("long", "1_0"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_its_type(kind: str, text: str) -> None:
    with pytest.raises(HeaderProblem, match=f"^v: .* is no {kind}"):
        headers_amqp(filled(("v", kind, text)), None)


def test_rows_stand_beside_json_and_two_blank_ones_follow() -> None:
    values = filled(("v", "", "x"), ("", "", ""), ("w", "short", "1"))
    assert headers_amqp(values, {"n": 1, "d": 1.0}) == {"n": ["signedint", 1], "d": ["double", 1.0], "v": ["longstr", "x"], "w": ["short", 1]}
    assert [(row.id, row.name) for row in rows(values)] == [("header_1", "v"), ("header_3", "w"), ("header_2", ""), ("header_4", "")]
    assert headers_amqp(filled(), {"n": 1}) is None
    assert len(rows(filled(*[(f"h{number}", "", "x") for number in range(8)]))) == 8
