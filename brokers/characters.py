"""Characters that cannot be seen, made visible: controls, and those that turn the direction of a text or have no width.

Pure. A name in RabbitMQ may hold any of them, and then looks like another name. Joiners (U+200C, U+200D) stay: scripts and emoji are written with them.
"""

from __future__ import annotations

import re
import shlex

UNSEEN = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
"""The characters as a class of a regular expression, without tab and line ends, which texts have between lines."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_UNSEEN = re.compile(f"[{UNSEEN}\t\n\r]")
_UNSEEN_BUT_LINES = re.compile(f"[{UNSEEN}]")
_ESCAPES = {"\t": r"\t", "\n": r"\n", "\r": r"\r", "\\": r"\\", "'": r"\'"}


def visible(text: str, lines: bool = False) -> str:
    """The text with each of them shown as its picture, or as its number where it has none. `lines`: tabs and line ends stay.

    >>> visible("orders\\n"), visible("a\\x00b"), visible("a\\u202eb"), visible("mail")
    ('orders␊', 'a␀b', 'a⟨U+202E⟩b', 'mail')
    """
    return (_UNSEEN_BUT_LINES if lines else _UNSEEN).sub(_picture, text)


def is_storable(text: str) -> bool:
    """Whether every database stores what a person entered as it is: no NUL, and no half of a surrogate pair, which JSON can carry and UTF-8 can't.

    >>> is_storable("mail 😀"), is_storable("a\\x00"), is_storable("a\\ud800")
    (True, False, False)
    """
    return not _UNSTORABLE.search(text)


def shell_word(text: str) -> str:
    """The text as one word of a command line to copy, in which nothing is invisible. No word can hold NUL: it stands there as its picture.

    >>> shell_word("a b"), shell_word("orders\\n"), shell_word("a\\u202eb")
    ("'a b'", "$'orders\\\\n'", "$'a\\\\u202eb'")
    """
    if not _UNSEEN.search(text):
        return shlex.quote(text)
    return "$'" + "".join(map(_escaped, text)) + "'"


def _picture(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"⟨U+{code:04X}⟩"


def _escaped(character: str) -> str:
    if character == "\x00":
        return "␀"
    if character in _ESCAPES:
        return _ESCAPES[character]
    if not _UNSEEN.match(character):
        return character
    return rf"\x{ord(character):02x}" if ord(character) < 0x80 else rf"\u{ord(character):04x}"
