"""What a binding lets through, in words."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.exchanges.text import BindingWords, binding_words


@pytest.mark.parametrize(
    ("kind", "key", "arguments", "expected"),
    [
        ("direct", "mail", {}, BindingWords("mail", "exactly this key")),
        ("direct", "", {}, BindingWords("", "messages without a routing key")),
        ("fanout", "ignored", {}, BindingWords(None, "every message")),
        ("topic", "", {}, BindingWords("", "messages without a routing key")),
        ("topic", "#", {}, BindingWords("#", "every message")),
        ("topic", "#.#", {}, BindingWords("#.#", "every message")),
        ("topic", "order.new", {}, BindingWords("order.new", "exactly this key")),
        ("topic", "order.#", {}, BindingWords("order.#", "keys that begin with order")),
        ("topic", "#.eu", {}, BindingWords("#.eu", "keys that end with eu")),
        ("topic", "order.*.eu", {}, BindingWords("order.*.eu", "* is one word")),
        ("topic", "*.#.eu", {}, BindingWords("*.#.eu", "* is one word, # any number of words")),
        ("headers", "", {}, BindingWords(None, "every message: nothing is demanded")),
        ("headers", "", {"x-match": "any", "x-only": 1}, BindingWords(None, "no message: any of nothing never matches")),
        ("headers", "k", {"x-match": "any", "kind": "mail", "n": 1}, BindingWords(None, "any of kind = mail, n = 1")),
        ("headers", "", {"kind": "undefined"}, BindingWords(None, "all of kind is present")),
        ("headers", "", {"x-match": "all-with-x", "x-only": True}, BindingWords(None, "all of x-only = true")),
        ("x-consistent-hash", "3", {}, BindingWords("3", "a share of the messages, with weight 3")),
        ("x-new", "k", {}, BindingWords("k", "as exchanges of type x-new decide")),
        ("", "k", {}, BindingWords("k", "the exchange's type is unknown")),
    ],
)
def test_a_binding_in_words(kind: str, key: str, arguments: dict[str, Any], expected: BindingWords) -> None:
    assert binding_words(kind, "shop", key, arguments) == expected


def test_the_default_exchange_is_named_as_implicit() -> None:
    assert binding_words("direct", "", "mail", {}).words == "implicit: the default exchange reaches every queue by its name"
