"""The actions on worker nodes and their arguments: what each may be, and the arguments of Celery's command that follow from them. Pure.

Every problem is a sentence that names the field and what is allowed there. The commands are those of celery/worker/control.py (4.x and 5.x).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import msgspec

MOST_PROCESSES = 1000
LONGEST_NAME = 255  # bytes: AMQP's short string
LONGEST_TASK_NAME = 500
LONGEST_LIMIT_SECONDS = 7 * 86400
EXCHANGE_TYPES = ("direct", "topic", "fanout", "headers")
NO_LIMIT = "0"
_RATE = re.compile(r"(?P<amount>[0-9]{1,7}(?:\.[0-9]{1,6})?)(?:/(?P<unit>[smh]))?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Field(msgspec.Struct, frozen=True):
    """One argument, as a form shows it. `aliases`: other names for it over the API, which are those of Celery's command."""

    name: str
    label: str
    kind: str  # count, seconds, queue, name, exchange_type, task, rate
    required: bool = True
    help: str = ""
    aliases: tuple[str, ...] = ()


class Action(msgspec.Struct, frozen=True):
    """`key` is the name of Celery's command. `final`: it can't be undone from here."""

    key: str
    title: str
    fields: tuple[Field, ...] = ()
    final: bool = False
    help: str = ""


class Problem(msgspec.Struct, frozen=True):
    """A field's name and a sentence about it."""

    field: str
    text: str


_N = Field("n", "Processes", "count", help=f"1 to {MOST_PROCESSES:,}")
_TASK = Field("task", "Task", "task", aliases=("task_name",))
ACTIONS: Mapping[str, Action] = {
    action.key: action
    for action in (
        Action("pool_grow", "Grow the pool", (_N,)),
        Action("pool_shrink", "Shrink the pool", (_N,), help="Only idle processes end."),
        Action(
            "autoscale",
            "Change the autoscale range",
            (Field("max", "At most", "count", help=f"1 to {MOST_PROCESSES:,}"), Field("min", "At least", "count", help=f"0 to {MOST_PROCESSES:,}")),
        ),
        Action("pool_restart", "Restart the pool"),
        Action(
            "add_consumer",
            "Consume another queue",
            (
                Field("queue", "Queue", "queue"),
                Field("exchange", "Exchange", "name", False, "If empty, one with the queue’s name"),
                Field("type", "Exchange type", "exchange_type", False, "If empty, direct", ("exchange_type",)),
                Field("routing_key", "Routing key", "name", False, "If empty, the queue’s name"),
            ),
            help="If its application configures the queue, that counts. Otherwise the node declares queue, exchange and binding as given here.",
        ),
        Action("cancel_consumer", "Stop consuming a queue", (Field("queue", "Queue", "queue"),)),
        Action(
            "rate_limit",
            "Set a rate limit",
            (_TASK, Field("rate", "At most", "rate", help="10/s, 100/m or 5/h; 0 removes the limit", aliases=("rate_limit",))),
            help="Each node counts for itself, and until it restarts.",
        ),
        Action(
            "time_limit",
            "Set time limits",
            (
                _TASK,
                Field("hard", "Hard limit", "seconds", False, "Seconds; if empty, the task has no hard limit of its own"),
                Field("soft", "Soft limit", "seconds", False, "Seconds; if empty, the task has no soft limit of its own"),
            ),
            help="Celery applies them once the pool is restarted, or once the node connects to the broker again.",
        ),
        Action("enable_events", "Send task events"),
        Action("disable_events", "Stop task events"),
        Action("shutdown", "Shut down", final=True, help="Warm: tasks that run are finished first."),
    )
}
Arguments = dict[str, Any]


def parse(action: Action, given: Mapping[str, Any]) -> tuple[Arguments, list[Problem]]:
    """The arguments by the names of the fields, and what is wrong with them. Texts of a form are converted; "" and None mean not given.

    >>> parse(ACTIONS["pool_grow"], {"n": "2"}), parse(ACTIONS["rate_limit"], {"task": "shop.pay", "rate": "often"})[1][0].field
    (({'n': 2}, []), 'rate')
    """
    problems: list[Problem] = []
    found: Arguments = {}
    names = {name: field for field in action.fields for name in (field.name, *field.aliases)}
    for name, value in given.items():
        field = names.get(name)
        if field is None:
            listed = f"there are {', '.join(field.name for field in action.fields)}" if action.fields else "it takes none"
            problems.append(Problem(str(name)[:80], f"{str(name)[:80]}: {action.key} has no such argument; {listed}."))
        elif value is not None and value != "":
            try:
                found[field.name] = _value(field, value)
            except ValueError as error:
                problems.append(Problem(field.name, f"{field.label}: {error}"))
    wrong = {problem.field for problem in problems}
    missing = [field for field in action.fields if field.required and field.name not in found and field.name not in wrong]
    problems += [Problem(field.name, f"{field.label}: missing; {_allowed(field)}") for field in missing]
    return found, problems or _together(action, found)


