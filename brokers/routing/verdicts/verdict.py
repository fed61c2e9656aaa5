"""What a verdict on one binding is, and the words that all of them share. Pure."""

from __future__ import annotations

import msgspec

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


class Verdict(msgspec.Struct, frozen=True):
    """`why`: one plain sentence without its end. `group`: the reason that a miss is counted under."""

    matched: bool
    near: bool
    why: str
    group: str = ""


def ordinal(place: int) -> str:
    """The place of a word, counted from 0.

    >>> ordinal(2), ordinal(11)
    ('third', '12th')
    """
    return ORDINALS[place] if place < len(ORDINALS) else f"{place + 1}th"


def folded(key: str) -> str:
    """A key without what people mistype: case, blanks, and the signs between words.

    >>> folded("Order New") == folded("order.new")
    True
    """
    return "".join(sign for sign in key.casefold() if not sign.isspace() and sign not in "._-/:")


def difference(one: str, other: str) -> str:
    """What two keys that are equal when folded differ in."""
    if one.strip() == other.strip() or "".join(one.split()) == "".join(other.split()):
        return "only blanks differ"
    if one.casefold() == other.casefold():
        return "only upper and lower case differ"
    if one.casefold().strip() == other.casefold().strip():
        return "only case and blanks differ"
    if one.strip(".") == other.strip("."):
        return "only a dot at the end differs" if one.rstrip(".") == other.rstrip(".") else "only a dot at the beginning differs"
    return "only the signs between words differ"


def one_sign_apart(one: str, other: str) -> bool:
    """Whether one sign changed, added or taken away makes them equal.

    >>> one_sign_apart("order", "oder"), one_sign_apart("order", "older.x")
    (True, False)
    """
    if abs(len(one) - len(other)) > 1 or one == other:
        return False
    place = next((number for number, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return one[place + 1 :] == other[place + 1 :] or one[place:] == other[place + 1 :] or one[place + 1 :] == other[place:]
