"""The verdict on one binding, and the phrases that all verdicts share. Pure."""

from __future__ import annotations

import msgspec

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


class Verdict(msgspec.Struct, frozen=True):
    """`why`: one sentence without its full stop. `group`: the reason that a miss is counted under. `near`: a single change would make it match."""

    matched: bool
    near: bool
    why: str
    group: str = ""


def ordinal(place: int) -> str:
    """The ordinal of a word, counted from 0.

    >>> ordinal(2), ordinal(11)
    ('third', '12th')
    """
    return ORDINALS[place] if place < len(ORDINALS) else f"{place + 1}th"


def folded(key: str) -> str:
    """A key without what is often mistyped: case, whitespace and separators between words.

    >>> folded("Order New") == folded("order.new")
    True
    """
    return "".join(character for character in key.casefold() if not character.isspace() and character not in "._-/:")


def difference(one: str, other: str) -> str:
    """How two keys differ that are equal when folded."""
    if one.strip() == other.strip() or "".join(one.split()) == "".join(other.split()):
        return "only whitespace differs"
    if one.casefold() == other.casefold():
        return "only upper and lower case differ"
    if one.casefold().strip() == other.casefold().strip():
        return "only case and whitespace differ"
    if one.strip(".") == other.strip("."):
        return "only a dot at the end differs" if one.rstrip(".") == other.rstrip(".") else "only a dot at the beginning differs"
    return "only the separators between words differ"


def one_character_apart(one: str, other: str) -> bool:
    """Whether changing, adding or removing one character makes them equal.

    >>> one_character_apart("order", "oder"), one_character_apart("order", "older.x")
    (True, False)
    """
    if abs(len(one) - len(other)) > 1 or one == other:
        return False
    place = next((number for number, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return one[place + 1 :] == other[place + 1 :] or one[place:] == other[place + 1 :] or one[place + 1 :] == other[place:]
