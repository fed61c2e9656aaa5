"""`script/bench`: its table, and parts that are cheap enough to run small."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from script.bench_parts.__main__ import ON_REQUEST, PARTS, QUICK, line
from script.bench_parts.rounds import middle
from script.bench_parts.rows import at_least, at_most, percentile
from script.bench_parts.task_events import EVENTS_A_TASK, numbered, task_ids, templates
from workers.receiving.events import parse

ROOT = Path(__file__).parent.parent.parent


def test_a_row_shows_beside_its_peer_whether_the_goal_is_met() -> None:
    row = {"what": "a poll", "ours": "2 ms", "peer": "rows: 9 ms", "times": 4.5, "goal": "≤ 1 ms", "of_goal": 0.5}
    assert line(row) == "| a poll | 2 ms | rows: 9 ms | 4.5 | ≤ 1 ms | 0.50 | **no** |\n"
    assert line({**row, "of_goal": 1.0}) == "| a poll | 2 ms | rows: 9 ms | 4.5 | ≤ 1 ms | 1.00 | yes |\n"
    assert line({**row, "of_goal": None}) == "| a poll | 2 ms | rows: 9 ms | 4.5 | ≤ 1 ms |  | not measured |\n"
    assert line({**row, "times": None, "goal": "", "of_goal": None}) == "| a poll | 2 ms | rows: 9 ms |  |  |  | no goal |\n"


def test_how_much_of_a_goal_was_reached_is_one_where_it_was_just_met() -> None:
    assert [at_least(4, value) for value in (2.0, 4.0, None)] == [("≥ 4x", 0.5), ("≥ 4x", 1.0), ("≥ 4x", None)]
    assert [at_most(2, value, " s")[1] for value in (1.0, 2.0, 4.0, float("inf"))] == [2.0, 1.0, 0.5, 0.0]


def test_of_several_rounds_each_row_is_the_middle_one() -> None:
    def row(ours: str, times: float | None, what: str = "a poll", peer: str = "rows: 9 ms") -> dict[str, Any]:
        return {"what": what, "ours": ours, "peer": peer, "times": times, "goal": "", "of_goal": None}

    alone = row("1,200 ms (half: 7)", None, "a page")
    rounds = [[row("2 ms", 4.5), alone], [row("9 ms", 1.0), row("90 ms", None, "a page")], [row("3 ms", 3.0), row("2,000 ms", None, "a page")]]
    assert middle(rounds) == [row("3 ms", 3.0) | {"spread": (1.0, 4.5)}, alone | {"spread": None}]
    assert middle([[row("1 ms", 2.0), row("1 ms", 3.0, peer="logs: 3 ms")]]) == [
        row("1 ms", 2.0) | {"spread": None},
        row("1 ms", 3.0, peer="logs: 3 ms") | {"spread": None},
    ]
    assert line(middle(rounds)[0]) == "| a poll | 3 ms | rows: 9 ms | 3.0 (1.0–4.5) |  |  | no goal |\n"


def test_quick_has_options_for_every_part() -> None:
    assert PARTS.keys() <= QUICK.keys() <= PARTS.keys() | ON_REQUEST.keys()


def test_a_percentile_is_a_value_that_was_measured() -> None:
    assert [percentile([4.0, 1.0, 3.0, 2.0], percent) for percent in (0, 50, 99, 100)] == [1.0, 3.0, 4.0, 4.0]


def test_every_part_is_a_program_and_an_unknown_one_is_named() -> None:
    assert all((ROOT / "script" / "bench_parts" / f"{part}.py").is_file() for part in PARTS)
    done = subprocess.run([sys.executable, "-m", "script.bench_parts", "colour"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no part colour; there are routing, " in done.stderr


def test_messages_with_other_numbers_are_of_other_tasks() -> None:
    made = templates(20, random.Random(1))
    found = [task_ids(numbered(made, number)) for number in (0, 1, 255)]
    assert [len(ids) for ids in found] == [20, 20, 20]
    assert len(set().union(*found)) == 60
    events = [event for body in numbered(made, 3) for event in parse(body).events]
    assert Counter(event.uuid for event in events) == dict.fromkeys(task_ids(numbered(made, 3)), EVENTS_A_TASK)
    assert all(event.root_id in (None, event.uuid) for event in events)


@pytest.mark.parametrize(
    ("part", "options"),
    [
        ("intake", ["--tasks", "600", "--long", "600", "--rounds", "1", "--alone"]),
        ("history", ["--queues", "50", "--polls", "70"]),
    ],
)
@pytest.mark.nightly
def test_a_part_prints_rows_with_what_was_measured(part: str, options: list[str]) -> None:
    command = [sys.executable, "-m", f"script.bench_parts.{part}", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=400, check=True)
    rows = [row for row_line in done.stdout.splitlines() for row in json.loads(row_line)["rows"]]
    assert len(rows) >= 4
    assert all(row["what"] and row["ours"] for row in rows)
