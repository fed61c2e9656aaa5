"""The parts of texts on a page: sentences with marked names, words of a pattern, values as JSON. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec

Address = Callable[[str, str], str]
"""(kind, name) to the page of a queue, an exchange or a worker node; "" where there is none."""


class Span(msgspec.Struct, frozen=True):
    """A part of a sentence; `code` is a name or key in it."""

    text: str
    code: bool = False


class Word(msgspec.Struct, frozen=True):
    """A word of a topic pattern: `mark` is fits, misses, or "" if words are not compared one by one."""

    text: str
    mark: str = ""


def spans(text: str) -> list[Span]:
    """The sentence as spans, with its `quoted` names as code.

    >>> [(span.text, span.code) for span in spans("is `us`, wanted `eu`")]
    [('is ', False), ('us', True), (', wanted ', False), ('eu', True)]
    """
    parts = text.split("`")
    if len(parts) % 2 == 0:  # a name that contains a backtick
        return [Span(text)]
    return [Span(part or "(empty)" if at % 2 else part, bool(at % 2)) for at, part in enumerate(parts) if part or at % 2]


def pattern_words(kind: str, pattern: str, key: str, matched: bool) -> list[Word]:
    """The words of a topic pattern, marked where they can be compared one by one with the key; else the binding key unmarked.

    >>> [(word.text, word.mark) for word in pattern_words("topic", "order.*.eu", "order.new.us", False)]
    [('order', 'fits'), ('*', 'fits'), ('eu', 'misses')]
    """
    if kind != "topic" or not pattern:
        return [Word(pattern, "fits" if matched and pattern else "")] if pattern else []
    wanted, found = pattern.split("."), key.split(".")
    if matched:
        return [Word(word, "fits") for word in wanted]
    if "#" in wanted or len(wanted) != len(found):
        return [Word(word) for word in wanted]
    return [Word(word, "fits" if word in ("*", other) else "misses") for word, other in zip(wanted, found, strict=True)]


def written(value: Any) -> str:
    """A value as JSON; text keeps its quotes, to distinguish it from a number."""
    return json.dumps(value, ensure_ascii=False, default=str)
