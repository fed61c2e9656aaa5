"""What a person can change while an experiment runs, and its bounds. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping

import msgspec

MOST_NODES, MOST_KEYS, LONGEST_KEY = 5, 8, 100


class Knobs(msgspec.Struct, frozen=True):
    """`prefetch`: messages that a worker node may take ahead for each of its processes. `keys`: the messages that are published in turn. `bindings`: one
    a queue. `arrangement`: which of the five."""

    nodes: int = 3
    processes: int = 1
    prefetch: int = 1
    rate: float = 8.0
    work_ms: int = 40
    keys: tuple[str, ...] = ()
    bindings: tuple[str, ...] = ()
    arrangement: int = 1


class Knob(msgspec.Struct, frozen=True):
    """A knob as a field of a form. `least`, `most`: of its number, or of its lines."""

    name: str
    label: str
    hint: str
    least: float
    most: float


NUMBERS: dict[str, Knob] = {
    "nodes": Knob("nodes", "Worker nodes", f"1 to {MOST_NODES}", 1, MOST_NODES),
    "processes": Knob("processes", "Concurrency", "processes of each node, 1 to 4", 1, 4),
    "prefetch": Knob("prefetch", "Prefetch", "messages taken ahead for each process, 1 to 50", 1, 50),
    "rate": Knob("rate", "Messages per second", "0.2 to 20", 0.2, 20),
    "work_ms": Knob("work_ms", "Work per message (ms)", "0 to 2,000", 0, 2000),
    "arrangement": Knob("arrangement", "Arrangement", "1 to 5", 1, 5),
}
TEXTS: dict[str, Knob] = {
    "keys": Knob("keys", "Messages", f"one a line, published in turn; at most {MOST_KEYS}", 1, MOST_KEYS),
    "bindings": Knob("bindings", "Bindings", f"one a line, each of a queue with a worker node of its own; at most {MOST_NODES}", 1, MOST_NODES),
}
KNOBS = {**NUMBERS, **TEXTS}
Check = Callable[[str], str]
"""What is wrong with a line, as a sentence; "" for nothing."""


def read(given: Mapping[str, str], offers: tuple[str, ...], before: Knobs, checks: Mapping[str, Check] = {}) -> tuple[Knobs, dict[str, str]]:
    """(the knobs with what was given for those that the pattern offers, {knob: what is wrong with it}). `checks`: of the lines of keys or bindings.

    >>> read({"nodes": "9", "rate": "2"}, ("nodes", "rate"), Knobs())[1]
    {'nodes': 'Enter a number from 1 to 5.'}
    """
    changed: dict[str, object] = {}
    problems: dict[str, str] = {}
    for name in offers:
        if name not in given:
            continue
        value, problem = _number(given[name], NUMBERS[name]) if name in NUMBERS else _lines(given[name], TEXTS[name], checks.get(name))
        if problem:
            problems[name] = problem
        else:
            changed[name] = value
    return msgspec.structs.replace(before, **changed), problems


def _number(text: str, knob: Knob) -> tuple[float, str]:
    """(the number, what is wrong with it): a whole one, but for the rate."""
    problem = f"Enter a number from {knob.least:g} to {knob.most:,.0f}."
    try:
        value = float(text)
    except ValueError:
        return 0, problem
    if not knob.least <= value <= knob.most:
        return 0, problem
    if knob.name == "rate":
        return value, ""
    return int(value), "" if value == int(value) else problem


def _lines(text: str, knob: Knob, check: Check | None) -> tuple[tuple[str, ...], str]:
    """(the lines, what is wrong with them)."""
    lines = tuple(line.strip() for line in text.splitlines() if line.strip())
    if not knob.least <= len(lines) <= knob.most:
        return lines, f"Enter {knob.least} to {knob.most} lines."
    if any(unicodedata.category(sign) == "Cc" for line in lines for sign in line):
        return lines, "A line has a control character, such as a tab."
    if check is not None and (wrong := next(filter(None, map(check, lines)), "")):
        return lines, wrong
    return lines, f"A line has at most {LONGEST_KEY} bytes." if any(len(line.encode()) > LONGEST_KEY for line in lines) else ""
