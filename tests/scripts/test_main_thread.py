"""What a page's main thread spent, read from a trace of Chromium."""

from __future__ import annotations

import json
from typing import Any

from script.bench_parts.main_thread import spent
from script.bench_parts.map_browser import varied

MARKS = ("request", "drawing", "end")


def event(name: str, tts: int, tdur: int | None = None, tid: int = 1) -> dict[str, Any]:
    """Of a thread, in microseconds of its processor time."""
    return {"name": name, "ph": "I" if tdur is None else "X", "pid": 9, "tid": tid, "ts": tts, "tts": tts, **({} if tdur is None else {"tdur": tdur})}


def trace(*events: dict[str, Any]) -> bytes:
    return json.dumps({"traceEvents": [{"name": "thread_name", "ph": "M", "pid": 9, "tid": 1, "ts": 0}, *events]}).encode()


def test_what_is_no_phase_of_the_browser_belongs_to_the_mark_before_it() -> None:
    marks = [event(name, at) for name, at in zip(MARKS, (1000, 5000, 9000), strict=True)]
    found = spent(trace(*marks, event("Layout", 6000, 2000), event("UpdateLayoutTree", 6500, 500), event("Paint", 8500, 4000), event("Layout", 20, 30)), MARKS)
    assert found == [{"request": 4.0, "drawing": 1.5, "layout": 1.5, "style": 0.5, "paint": 0.5, "all": 8.0}]


def test_other_threads_and_rounds_that_were_not_ended_do_not_count() -> None:
    rounds = [event(name, at) for name, at in zip(("request", "request", *MARKS[1:]), (0, 1000, 2000, 3000), strict=True)]
    assert spent(trace(*rounds, event("Layout", 1500, 400, tid=2)), MARKS) == [{"request": 1.0, "drawing": 1.0, "all": 2.0}]


def test_a_part_is_varied_in_its_figures_alone() -> None:
    found = json.loads(varied(json.dumps({"form": "1f", "nodes": [{"level": "ok", "lines": ["3 messages", "classic"]}], "rates": [None]})))
    (node,), (rate,) = found["nodes"], found["rates"]
    assert (found["form"], node["level"], node["lines"][1]) == ("1f", "ok", "classic") and rate is not None
    assert varied("<td>q3</td><td>3</td>").startswith("<td>q3</td><td>") and varied("<td>3.0</td>") != "<td>3.0</td>"
