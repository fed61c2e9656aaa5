"""A comparison as JSON, the same for the command, the call and the download; and the sentences about what it does not cover. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from brokers.comparison import OUTCOMES, Comparison, Difference
from brokers.figure_comparison import FigureRow

NOT_COMPARED = (
    "Not compared: exclusive and auto-delete queues and exchanges, Hareline’s own queues, the exchanges that every virtual host has, users, permissions and "
    "runtime parameters other than operator policies."
)
Item = dict[str, Any]


def item(one: Difference) -> Item:
    """`keys` are the settings that differ, `arguments.x-max-length` for one among the arguments."""
    return {"kind": one.kind, "vhost": one.vhost, "name": one.name, "before": one.before, "after": one.after, "keys": one.keys()}


def whole(before: Mapping[str, Any], after: Mapping[str, Any], found: Comparison, figures: Sequence[FigureRow] | None, notes: Iterable[str]) -> dict[str, Any]:
    """Everything that differs. `figures`: of queues of which some number differs; None where a side has none."""
    return {
        "before": dict(before),
        "after": dict(after),
        "counts": found.counts(),
        **{what: [item(one) for one in found.of(what)] for what in OUTCOMES},
        "figures": None if figures is None else [row.as_json() for row in figures if row.differs],
        "notes": [*notes, NOT_COMPARED],
    }


def outcome_text(counts: Mapping[str, int]) -> str:
    """
    >>> outcome_text({"added": 2, "missing": 0, "different": 1}), outcome_text({"added": 0, "missing": 0, "different": 0})
    ('2 added, none missing, 1 different', 'Nothing differs')
    """
    if not any(counts.values()):
        return "Nothing differs"
    return ", ".join(f"{counts[what]:,} {what}" if counts[what] else f"none {what}" for what in OUTCOMES)


def unknown_text(count: int) -> str:
    """ "" for none."""
    if not count:
        return ""
    queues, were = (f"{count:,} queues", "their settings were") if count > 1 else ("1 queue", "its settings were")
    return f"{queues} could not be compared: {were} not read yet on one side."


def not_polled_text(broker: str, at: datetime) -> str:
    return f"No poll of {broker} was stored at {at:%Y-%m-%d %H:%M:%S} UTC: its definitions are those that were known last."


def without_text(broker: str, vhosts: Sequence[str]) -> str:
    """
    >>> without_text("prod", ["/", "shop"])
    'No definitions of virtual hosts / and shop of prod were recorded then: left out on this side.'
    """
    named = " and ".join([", ".join(vhosts[:-1]), vhosts[-1]]) if len(vhosts) > 1 else vhosts[0]
    return f"No definitions of virtual host{'s' if len(vhosts) > 1 else ''} {named} of {broker} were recorded then: left out on this side."


def partial_text(broker: str) -> str:
    return f"You may view only a part of {broker}: everything else is left out."
