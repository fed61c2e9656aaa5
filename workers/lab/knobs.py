"""What a person can change while an experiment runs, and its bounds. Pure."""

from __future__ import annotations

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
    """A knob as a field of a form."""

    name: str
    label: str
    hint: str
    least: float = 0
    most: float = 0


NUMBERS: dict[str, Knob] = {
    "nodes": Knob("nodes", "Worker nodes", f"1 to {MOST_NODES}", 1, MOST_NODES),
    "processes": Knob("processes", "Concurrency", "processes of each node, 1 to 4", 1, 4),
    "prefetch": Knob("prefetch", "Prefetch", "messages taken ahead for each process, 1 to 50", 1, 50),
    "rate": Knob("rate", "Messages per second", "0.2 to 20", 0.2, 20),
    "work_ms": Knob("work_ms", "Work per message (ms)", "0 to 2,000", 0, 2000),
    "arrangement": Knob("arrangement", "Arrangement", "1 to 5", 1, 5),
}
TEXTS: dict[str, Knob] = {
    "keys": Knob("keys", "Messages", f"one a line, published in turn; at most {MOST_KEYS}"),
    "bindings": Knob("bindings", "Bindings", f"one a line, each of a queue with a worker node of its own; at most {MOST_NODES}"),
}
KNOBS = {**NUMBERS, **TEXTS}


def read(given: Mapping[str, str], offers: tuple[str, ...], before: Knobs, check: Callable[[str], str] = lambda line: "") -> tuple[Knobs, dict[str, str]]:
    """(the knobs with what was given for those that the pattern offers, {knob: what is wrong with it}). `check`: what is wrong with a line of keys or
    bindings.

    >>> read({"nodes": "9", "rate": "2"}, ("nodes", "rate"), Knobs())[1]
    {'nodes': 'Enter a number from 1 to 5.'}
    """
    changed: dict[str, object] = {}
    problems: dict[str, str] = {}
    for name in offers:
        if name not in given:
            continue
        if name in NUMBERS:
            value = _number(given[name], NUMBERS[name])
            if value is None:
                problems[name] = f"Enter a number from {NUMBERS[name].least:g} to {NUMBERS[name].most:,.0f}."
            else:
                changed[name] = value if name == "rate" else int(value)
        else:
            lines = tuple(line.strip() for line in given[name].splitlines() if line.strip())
            most = MOST_KEYS if name == "keys" else MOST_NODES
            wrong = next((found for line in lines if (found := check(line))), "")
            if not 1 <= len(lines) <= most:
                problems[name] = f"Enter 1 to {most} lines."
            elif any(len(line.encode()) > LONGEST_KEY for line in lines) or wrong:
                problems[name] = wrong or f"A line has at most {LONGEST_KEY} bytes."
            else:
                changed[name] = lines
    return msgspec.structs.replace(before, **changed), problems


def _number(text: str, knob: Knob) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if knob.least <= value <= knob.most and (knob.name == "rate" or value == int(value)) else None
