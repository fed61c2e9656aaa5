"""JSON that a person typed: its value, or one sentence with the line and column where it goes wrong.

Pure. Stricter than Python's own parser, since what is sent must mean the same to every worker: no NaN, no key twice, no half of a
surrogate pair, no nesting that a parser elsewhere can't follow.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn

import msgspec

LARGEST_CHARACTERS = 1_000_000
DEEPEST = 100
LONGEST_NUMBER = 1_000
LOOKED_BACK = 200
"""How many characters before a mistake its sentence may quote: looking for the beginning of a word in all of them takes the square of their number."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{}:,]|-?[0-9][0-9.eE+-]*|-?Infinity|[A-Za-z_]+|\S', re.DOTALL)
_KINDS = {list: 'a list, like [1, "two"]', dict: 'an object, like {"name": 1}'}
_WORDS = {"True": "true", "False": "false", "None": "null", "undefined": "null"}


class JsonProblem(ValueError):
    """What is wrong, and where: `line` and `column` count from 1, None where the whole text is meant. `str()` is a sentence fit for the page."""

    def __init__(self, words: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(words if line is None else f"Line {line}, column {column}: {words}")
        self.words, self.line, self.column = words, line, column


class _Token(msgspec.Struct, frozen=True):
    text: str
    start: int


def parse(text: str, kind: type[list[Any]] | type[dict[Any, Any]] | None = None) -> Any:
    """The value; `kind`: it must be a list or an object. Raises JsonProblem.

    >>> parse('["sales", 11]', list)
    ['sales', 11]
    >>> parse('["sales", 2026-11]')
    Traceback (most recent call last):
    dashboard.layout.json_fields.JsonProblem: Line 1, column 15: after 2026 a comma or ] must follow. A text needs double quotes: "2026-11".
    """
    if len(text) > LARGEST_CHARACTERS:
        raise JsonProblem(f"This is {len(text) / 1e6:.1f} million characters of JSON; at most {LARGEST_CHARACTERS:,} can be sent from here.")
    _check_tokens(text)
    try:
        value = json.loads(text, parse_constant=lambda name: _refuse_constant(text, name))
    except json.JSONDecodeError as error:
        raise _at(text, error.pos, _explained(text, error)) from None
    if kind is not None and not isinstance(value, kind):
        raise JsonProblem(f"This is {_name(value)}; wanted is {_KINDS[kind]}.", 1, 1)
    return value


def written(value: Any) -> str:
    """A value as a person would read it."""
    return json.dumps(value, ensure_ascii=False)


def _tokens(text: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(text):
        yield _Token(match[0], match.start())


def _check_tokens(text: str) -> None:
    """Raises for what Python's parser lets through or breaks on, wherever it stands."""
    keys: list[set[str] | None] = []  # one for each open bracket; None is a list's
    expects_key = False
    for token in _tokens(text):
        first = token.text[0]
        if first in "[{":
            keys.append(set() if first == "{" else None)
            if len(keys) > DEEPEST:
                raise _at(text, token.start, f"this is nested more than {DEEPEST} levels deep, which is too deep for a worker to read.")
        elif first in "]}" and keys:
            keys.pop()
        elif first == '"':
            _check_text(text, token, keys[-1] if keys and expects_key else None)
        elif first in "-0123456789":
            _check_number(text, token)
        expects_key = first == "{" or (first == "," and bool(keys) and keys[-1] is not None)


def _check_text(text: str, token: _Token, keys: set[str] | None) -> None:
    """A string: no half of a surrogate pair; as a key of an object, not there yet."""
    if keys is None and "\\" not in token.text and token.text.isascii():
        return
    try:
        value = json.loads(token.text)
    except ValueError:
        return  # the parser reports what is wrong with it
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise _at(text, token.start, "this text holds half of a surrogate pair (\\ud800 to \\udfff alone), which is not a character.")
    if keys is not None:
        if value in keys:
            raise _at(text, token.start, f"the key {_short(token.text)} stands twice in this object; only one of them would arrive.")
        keys.add(value)


def _check_number(text: str, token: _Token) -> None:
    if len(token.text) > LONGEST_NUMBER:
        raise _at(text, token.start, f"this number has {len(token.text):,} digits; at most {LONGEST_NUMBER:,} can be sent.")
    if token.text == "-Infinity" or not ("e" in token.text or "E" in token.text or len(token.text) > 300):
        return
    try:
        value = json.loads(token.text)
    except ValueError:
        return
    if isinstance(value, float) and not math.isfinite(value):
        raise _at(text, token.start, f"{_short(token.text)} is larger than a floating-point number can be.")


def _refuse_constant(text: str, name: str) -> NoReturn:
    start = next((token.start for token in _tokens(text) if token.text == name), 0)
    raise _at(text, start, f"{name} is not JSON: nothing that every worker understands represents it.")


def _at(text: str, position: int, words: str) -> JsonProblem:
    before = text[:position]
    return JsonProblem(words, before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1)


def _explained(text: str, error: json.JSONDecodeError) -> str:
    """The parser's error as a sentence about what to write."""
    at = text[error.pos : error.pos + 40]
    message = error.msg
    if not text.strip():
        return "nothing stands here; write [] for no arguments, {} for no keyword arguments."
    if message.startswith("Invalid control character"):
        return _control(at)
    if message.startswith("Unterminated string"):
        return f"the text that begins here has no closing double quote: {_short(at)}"
    if message.startswith("Invalid \\"):
        return "this backslash begins no JSON escape; for a backslash itself write two: \\\\"
    if message.startswith("Extra data"):
        return f"the JSON is complete before {_short(at)}; nothing may follow it."
    if at.startswith("'"):
        return "single quotes are Python's; JSON requires double quotes."
    if message.startswith("Expecting property name") or message.startswith("Illegal trailing comma"):
        return _wanted_key(at)
    if message.startswith("Expecting ':'"):
        return f"a colon must follow the key, not {_short(at)}."
    if message.startswith("Expecting ','"):
        return _wanted_comma(text, error.pos, at)
    return _wanted_value(at)


def _control(at: str) -> str:
    name = {"\n": "a line break", "\t": "a tab", "\r": "a line break", "\x00": "a NUL"}.get(at[:1], f"the control character U+{ord(at[:1] or ' '):04X}")
    escape = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(at[:1], f"\\u{ord(at[:1] or ' '):04x}")
    return f"{name} may not stand in a text; write {escape}"


def _wanted_key(at: str) -> str:
    if not at.strip():
        return "the object ends here without a closing }."
    return "a comma may not stand before }." if at[0] in "}," else f"a key in double quotes must stand here, not {_short(at)}."


def _wanted_comma(text: str, position: int, at: str) -> str:
    closing = "]" if _open_bracket(text, position) == "[" else "}"
    if not at.strip():
        return f"a comma or {closing} must follow, but the text ends here."
    near = text[max(0, position - LOOKED_BACK) : position]
    before = re.search(r"[^\s\[\]{},:]+\s*$", near)
    follows = f"after {_short(before[0].strip())} " if before else ""
    word = re.search(r"[^\s\[\]{},:\"]*$", near)
    rest = re.match(r"[^\s\[\]{},\"]+", at)
    hint = f' A text needs double quotes: "{_bare(word[0] + rest[0])}".' if word and word[0] and rest else ""
    return f"{follows}a comma or {closing} must follow.{hint}"


def _wanted_value(at: str) -> str:
    if not at.strip():
        return "a value must stand here, but the text ends."
    word = re.match(r"[^\s\[\]{},:\"]+", at)
    if word and word[0] in _WORDS:
        return f"{word[0]} is not JSON; write {_WORDS[word[0]]}."
    if at[0] in "]},":
        return f"a value must stand before {at[0]}"
    return f'{_bare(word[0])} is not a JSON value. A text needs double quotes: "{_bare(word[0])}".' if word else f"a value must stand here, not {_short(at)}."


def _open_bracket(text: str, position: int) -> str:
    opened: list[str] = []
    for token in _tokens(text[:position]):
        if token.text in ("[", "{"):
            opened.append(token.text)
        elif token.text in ("]", "}") and opened:
            opened.pop()
    return opened[-1] if opened else "["


def _bare(text: str) -> str:
    return text if len(text) <= 30 else f"{text[:29]}…"


def _short(text: str) -> str:
    """The beginning of what stands there, on one line, without what can't be printed."""
    line = text.splitlines()[0] if text.splitlines() else text
    return _bare("".join(character if character.isprintable() else "�" for character in line))


def _name(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    return "a list" if isinstance(value, list) else "an object" if isinstance(value, dict) else "a text" if isinstance(value, str) else "a number"
