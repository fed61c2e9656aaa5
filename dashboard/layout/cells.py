"""Texts that fit into a drawing. Pure."""

from __future__ import annotations

import unicodedata


def shortened(text: str, cells: int) -> str:
    """The text with its middle omitted if it is too wide, as names often differ at their ends. Wide letters take two cells.

    >>> shortened("orders.eu.new.customers", 13), shortened("mail", 13)
    ('orders…tomers', 'mail')
    """
    widths = [2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text]
    if sum(widths) <= cells:
        return text
    head, tail = (cells - 1) // 2, cells - 1 - (cells - 1) // 2
    return f"{_first(text, head)}…{_first(text[::-1], tail)[::-1]}"


def _first(text: str, cells: int) -> str:
    for at, letter in enumerate(text):
        cells -= 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        if cells < 0:
            return text[:at]
    return text
