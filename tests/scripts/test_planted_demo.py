"""`script/soak plants`: what it does with a demo's findings. The run itself takes an hour."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from script.soak_parts import planted_demo
from script.soak_parts.planted_demo import Outcome, Seen, measure, measured, others, row
from workers.demo.plants.catalog import PLANTS

KILLED = PLANTS["worker_killed"]
GONE = Seen("worker_gone", "thumbs@media-1", "critical", "thumbs@media-1 is gone", explained=False)
UNDER = Seen("growing", "thumbnails", "warning", "thumbnails is growing", explained=True)
OTHER = Seen("churn", "demo", "warning", "demo: connections come and go", explained=False)


class Demo:
    """Shows one list of findings after the other, and the last one from then on."""

    def __init__(self, *shown: list[Seen]) -> None:
        self._shown: Iterator[list[Seen]] = iter(shown)
        self._last: list[Seen] = []
        self.pressed: list[str] = []

    def press(self, plant: str, action: str) -> None:
        self.pressed.append(f"{plant} {action}")

    def open(self) -> list[Seen]:
        self._last = next(self._shown, self._last)
        return self._last


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOOK_SECONDS", "QUIET_SECONDS", "FIND_SECONDS", "CLEAR_SECONDS", "STAYS_SECONDS"):
        monkeypatch.setattr(planted_demo, name, 0.0)


def test_a_plant_that_is_found_and_cleared_has_the_others_that_were_found_beside_it() -> None:
    demo = Demo([], [GONE, UNDER], [GONE, OTHER], [])
    outcome = measure(demo, KILLED)  # type: ignore[arg-type]  # what it needs of a visitor
    assert demo.pressed == ["worker_killed start", "worker_killed end"]
    assert (outcome.found, outcome.others, outcome.note) == (GONE, [OTHER], "")
    assert outcome.found_seconds is not None and outcome.closed_seconds is not None and outcome.quiet_seconds is not None
    assert outcome.failed and row(outcome).endswith("| demo: connections come and go (churn) | 0 s | 0 s |")


def test_what_was_open_before_is_named_and_no_other_of_the_plant() -> None:
    outcome = measure(Demo([OTHER], [GONE, OTHER], [GONE, OTHER], [OTHER]), KILLED)  # type: ignore[arg-type]
    assert (outcome.others, outcome.note, outcome.failed) == ([], "open before: churn", False)


def test_what_explains_itself_or_belongs_to_the_plant_is_no_other() -> None:
    queue = Seen("no_consumer", "thumbnails", "critical", "nobody consumes thumbnails", explained=False)
    assert others(KILLED, [GONE, UNDER, queue]) == []


def test_one_that_is_never_found_fails_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert measured(Demo([]), ["worker_killed"]) == 1  # type: ignore[arg-type]
    assert "| A worker is killed | not found | never | – | 0 s | 0 s |" in capsys.readouterr().out
    assert not Outcome(KILLED, GONE, 3.0, [], 5.0, 9.0).failed


def test_the_document_lists_every_plant_measured_or_not() -> None:
    rows = (Path(__file__).parents[2] / "docs" / "findings.md").read_text(encoding="utf-8").partition("| plant |")[2].splitlines()
    assert sorted(row.split(" | ")[0].removeprefix("| ") for row in rows if row.startswith("| ")) == sorted(plant.name for plant in PLANTS.values())
