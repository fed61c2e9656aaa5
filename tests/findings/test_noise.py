"""No noise: hours of a fast clock, in which the rules about queues find what was planted and nothing else. A whole day: `script/soak noise`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from script.soak_parts.noise import Score, score, scores_of, table
from script.soak_parts.noise_courses import HOUR, Course, Planted, courses, recorded_courses, shapes

KNOWN_NOISE = ("batches of 600 messages every 30 min",)
"""What rules report though it is none, counted in docs/findings.md."""


@cache  # every process imports this module, and one runs it
def known() -> dict[str, Course]:
    return {course.name: course for course in courses(5 * HOUR)}


@pytest.mark.parametrize("name", [shape.name for shape in shapes() if shape.name not in KNOWN_NOISE])
def test_what_was_planted_is_found_once_and_nothing_else(name: str) -> None:
    for one in scores_of(known()[name]):
        assert (one.missed, one.false, one.flapping) == (0, 0, 0), one


def test_recorded_queues_of_a_healthy_demo_have_one_finding_of_a_burst_at_most() -> None:
    recorded = recorded_courses()
    assert recorded
    false = [(one.course, one.rule, one.false) for course in recorded for one in scores_of(course) if one.false]
    assert false in ([], [("recorded: mail", "growing", 1)])  # a burst of 160 mails that is gone after 20 s, counted in docs/findings.md


def test_a_recording_that_is_missing_has_no_courses(tmp_path: Path) -> None:
    assert recorded_courses(tmp_path / "none") == []


def test_courses_are_the_same_each_time() -> None:
    assert courses(600.0) == courses(600.0) and courses(600.0) != courses(600.0, seed=2)


PLANTED = [Planted("growing", 1000, 2000)]


@pytest.mark.parametrize(
    ("spans", "missed", "false", "flapping"),
    [
        ([], 1, 0, 0),
        ([(1030.0, 2060.0)], 0, 0, 0),
        ([(1030.0, None)], 0, 0, 0),
        ([(1030.0, 1200.0), (1300.0, 2060.0)], 0, 0, 1),
        ([(100.0, 200.0)], 1, 1, 0),
        ([(1030.0, 2060.0), (9000.0, 9010.0)], 0, 1, 0),
        ([(3000.0, 3100.0)], 1, 0, 0),
    ],
)
def test_findings_are_compared_with_what_was_planted(spans: list[tuple[float, float | None]], missed: int, false: int, flapping: int) -> None:
    found = score("mail", "growing", PLANTED, spans)
    assert (found.missed, found.false, found.flapping) == (missed, false, flapping)


def test_what_is_allowed_is_not_false() -> None:
    assert score("mail", "growing", [], [(1030.0, 2060.0)], PLANTED).false == 0
    assert score("mail", "growing", [], [(1030.0, 2060.0)]).false == 1


def test_the_table_has_a_line_for_each_course() -> None:
    text = table(
        [Score("a", "growing", 0, 0, 0, 0, 0, None, None), Score("b", "growing", 1, 1, 0, 0, 0, 20, 60), Score("b", "stuck", 0, 0, 0, 0, 0, None, None)]
    )
    assert text.splitlines()[2:] == ["| a | all | 0 | 0 | 0 | 0 | 0 | – | – |", "| b | growing | 1 | 1 | 0 | 0 | 0 | 20 s | 60 s |"]


def test_a_course_has_a_number_for_each_poll() -> None:
    course = courses(60.0)[0]
    assert isinstance(course, Course) and {len(values) for values in course.numbers.values()} == {12}
