"""Numbers as people type them into forms. Pure."""

from __future__ import annotations

import math


def whole_number(text: str) -> int | None:
    """What a person typed as a number of digits alone, read whole; None for anything else, and for what is longer than any number that is meant.

    >>> whole_number(" 8 "), whole_number("0239"), whole_number("-1"), whole_number("²"), whole_number("9" * 19)
    (8, 239, None, None, None)
    """
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def number(text: str) -> float | None:
    """A finite number written with digits; None for anything else.

    >>> number(" 1.5 "), number("1_0"), number("nan"), number("1e400"), number("")
    (1.5, None, None, None, None)
    """
    try:
        value = float(text.strip())
    except ValueError:
        return None
    return value if math.isfinite(value) and text.isascii() and "_" not in text else None
