"""What the processes of an experiment report, a JSON line each. Pure.

The id of a message, "2.0.17", is the round of measuring that it was published in, its variant and its number.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["ready", "left", "sent", "got", "rejected", "done", "reply", "away", "failed"]


class Report(msgspec.Struct, frozen=True, omit_defaults=True):
    """`at`: Unix time. `text`: an address (ready), or why (away, failed)."""

    kind: Kind
    at: float
    node: str = ""
    message: str = ""
    text: str = ""


PUBLISHER = "publisher"


def line(report: Report) -> bytes:
    """The line, short enough that writing it to a pipe is atomic."""
    return msgspec.json.encode(report)[:2000] + b"\n"


def read(text: bytes) -> Report | None:
    """None for what is no report."""
    try:
        return msgspec.json.decode(text, type=Report)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def message_id(round_number: int, variant: int, number: int) -> str:
    return f"{round_number}.{variant}.{number}"


def variant_of(message: str) -> tuple[int, int]:
    """(round of measuring, variant); (-1, -1) for an id of others.

    >>> variant_of("2.0.17"), variant_of("7ad4")
    ((2, 0), (-1, -1))
    """
    parts = message.split(".")
    if len(parts) != 3 or not all(part.isdecimal() for part in parts):
        return -1, -1
    return int(parts[0]), int(parts[1])
