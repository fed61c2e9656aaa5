"""What a page's main thread spent between its marks, by phase, from a trace of Chromium. Pure.

The times are processor time of that thread, so another program on the machine changes them little.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

CATEGORIES = ("devtools.timeline", "disabled-by-default-devtools.timeline", "blink.user_timing")
HTML, STYLE, LAYOUT, PAINT, GARBAGE, ALL = "HTML", "style", "layout", "paint", "garbage collection", "all"
_PHASES: Mapping[str, str] = {
    "ParseHTML": HTML,
    "UpdateLayoutTree": STYLE,
    "Layout": LAYOUT,
    **dict.fromkeys(("PrePaint", "Paint", "Layerize", "Commit"), PAINT),
    **dict.fromkeys(("MinorGC", "MajorGC"), GARBAGE),
}
"""By the names of events as Chromium's own performance panel has them."""

Event = Mapping[str, Any]


def spent(trace: bytes, marks: Sequence[str]) -> list[dict[str, float]]:
    """For each time that the page set these `performance.mark`s one after the other: {phase: milliseconds}. Beside the browser's phases each mark but the last
    names what else was done until the next one, which is mostly script; ALL is everything from the first mark to the last."""
    events: list[Event] = json.loads(trace)["traceEvents"]
    found = sorted((event for event in events if event["name"] in marks and "tts" in event), key=lambda event: event["ts"])
    rounds = [found[at : at + len(marks)] for at in range(len(found)) if [event["name"] for event in found[at : at + len(marks)]] == list(marks)]
    return [_between(events, marked) for marked in rounds]


def _between(events: Iterable[Event], marked: Sequence[Event]) -> dict[str, float]:
    first, end = marked[0], marked[-1]["tts"]
    thread = (first["pid"], first["tid"])
    ours = [event for event in events if event["name"] in _PHASES and (event["pid"], event["tid"]) == thread and first["tts"] <= event.get("tts", -1) < end]
    found: defaultdict[str, float] = defaultdict(float)
    for before, after in pairwise(marked):
        found[before["name"]] += (after["tts"] - before["tts"]) / 1000
    for event, own in _own_times([event for event in ours if "tdur" in event], end):
        found[_PHASES[event["name"]]] += own / 1000
        last = next(mark for mark in reversed(marked) if mark["tts"] <= event["tts"])
        found[last["name"]] -= own / 1000
    return {**{phase: max(0.0, value) for phase, value in found.items()}, ALL: (end - first["tts"]) / 1000}


def _own_times(events: Iterable[Event], end: float) -> Iterator[tuple[Event, float]]:
    """Each event with the microseconds that no event inside it has, none of them after the end."""
    around: list[tuple[Event, float]] = []
    for event in sorted(events, key=lambda event: (event["tts"], -event["tdur"])):
        while around and event["tts"] >= around[-1][0]["tts"] + around[-1][0]["tdur"]:
            yield around.pop()
        took = min(event["tdur"], end - event["tts"])
        if around:
            around[-1] = (around[-1][0], around[-1][1] - took)
        around.append((event, took))
    yield from around
