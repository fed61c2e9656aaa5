"""The small forms of the panel "What if": converts their fields into one change of a question."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboard.layout import json_fields

JSON = dict[str, Any]
LONGEST = 20_000
BINDING = ("source", "destination", "destination_type", "routing_key", "arguments")
NAMES = (
    *("if_binding", "if_key", "if_arguments", "if_source", "if_destination", "if_kind", "if_name", "if_pattern", "if_apply", "if_priority"),
    *("if_definition", "if_route", "if_queue"),
)
FORMS = {
    **dict.fromkeys(("replace_binding", "remove_binding"), "binding"),
    **dict.fromkeys(("add_binding",), "new_binding"),
    **dict.fromkeys(("set_policy", "remove_policy"), "policy"),
    **dict.fromkeys(("set_route", "remove_route"), "route"),
}
"""The form of each change."""


def change(kind: str, values: Mapping[str, str]) -> JSON:
    """The change that a form describes, not validated. Raises JsonProblem."""
    if kind in ("replace_binding", "remove_binding"):
        chosen = {name: value for name, value in _object(values["if_binding"]).items() if name in BINDING}
        return {"change": kind, **chosen} if kind == "remove_binding" else {"change": kind, **chosen, "with": _written(values)}
    if kind == "add_binding":
        ends = {"source": values["if_source"], "destination": values["if_destination"], "destination_type": values["if_kind"] or "queue"}
        return {"change": kind, **ends, **_written(values)}
    if kind == "set_policy":
        priority = values["if_priority"].strip()
        return {
            "change": kind,
            "name": values["if_name"] or "what-if",
            "pattern": values["if_pattern"],
            "apply-to": values["if_apply"] or "all",
            "priority": int(priority) if priority.lstrip("-").isdecimal() and len(priority) < 10 else priority or 0,
            "definition": _object(values["if_definition"]),
        }
    if kind == "remove_policy":
        return {"change": kind, "name": values["if_name"]}
    if kind in ("set_route", "remove_route"):
        return {"change": kind, "name": values["if_route"], **({"route": {"queue": values["if_queue"]}} if kind == "set_route" else {})}
    return {"change": kind}


def _written(values: Mapping[str, str]) -> JSON:
    """Key and arguments of a binding; arguments left empty stay unchanged."""
    arguments = values["if_arguments"].strip()
    return {"routing_key": values["if_key"], **({"arguments": json_fields.parse(arguments, dict)} if arguments else {})}


def _object(text: str) -> JSON:
    found: JSON = json_fields.parse(text, dict) if text.strip() else {}
    return found
