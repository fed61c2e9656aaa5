"""Whether the arguments of a task are known in full from what its events print of them. Pure.

Events have the text that the sender made by `celery.utils.saferepr` (or that it chose, with `argsrepr`): cut after some 1,000 characters and below three
levels, with nothing escaped but `'`. So a text proves what was sent only if it is short, holds no "..." and no backslash, names nothing but what JSON has,
and is what `saferepr` prints of the value that is read from it.
"""

from __future__ import annotations

import ast
from typing import Any

import msgspec

from workers.redaction import REDACTED

LONGEST = 1000
"""Celery cuts after 1,024 characters (`argsrepr_maxsize`), each text within too."""


class Described(msgspec.Struct, frozen=True):
    """`args` and `kwargs` are None where they can't be read back. `why`: a sentence why they are not known in full; "" if they are, as the sender described
    them."""

    args: list[Any] | None
    kwargs: dict[str, Any] | None
    why: str = ""


def described(args: str | None, kwargs: str | None) -> Described:
    """The arguments in the texts of a task's events.

    >>> described("(1, 'a')", "{'x': None}")
    Described(args=[1, 'a'], kwargs={'x': None}, why='')
    >>> described("('a...',)", "{}").why
    'Its arguments are not known in full: the text holds "...", as where Celery cuts it.'
    """
    found_args, why_args = _read(args, (tuple, list))
    found_kwargs, why_kwargs = _read(kwargs, (dict,))
    reasons = [f"Its {name} are not known in full: {why}." for name, why in (("arguments", why_args), ("keyword arguments", why_kwargs)) if why]
    return Described(None if found_args is None else list(found_args), found_kwargs, " ".join(reasons))


def saferepr(value: Any) -> str:
    """What Celery prints of a value that JSON has too, without its limits.

    >>> saferepr(({"a": [1, None, "b'c"]},))
    "({'a': [1, None, 'b\\\\'c']},)"
    """
    if isinstance(value, str):
        return "'" + value.replace("'", "\\'") + "'"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{saferepr(key)}: {saferepr(item)}" for key, item in value.items()) + "}"
    if isinstance(value, tuple):
        return f"({saferepr(value[0])},)" if len(value) == 1 else "(" + ", ".join(map(saferepr, value)) + ")"
    return "[" + ", ".join(map(saferepr, value)) + "]" if isinstance(value, list) else str(value)


def _read(text: str | None, kinds: tuple[type, ...]) -> tuple[Any, str]:
    """(the value, None where it can't be read; why it is not known in full, as a clause)."""
    if text is None:
        return None, "no event reported them, or your role does not allow seeing them"
    if REDACTED in text:
        return None, "a secret in them was redacted"
    if len(text) > LONGEST:
        return None, f"the text has more than {LONGEST:,} characters, and Celery cuts long ones"
    if "..." in text or "…" in text:
        return None, 'the text holds "...", as where Celery cuts it'
    if "\\" in text:
        return None, "the text holds a backslash, which Celery does not escape"
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None, "the text is no plain value: an argument is an object, or the sender described them otherwise"
    if not isinstance(value, kinds):
        return None, "the text is no list of arguments" if dict not in kinds else "the text is no table of arguments"
    if strange := _strange(list(value) if isinstance(value, tuple) else value):
        return (value if strange == "a tuple" else None), f"they hold {strange}, and messages are JSON as a rule, which has none"
    return (value, "") if saferepr(value) == text else (None, "the text is not what Celery prints of the value that it seems to be")


def _strange(value: Any) -> str:
    """What the value holds that JSON does not have; "" if nothing."""
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            return "a key that is no text"
        return next((found for item in value.values() if (found := _strange(item))), "")
    if isinstance(value, list):
        return next((found for item in value if (found := _strange(item))), "")
    if isinstance(value, tuple):
        return next((found for item in value if (found := _strange(item)) not in ("", "a tuple")), "a tuple")
    if value is None or isinstance(value, bool | int | str):
        return ""
    if isinstance(value, float):
        return "" if value - value == 0 else "a number without end"
    return {bytes: "bytes", set: "a set", complex: "a complex number"}.get(type(value), "what is no plain value")
