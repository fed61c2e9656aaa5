"""Redacts secrets in texts that others wrote: arguments, results, exceptions and tracebacks of tasks, bodies and headers of messages.

Pure. A secret is known by the name before it (`password='x'`, `"api_key": "x"`, `--token x`, `Authorization: Bearer x`), by its place in an address
(`amqp://user:x@host`), or by its digits (card numbers: known lengths and issuers, and the check digit of ISO/IEC 7812-1). A secret that stands alone, such as
a positional argument, can't be known. Names are the patterns of HARELINE_REDACT: `*` is any characters, `_` also a hyphen, a blank or nothing. They are
words and never regular expressions, so that no text can make them slow.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from workers.redacted_value import end_of_value

ADDRESSES, CARDS, DEFAULTS, NONE = "addresses", "cards", "defaults", "none"
DEFAULT = ("*password*", "*passwd*", "*token*", "*secret*", "*authorization*", "*api_key*", ADDRESSES, CARDS)
REDACTED = "[redacted]"
MOST_PATTERNS, LONGEST_PATTERN = 200, 100

_PATTERN = re.compile(r"[\w*. -]*\w[\w*. -]*")
_BETWEEN = r"[-_ ]?"
_SEPARATOR = re.compile(r"""\\*['"]?\]?\s{0,3}(?:=>|[:=])\s{0,3}|\\*['"]\s?,\s{0,3}(?=b?\\*['"])""")
_QUOTE = re.compile(r"""\\*['"]""")
_OPTION = re.compile(r"\s+(?=[^\s-])")
_NO_NAME = ("error", "exception", "warning")  # InvalidTokenError: Signature has expired
_PASSWORD_IN_ADDRESS = re.compile(r"(?<=://)([^\s/@:'\"]*):([^\s/'\"]+)@")
_DIGITS = re.compile(r"(?<![\w.-])(?:[0-9]{13,19}|[0-9]{4}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{1,7}|[0-9]{4}([ -])[0-9]{6}\2[0-9]{4,5})(?![\w-])")
_ISSUERS = re.compile(r"(?:4\d{12}|4\d{15}|4\d{18}|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|3[0689]\d{12}|35\d{14}|6(?:011|4|5|2|0|7)\d{10,17})")
_OF_DIGITS = re.compile(r"[0-9 -]").search
_MANY_DIGITS = re.compile(r"[0-9]{4}[ -]?[0-9]{4}").search
_LEAST_DIGITS = 13


class InvalidPattern(ValueError):
    """`str()` says which one and why."""


def parse(text: str) -> Redaction:
    """The redaction that HARELINE_REDACT describes: patterns separated by commas; `defaults` stands for DEFAULT, `none` alone for none.

    >>> parse("defaults, iban").text("Payment(iban='DE02', password='x', amount=3)")
    "Payment(iban='[redacted]', password='[redacted]', amount=3)"
    """
    named = [part.strip() for part in text.split(",") if part.strip()]
    if named == [NONE]:
        return Redaction(())
    patterns = tuple(dict.fromkeys(each for part in named for each in (DEFAULT if part == DEFAULTS else (part,))))
    for pattern in patterns:
        if len(pattern) > LONGEST_PATTERN or not (_PATTERN.fullmatch(pattern) or pattern == "*"):
            raise InvalidPattern(f"expected names such as *password*, with letters, digits, _, -, . and *, got {pattern[:LONGEST_PATTERN]!r}")
    if len(patterns) > MOST_PATTERNS:
        raise InvalidPattern(f"{len(patterns)} patterns are more than {MOST_PATTERNS}")
    return Redaction(patterns)


class Redaction:
    """What is redacted. Its methods return what they were given where there is nothing to redact."""

    def __init__(self, patterns: tuple[str, ...] = DEFAULT) -> None:
        names = [pattern for pattern in patterns if pattern not in (ADDRESSES, CARDS)]
        self._addresses, self._cards = ADDRESSES in patterns, CARDS in patterns
        self._name = re.compile("|".join(map(_in_text, names)), re.IGNORECASE) if names else None
        self._whole = re.compile("|".join(f"(?:{_whole(pattern)})" for pattern in names), re.IGNORECASE) if names else None
        words = dict.fromkeys(map(_longest_word, names))
        self._words = (*words, *(("://",) if self._addresses else ()))

    def text(self, text: str) -> str:
        """A text of any form: Python's repr, JSON, a line of a log, the lines of a traceback; cut anywhere."""
        return self._searched(text) if self.may_hold(text) else text

    def may_hold(self, text: str) -> bool:
        """False where the text has nothing to redact, which is found in a fraction of the time."""
        low = text.lower()
        for word in self._words:
            if word in low:
                return True
        # Of each 13 characters one would be of the number
        return (
            self._cards and len(text) >= _LEAST_DIGITS and _OF_DIGITS(text[_LEAST_DIGITS - 1 :: _LEAST_DIGITS]) is not None and _MANY_DIGITS(text) is not None
        )

    def _searched(self, text: str) -> str:
        if self._name is not None:
            text = self._without_named(text, self._name)
        if self._addresses and "://" in text:
            text = _PASSWORD_IN_ADDRESS.sub(rf"\1:{REDACTED}@", text)
        return _DIGITS.sub(_unless_card, text) if self._cards else text

    def value(self, value: Any, name: str = "") -> Any:
        """Plain data, as JSON has it; `name` is the key that it has there. What a redacted name holds is redacted whole, but for None, true and false."""
        if value is None or isinstance(value, bool):
            return value
        if name and self.is_secret(name):
            return REDACTED
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: self.value(item, str(key)) for key, item in value.items()}
        if isinstance(value, list | tuple):
            if len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], str) and self.is_secret(value[0]):
                return [value[0], REDACTED]
            return [self.value(item) for item in value]
        return value if self.text(str(value)) == str(value) else REDACTED

    def texts(self, value: Any) -> Any:
        """Plain data with its texts redacted, whatever their keys: a task or a queue may be named after a token."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: self.texts(item) for key, item in value.items()}
        return [self.texts(item) for item in value] if isinstance(value, list | tuple) else value

    def is_secret(self, name: str) -> bool:
        return self._whole is not None and self._whole.fullmatch(name) is not None

    def _without_named(self, text: str, name: re.Pattern[str]) -> str:
        parts, done, at = [], 0, 0
        while found := name.search(text, at):
            at = max(found.end(), at + 1)
            if found.group().lower().endswith(_NO_NAME):
                continue
            separator = _SEPARATOR.match(text, found.end()) or (_OPTION.match(text, found.end()) if _is_option(text, found.start()) else None)
            if separator is None:
                continue
            start, end = end_of_value(text, separator.end())
            if end > start and text[start:end].strip("*") not in ("", "None", "null", "True", "False", "true", "false", REDACTED):
                quote = _QUOTE.match(separator.group()) if start == separator.end() else None  # what stood bare in JSON stays JSON
                parts += [text[done:start], f"{quote.group()}{REDACTED}{quote.group()}" if quote else REDACTED]
                done = end
            at = max(at, end)
        return "".join((*parts, text[done:])) if parts else text


def _in_text(pattern: str) -> str:
    """A regular expression for the name in a text, from the first of the pattern's words to the end of the name."""
    found = pattern.lstrip("*")
    before = "" if pattern.startswith("*") and found else r"(?<![^\W_])"
    after = r"[\w-]{0,40}" if pattern.endswith("*") else r"(?!\w)"
    return before + (_pieces(found.rstrip("*")) if found else r"[^\W\d]") + after


