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
    *("if_definition", "if_operator", "if_route", "if_queue", "if_exchange", "if_alternate", "if_holder", "if_argument", "if_value"),
)
FORMS = {
    **dict.fromkeys(("replace_binding", "remove_binding"), "binding"),
    **dict.fromkeys(("add_binding",), "new_binding"),
    **dict.fromkeys(("set_policy", "remove_policy"), "policy"),
    **dict.fromkeys(("set_route", "remove_route"), "route"),
    **dict.fromkeys(("set_alternate", "remove_alternate"), "alternate"),
    **dict.fromkeys(("set_queue_argument", "remove_queue_argument"), "argument"),
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
            "priority": _number(priority),
            "definition": _object(values["if_definition"]),
            **_operator(values),
        }
    if kind == "remove_policy":
        return {"change": kind, "name": values["if_name"], **_operator(values)}
    if kind in ("set_alternate", "remove_alternate"):
        return {"change": kind, "exchange": values["if_exchange"], **({"alternate": values["if_alternate"]} if kind == "set_alternate" else {})}
    if kind in ("set_queue_argument", "remove_queue_argument"):
        named = {"change": kind, "queue": values["if_holder"], "argument": values["if_argument"]}
        return named if kind == "remove_queue_argument" else {**named, "value": _value(values["if_value"].strip())}
    if kind in ("set_route", "remove_route"):
        return {"change": kind, "name": values["if_route"], **({"route": {"queue": values["if_queue"]}} if kind == "set_route" else {})}
    return {"change": kind}


def _written(values: Mapping[str, str]) -> JSON:
    """Key and arguments of a binding; arguments left empty stay unchanged."""
    arguments = values["if_arguments"].strip()
    return {"routing_key": values["if_key"], **({"arguments": json_fields.parse(arguments, dict)} if arguments else {})}


def _number(text: str) -> Any:
    """A priority; 0 if it is empty, the text itself if it is no number."""
    try:
        return int(text) if text.lstrip("-").isdecimal() else float(text) if text else 0
    except ValueError:
        return text


def _operator(values: Mapping[str, str]) -> JSON:
    return {"operator": True} if values["if_operator"] else {}


def _value(text: str) -> Any:
    """The value of a queue's argument: a whole number, true or false, or text."""
    if text.lstrip("-").isdecimal() and len(text) < 20:
        return int(text)
    return {"true": True, "false": False}.get(text, text)


def _object(text: str) -> JSON:
    found: JSON = json_fields.parse(text, dict) if text.strip() else {}
    return found
