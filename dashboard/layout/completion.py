"""What a word that somebody types into the filter of a list can become: a qualifier, or one of the values that its room knows. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

import msgspec
from msgspec.structs import replace

from dashboard.layout.filter_language import Qualifier, quoted

VALUES_AT_MOST = 200
OPTIONS_AT_MOST = 12
_QUALIFIED = re.compile(r"([A-Za-z][A-Za-z_-]*)([:=])(.*)", re.DOTALL)

Values = Mapping[str, Callable[[], Iterable[tuple[str, str]]]]
"""By qualifier its values with a note each; those of one qualifier are only looked up where they are offered."""


class Option(msgspec.Struct, frozen=True):
    """`text` takes the place of the word; `done`: it is complete. `shown` stands in the list instead of it."""

    text: str
    note: str
    done: bool = False
    shown: str = ""


def options(typed: str, known: Mapping[str, Qualifier], values: Values) -> list[Option]:
    """The first completions of a word. A value with a blank is in quotes.

    >>> from dashboard.layout.filter_language import QUEUES
    >>> [one.text for one in options("d", QUEUES, {})], [one.text for one in options("type:qu", QUEUES, {})]
    (['durable:', 'depth>'], ['type:quorum'])
    """
    minus, word = ("-", typed[1:]) if typed.startswith("-") else ("", typed)
    known = {name: one for name, one in known.items() if one.negates or one.field} if minus else known
    found = _QUALIFIED.fullmatch(word)
    if found and (qualifier := known.get(found[1].lower())):
        offered = _values(qualifier, found[2], found[3].replace('"', "").lower(), values)[:OPTIONS_AT_MOST]
        return [replace(one, text=minus + one.text) for one in offered]
    begun = [one for one in known.values() if word and one.name.startswith(word.lower()) and not (minus and one.compares)]
    return [Option(f"{minus}{one.name}{'>' if one.compares else ':'}", one.sentence, shown=minus + one.example) for one in begun][:OPTIONS_AT_MOST]


def _values(qualifier: Qualifier, operator: str, wanted: str, values: Values) -> list[Option]:
    offered = values[qualifier.name]() if qualifier.name in values else [(choice, "") for choice in qualifier.choices]
    return [Option(f"{qualifier.name}{operator}{quoted(text)}", note, done=True) for text, note in offered if wanted in text.lower()]
