"""What the filter of a list can be completed with: its qualifiers, and for each the values that its room found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboard.layout.filter_language import Qualifier, quoted

VALUES_AT_MOST = 200


def qualifiers(known: Mapping[str, Qualifier], values: Mapping[str, list[tuple[str, str]]]) -> list[dict[str, Any]]:
    """The qualifiers with their values, those with a blank in quotes."""
    return [
        {
            "name": one.name,
            "sentence": one.sentence,
            "example": one.example,
            "number": one.kind == "number",
            "values": [[quoted(text), note] for text, note in values.get(one.name, [(choice, "") for choice in one.choices])[:VALUES_AT_MOST]],
        }
        for one in known.values()
    ]
