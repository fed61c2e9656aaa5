"""Measures explanations in a virtual host whose topic exchange has 10,000 bindings, against trying a compiled regex for each, in the same run.

`.venv/bin/python -m script.bench_parts.routing [--bindings 10000] [--seconds 1]`; needs no broker. No peer explains, so the scan is the nearest.
"""

from __future__ import annotations

import argparse
import random
import re
import time
from collections.abc import Callable, Sequence
from typing import Any

from brokers.routing.definitions import MOST_BINDINGS
from brokers.routing.explanation import explain
from brokers.routing.refusals import Message
from brokers.routing.route import route
from brokers.routing.virtual_host import VirtualHostRouter
from script.bench_parts.rows import Row, at_least, at_most, emit, percentile

QUEUES = 500
REGIONS = ("eu", "us", "asia", "africa")
EVENTS = ("created", "paid", "sent", "returned", "cancelled")
EXPLANATION_GOAL_MS, OUTCOME_GOAL_PER_SECOND = 5, 2_000


def patterns(count: int) -> list[str]:
    """Binding keys as shops have them: most name a customer, some take every event or region."""
    found = [f"order.{number // len(REGIONS)}.{EVENTS[number % len(EVENTS)]}.{REGIONS[number % len(REGIONS)]}" for number in range(count)]
    for place in range(0, count, 50):
        words = found[place].split(".")
        words[1 + place % 3] = "*"
        found[place] = ".".join(words)
    for place in range(25, count, 500):
        found[place] = f"order.{place}.#"
    return found


def keys(count: int, bindings: int) -> list[str]:
    """Those that customers of the bindings would send, and one in ten that fits nothing."""
    chosen = random.Random(7)  # noqa: S311  (the same in every run, and no secret)
    return [
        f"{'order' if chosen.random() < 0.9 else 'invoice'}.{chosen.randrange(bindings // len(REGIONS))}.{chosen.choice(EVENTS)}.{chosen.choice(REGIONS)}"
        for _ in range(count)
    ]


def as_regex(pattern: str) -> re.Pattern[str]:
    """The pattern as a regular expression over the key with a dot before each word."""
    words = {"*": r"\.[^.]*", "#": r"(?:\.[^.]*)*"}
    return re.compile("".join(words.get(word, re.escape(f".{word}")) for word in pattern.split(".")))


def per_second(work: Callable[[str], Any], keys_sent: Sequence[str], seconds: float) -> float:
    """How often it was done in so many seconds of CPU, which other programs don't lengthen."""
    done, started = 0, time.process_time()
    while (passed := time.process_time() - started) < seconds:
        work(keys_sent[done % len(keys_sent)])
        done += 1
    return done / passed


def definitions_of(found: Sequence[str]) -> dict[str, Any]:
    rows = [{"source": "orders", "destination": f"q{number % QUEUES}", "destination_type": "queue", "routing_key": key} for number, key in enumerate(found)]
    return {"exchanges": [{"name": "orders", "type": "topic"}], "queues": [{"name": f"q{number}"} for number in range(QUEUES)], "bindings": rows}


def scan_of(found: Sequence[str]) -> Callable[[str], list[str]]:
    """The queues of a routing key, by trying the regex of each of these bindings."""
    regexes = [(as_regex(key), f"q{number % QUEUES}") for number, key in enumerate(found)]
    return lambda key: sorted({queue for regex, queue in regexes if regex.fullmatch(f".{key}")})


def measured(bindings: int, seconds: float) -> list[Row]:
    found = patterns(bindings)
    definitions = definitions_of(found)
    started = time.process_time()
    router = VirtualHostRouter.from_definitions(definitions)
    explain(router, Message("orders", "order.1.paid.eu"))
    ready = time.process_time() - started
    scanned = scan_of(found)
    keys_sent = keys(500, bindings)
    for key in keys_sent[:50]:
        if scanned(key) != route(router, Message("orders", key)).queues:
            raise SystemExit(f"the index and the scan differ for {key}")
    took = []
    for key in keys_sent:
        started = time.process_time()  # of this process alone: other programs share the machine
        explain(router, Message("orders", key))
        took.append((time.process_time() - started) * 1000)
    outcomes = per_second(lambda key: route(router, Message("orders", key)), keys_sent, seconds)
    scans = per_second(scanned, keys_sent, seconds)
    worst = percentile(took, 99)
    of = f"{bindings:,} topic bindings"
    return [
        Row(f"one explanation, {of}", _timing_text(took), "", None, *at_most(EXPLANATION_GOAL_MS, worst, " ms")),
        Row(f"outcomes a CPU second, {of}", f"{outcomes:,.0f}", f"a regex for each binding: {scans:,.0f}", outcomes / scans,
            *at_least(OUTCOME_GOAL_PER_SECOND, outcomes, "")),
        Row(f"reading the definitions and the first explanation, {of}", f"{ready:.2f} s"),
    ]  # fmt: skip


def largest(bindings: int) -> Row:
    """With the most bindings that definitions may hold, every answer of some compared with a scan."""
    found = patterns(bindings)
    router = VirtualHostRouter.from_definitions(definitions_of(found))
    explain(router, Message("orders", "order.1.paid.eu"))
    scanned, keys_sent = scan_of(found), keys(100, bindings)
    compared = keys_sent[:10]
    right = sum(explain(router, Message("orders", key)).queues == scanned(key) for key in compared)
    took = []
    for key in keys_sent:
        started = time.process_time()
        explain(router, Message("orders", key))
        took.append((time.process_time() - started) * 1000)
    return Row(f"one explanation, {bindings:,} topic bindings", _timing_text(took), "", None, "answers as a scan", right / len(compared))


def _timing_text(took: list[float]) -> str:
    return f"{percentile(took, 50):.2f} ms (99 %: {percentile(took, 99):.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bindings", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=1.0)
    options = parser.parse_args()
    emit(*measured(options.bindings, options.seconds))
    if options.bindings >= 10_000:
        emit(largest(MOST_BINDINGS))


if __name__ == "__main__":
    main()
