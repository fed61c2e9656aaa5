"""A change in one sentence, with names in backticks. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from brokers.routing.bindings import Bound
from brokers.routing.text import key_name
from brokers.routing.what_if.changes import (
    AlternateSet,
    ArgumentSet,
    BindingAdded,
    BindingRemoved,
    BindingReplaced,
    Change,
    Chosen,
    PolicyRemoved,
    PolicySet,
)


def change_text(change: Change) -> str:
    """The change as a sentence.

    >>> change_text(PolicyRemoved("ttl", False))
    'Policy `ttl` is removed.'
    """
    match change:
        case BindingAdded(binding):
            return f"A binding is added from `{binding.source}` to {binding.destination_type} `{binding.destination}`: {_written(binding)}."
        case BindingRemoved(chosen):
            return f"The binding {key_name(chosen.routing_key)} {_endpoints(chosen)} is removed."
        case BindingReplaced(chosen, binding, keeps):
            new = key_name(binding.routing_key) if keeps else _written(binding)
            return f"The binding {key_name(chosen.routing_key)} {_endpoints(chosen)} is changed to {new}."
        case PolicySet(policy, operator):
            scope = f"{policy.apply_to if policy.apply_to != 'all' else 'queues and exchanges'} matching `{policy.pattern}`, priority {policy.priority}"
            return f"{_policy(policy.name, operator)} applies to {scope}: {_json(policy.definition)}."
        case PolicyRemoved(name, operator):
            return f"{_policy(name, operator)} is removed."
        case AlternateSet(exchange, alternate):
            return f"Exchange `{exchange}` has no alternate of its own." if alternate is None else f"The alternate of `{exchange}` is `{alternate}`."
        case ArgumentSet(queue, argument, value):
            return f"Queue `{queue}` has no `{argument}`." if value is None else f"Queue `{queue}` has `{argument}`: {_json(value)}."


def _policy(name: str, operator: bool) -> str:
    return f"Operator policy `{name}`" if operator else f"Policy `{name}`"


def _endpoints(chosen: Chosen) -> str:
    return f"from `{chosen.source}` to {chosen.destination_type} `{chosen.destination}`"


def _written(binding: Bound) -> str:
    return f"{key_name(binding.routing_key)}, {_json(binding.arguments)}" if binding.arguments else key_name(binding.routing_key)


def _json(value: Mapping[str, Any] | Any) -> str:
    return f"`{json.dumps(value, ensure_ascii=False, default=str)}`"
