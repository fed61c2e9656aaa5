"""What a binding matches, as text."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.exchanges.text import BindingText, binding_text


@pytest.mark.parametrize(
    ("kind", "key", "arguments", "expected"),
    [
        ("direct", "mail", {}, BindingText("mail", "exactly this key")),
        ("direct", "", {}, BindingText("", "messages without a routing key")),
        ("fanout", "ignored", {}, BindingText(None, "every message")),
        ("topic", "", {}, BindingText("", "messages without a routing key")),
        ("topic", "#", {}, BindingText("#", "every message")),
        ("topic", "#.#", {}, BindingText("#.#", "every message")),
        ("topic", "order.new", {}, BindingText("order.new", "exactly this key")),
        ("topic", "order.#", {}, BindingText("order.#", "keys that begin with order")),
        ("topic", "#.eu", {}, BindingText("#.eu", "keys that end with eu")),
        ("topic", "order.*.eu", {}, BindingText("order.*.eu", "* = one word")),
        ("topic", "*.#.eu", {}, BindingText("*.#.eu", "* = one word, # = zero or more words")),
        ("headers", "", {}, BindingText(None, "every message: no header is required")),
        ("headers", "", {"x-match": "any", "x-only": 1}, BindingText(None, "no message: x-match any without headers matches nothing")),
        ("headers", "k", {"x-match": "any", "kind": "mail", "n": 1}, BindingText(None, "any of kind = mail, n = 1")),
        ("headers", "", {"kind": "undefined"}, BindingText(None, "all of kind is present")),
        ("headers", "", {"x-match": "all-with-x", "x-only": True}, BindingText(None, "all of x-only = true")),
        ("x-consistent-hash", "3", {}, BindingText("3", "a share of the messages, with weight 3")),
        ("x-new", "k", {}, BindingText("k", "by the rules of x-new")),
        ("", "k", {}, BindingText("k", "the exchange's type is unknown")),
    ],
)
def test_a_binding_as_text(kind: str, key: str, arguments: dict[str, Any], expected: BindingText) -> None:
    assert binding_text(kind, "shop", key, arguments) == expected


def test_the_default_exchange_is_named_as_implicit() -> None:
    assert binding_text("direct", "", "mail", {}).text == "implicit: the default exchange routes to every queue by name"
