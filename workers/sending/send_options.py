"""The options of a task that is to be sent: what each may be, and what Celery will make of them together.

Pure. Every problem is a sentence that names the field and what is allowed there; what is allowed but won't do what it seems to is a warning.
Rules of Celery: `AMQP._create_task_sender` (celery/app/amqp.py, 5.x).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

DEFAULT_QUEUE = "celery"
LONGEST_NAME = 255  # bytes: AMQP's short string
LONGEST_DELAY_SECONDS = 366 * 86400
LARGEST_PRIORITY = 255
FIELDS = ("queue", "exchange", "routing_key", "countdown", "eta", "priority", "expires")
NAMES: Mapping[str, str] = {
    "task": "Task",
    "queue": "Queue",
    "exchange": "Exchange",
    "routing_key": "Routing key",
    "countdown": "Countdown",
    "eta": "ETA",
    "priority": "Priority",
    "expires": "Expires",
}


class Options(msgspec.Struct, frozen=True):
    """The options of a call; None means not given."""

    queue: str | None = None
    exchange: str | None = None
    routing_key: str | None = None
    countdown: float | None = None  # seconds
    eta: datetime | None = None
    priority: int | None = None
    expires: float | None = None  # seconds


class Problem(msgspec.Struct, frozen=True):
    """A field's name and a sentence about it."""

    field: str
    text: str


class Destination(msgspec.Struct, frozen=True):
    """Where Celery will publish: exchange "" is the default exchange. `queue` is None where bindings decide. `ignored`: options without effect."""

    exchange: str
    routing_key: str
    queue: str | None
    ignored: tuple[str, ...] = ()


def parse(given: Mapping[str, Any]) -> tuple[Options, list[Problem]]:
    """The options, and what is wrong with them by field. Texts of a form are converted to their types; "" and None mean not given.

    >>> parse({"countdown": "5", "priority": "12e3"})[1]
    [Problem(field='priority', text='Priority: "12e3" is not a whole number; allowed are 0 to 255.')]
    """
    problems: list[Problem] = []
    known: dict[str, Any] = {}
    for field, value in given.items():
        if field not in FIELDS:
            problems.append(Problem(str(field)[:80], f"{str(field)[:80]}: no such option; there are {', '.join(FIELDS)}."))
        elif value is not None and value != "":
            try:
                known[field] = _value(field, value)
            except ValueError as error:
                problems.append(Problem(field, f"{NAMES[field]}: {error}"))
    if "countdown" in known and "eta" in known:
        problems.append(Problem("eta", "ETA: give a countdown or an ETA, not both."))
    return Options(**known), problems


def task_name(value: Any) -> str:
    """The name of a task. Raises ValueError with a sentence."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("Task: enter the name under which the task is registered, like reports.render.")
    try:
        return _name(value.strip(), 500)
    except ValueError as error:
        raise ValueError(f"Task: {error}") from None


def destination(options: Options) -> Destination:
    """Where Celery will publish with these options, if the queue is one that it knows only by name (a direct one).

    >>> destination(Options(queue="reports", routing_key="rep.eu"))
    Destination(exchange='', routing_key='reports', queue='reports', ignored=('routing_key',))
    """
    if options.exchange and options.routing_key:
        return Destination(options.exchange, options.routing_key, None, ("queue",) if options.queue else ())
    queue = options.queue or DEFAULT_QUEUE
    return Destination("", queue, queue, tuple(name for name in ("exchange", "routing_key") if getattr(options, name)))


def ignored_text(options: Options) -> list[Problem]:
    """A warning for each option that Celery will not look at."""
    found = []
    for name in destination(options).ignored:
        if name == "queue":
            words = f"Celery ignores the queue {options.queue}: exchange and routing key are set, so the broker's bindings decide."
        elif name == "exchange":
            words = f"Celery will ignore this exchange: no routing key is given, so the message is sent by the queue’s name, {destination(options).queue}."
        else:
            words = f"Celery will ignore this routing key: no exchange is given, so the message is sent by the queue’s name, {destination(options).queue}."
        found.append(Problem(name, words))
    if options.expires is not None and options.countdown is not None and options.expires <= options.countdown:
        found.append(Problem("expires", "It expires before its countdown ends: the worker will revoke it instead of running it."))
    return found


def celery_options(options: Options) -> dict[str, Any]:
    """The given options as `send_task` takes them."""
    return {name: value for name in FIELDS if (value := getattr(options, name)) is not None}


def as_given(options: Options) -> dict[str, Any]:
    """The given options as JSON can hold them."""
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in celery_options(options).items()}


def _value(field: str, value: Any) -> Any:
    if field in ("queue", "exchange", "routing_key"):
        return _name(value, LONGEST_NAME)
    if field == "eta":
        return _moment(value)
    if field == "priority":
        return _priority(value)
    return _seconds(value, least=0.0 if field == "countdown" else 0.001)


def _name(value: Any, longest: int) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{_shown(value)} is not text; allowed is a name of up to {longest} bytes.")
    if re.search(r"[\x00-\x1f\x7f]", value):
        raise ValueError("it holds a control character (NUL, a tab or a line break), which no name may have.")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise ValueError("it holds half of a surrogate pair, which is not a character.") from None
    if size > longest:
        raise ValueError(f"it is {size:,} bytes long; allowed are {longest}.")
    return value


def _number(value: Any, words: str) -> float:
    if isinstance(value, str) and len(value) <= 40:
        try:
            value = float(value.strip())
        except ValueError:
            raise ValueError(f"{_shown(value)} is not a number; {words}") from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{_shown(value)} is not a number; {words}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is not a number; {words}")
    return value


def _seconds(value: Any, least: float) -> float:
    words = f"allowed are {'0' if least == 0 else 'more than 0'} to {LONGEST_DELAY_SECONDS:,} seconds (366 days)."
    number = _number(value, words)
    number = int(number) if number == int(number) else number
    if not least <= number <= LONGEST_DELAY_SECONDS:
        raise ValueError(f"{_shown(number)} is too {'small' if number < least else 'large'}; {words}")
    return number


def _priority(value: Any) -> int:
    words = f"allowed are 0 to {LARGEST_PRIORITY}."
    if isinstance(value, str):
        if not re.fullmatch(r"\s*-?[0-9]{1,9}\s*", value):
            raise ValueError(f"{_shown(value)} is not a whole number; {words}")
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{_shown(value)} is not a whole number; {words}")
    if not 0 <= value <= LARGEST_PRIORITY:
        raise ValueError(f"{_shown(value)} is too {'small' if value < 0 else 'large'}; {words}")
    return value


def _moment(value: Any) -> datetime:
    words = "allowed is a time like 2026-11-24T14:30:00Z."
    if not isinstance(value, str) or len(value) > 40:
        raise ValueError(f"{_shown(value)} is not a time; {words}")
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        raise ValueError(f"{_shown(value)} is not a time; {words}") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _shown(value: Any) -> str:
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