def _whole(pattern: str) -> str:
    return f"{'.*' if pattern.startswith('*') else ''}{_pieces(pattern.strip('*'))}{'.*' if pattern.endswith('*') else ''}"


def _pieces(pattern: str) -> str:
    return r"[\w-]{0,40}".join(_BETWEEN.join(map(re.escape, re.split(r"[-_ ]", piece))) for piece in re.split(r"\*+", pattern))


def _longest_word(pattern: str) -> str:
    """A text that is in every name the pattern describes, in small letters; "" where there is none."""
    return max(re.split(r"[-_ *]+", pattern.lower()), key=len)


def _is_option(text: str, at: int) -> bool:
    """Whether the name that has this place is an option of a command line."""
    before = re.split(r"\s", text[max(0, at - 40) : at])[-1]
    return before.lstrip("'\"").startswith("--")


def _unless_card(found: re.Match[str]) -> str:
    digits = re.sub(r"[ -]", "", found.group())
    return REDACTED if _ISSUERS.fullmatch(digits) and _has_check_digit(digits) else found.group()


def _has_check_digit(digits: str) -> bool:
    """Luhn's: ISO/IEC 7812-1, annex B."""
    doubled = [int(digit) * 2 for digit in digits[-2::-2]]
    return (sum(map(int, digits[-1::-2])) + sum(number - 9 if number > 9 else number for number in doubled)) % 10 == 0