def _together(action: Action, found: Arguments) -> list[Problem]:
    """What is wrong with arguments that are right one by one."""
    if action.key == "autoscale" and found["max"] < max(found["min"], 1):
        return [Problem("max", f"At most: {found['max']} is less than {max(found['min'], 1)}; the range needs one process or more.")]
    hard, soft = found.get("hard"), found.get("soft")
    if hard is not None and soft is not None and soft >= hard:
        return [Problem("soft", f"Soft limit: {soft:g} s is not less than the hard limit of {hard:g} s, so it would never take effect.")]
    return []


def of_command(action: Action, arguments: Arguments) -> Arguments:
    """The keyword arguments of Celery's command.

    >>> of_command(ACTIONS["rate_limit"], {"task": "shop.pay", "rate": "10/m"})
    {'task_name': 'shop.pay', 'rate_limit': '10/m'}
    """
    if action.key == "rate_limit":
        return {"task_name": arguments["task"], "rate_limit": 0 if arguments["rate"] == NO_LIMIT else arguments["rate"]}
    if action.key == "time_limit":
        return {"task_name": arguments["task"], "hard": arguments.get("hard"), "soft": arguments.get("soft")}
    if action.key == "add_consumer":
        renamed = {"exchange_type": arguments["type"]} if "type" in arguments else {}
        return {name: value for name, value in arguments.items() if name != "type"} | renamed
    return dict(arguments)


def _value(field: Field, value: Any) -> Any:
    if field.kind == "count":
        return _count(field, value)
    if field.kind == "seconds":
        return _seconds(field, value)
    if field.kind == "rate":
        return _rate(field, value)
    if field.kind == "exchange_type":
        if value not in EXCHANGE_TYPES:
            raise ValueError(f"{_shown(value)} is no type of exchange; {_allowed(field)}")
        return value
    return _name(field, value)


def _allowed(field: Field) -> str:
    if field.kind == "count":
        return f"allowed are whole numbers from {0 if field.name == 'min' else 1} to {MOST_PROCESSES:,}."
    return {
        "seconds": f"allowed are more than 0 to {LONGEST_LIMIT_SECONDS:,} seconds (7 days).",
        "rate": "allowed are a number, or one with /s, /m or /h, such as 10/m; 0 removes the limit.",
        "exchange_type": f"allowed are {', '.join(EXCHANGE_TYPES)}.",
        "task": "enter the name under which the task is registered.",
        "queue": "enter the name of a queue.",
    }.get(field.kind, f"allowed is a name of up to {LONGEST_NAME} bytes.")


def _count(field: Field, value: Any) -> int:
    if isinstance(value, str) and re.fullmatch(r"\s*-?[0-9]{1,9}\s*", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{_shown(value)} is not a whole number; {_allowed(field)}")
    if not (0 if field.name == "min" else 1) <= value <= MOST_PROCESSES:
        raise ValueError(f"{_shown(value)} is out of range; {_allowed(field)}")
    return value


def _seconds(field: Field, value: Any) -> float:
    if isinstance(value, str) and len(value) <= 40:
        try:
            value = float(value)
        except ValueError:
            raise ValueError(f"{_shown(value)} is not a number; {_allowed(field)}") from None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{_shown(value)} is not a number; {_allowed(field)}")
    if not 0 < value <= LONGEST_LIMIT_SECONDS:
        raise ValueError(f"{_shown(value)} is out of range; {_allowed(field)}")
    return int(value) if value == int(value) else value


def _rate(field: Field, value: Any) -> str:
    text = str(value).strip() if isinstance(value, int | float | str) and not isinstance(value, bool) else ""
    match = _RATE.fullmatch(text)
    if match is None:
        raise ValueError(f"{_shown(value)} is no rate; {_allowed(field)}")
    return NO_LIMIT if float(match["amount"]) == 0 else text


def _name(field: Field, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{_shown(value)} is not a name; {_allowed(field)}")
    if _CONTROL.search(value):
        raise ValueError("it holds a control character (NUL, a tab or a line break), which no name may have.")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise ValueError("it holds half of a surrogate pair, which is not a character.") from None
    longest = LONGEST_TASK_NAME if field.kind == "task" else LONGEST_NAME
    if size > longest:
        raise ValueError(f"it is {size:,} bytes long; allowed are {longest}.")
    if field.name == "queue" and value.startswith("amq."):
        raise ValueError("names that begin with amq. are the broker’s own.")
    return value


def _shown(value: Any) -> str:
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
