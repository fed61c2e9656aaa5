"""Whether a worker node shows what an order was to change: its slots, range, queues or rate limits, as later answers report them. Pure."""

from __future__ import annotations

from typing import Literal

from workers.control.arguments import NO_LIMIT, Action, Arguments
from workers.control.plan import Node

Seen = Literal["seen", "not seen", "unreadable"]
READ_BACK_SECONDS = 45.0
"""Queues and rate limits are inspected every 30 s."""
UNREADABLE = {
    "time_limit": "Celery’s remote control reports no time limits, so only the node’s answer shows it. "
    "It applies them once its pool is restarted, or once it connects to the broker again.",
    "enable_events": "Celery’s remote control does not report whether events are on, so only the node’s answer shows it.",
    "disable_events": "Celery’s remote control does not report whether events are on, so only the node’s answer shows it.",
}


def effect(action: Action, arguments: Arguments, before: Node, node: Node) -> Seen:
    """ "unreadable" where no answer of a node can show it."""
    key = action.key
    if key in UNREADABLE:
        return "unreadable"
    if key in ("pool_grow", "pool_shrink"):
        change = arguments["n"] if key == "pool_grow" else -arguments["n"]
        return _seen(before.slots is not None and node.slots == before.slots + change)
    if key == "autoscale":
        return _seen(node.autoscale == (arguments["min"], arguments["max"]))
    if key == "pool_restart":
        return _seen(bool(node.pids) and bool(set(before.pids or ()) - set(node.pids or ())))  # an idle process follows after its next task
    if key in ("add_consumer", "cancel_consumer"):
        return _seen(node.queues is not None and (arguments["queue"] in node.queues) == (key == "add_consumer"))
    if key == "rate_limit":
        shown = (node.tasks or {}).get(arguments["task"], {}).get("rate_limit", NO_LIMIT)
        return _seen(
            node.tasks is not None
            and arguments["task"] in node.tasks
            and shown in (arguments["rate"], *((NO_LIMIT, "None") if arguments["rate"] == NO_LIMIT else ()))
        )
    return _seen(node.state == "gone")


def shown(action: Action, arguments: Arguments, node: Node) -> str:
    """What the node reports now of what the action changes, as a clause; "" if it is unknown or nothing is reported."""
    key = action.key
    if key in ("pool_grow", "pool_shrink"):
        return "" if node.slots is None else f"{node.slots:,} slot{'' if node.slots == 1 else 's'}"
    if key == "autoscale":
        return "" if node.autoscale is None else f"range {node.autoscale[0]:,} to {node.autoscale[1]:,}"
    if key == "pool_restart":
        return f"processes {', '.join(map(str, node.pids[:8]))}" if node.pids else ""
    if key in ("add_consumer", "cancel_consumer"):
        return "" if node.queues is None else f"consumes {', '.join(node.queues[:8]) or 'no queue'}"
    if key == "rate_limit" and node.tasks is not None and arguments["task"] in node.tasks:
        limit = node.tasks[arguments["task"]].get("rate_limit", NO_LIMIT)
        return "no rate limit" if limit in (NO_LIMIT, "None", "") else f"rate limit {limit}"
    return node.state if key == "shutdown" else ""


def _seen(whether: bool) -> Seen:
    return "seen" if whether else "not seen"
