"""`script/soak noise`: the rules about queues over a day on a fast clock, with planted truth. Counts false, missed and flapping findings."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from script.soak_parts.noise_courses import DAY_SECONDS, POLL_SECONDS, Course, Planted, courses, recorded_courses

if TYPE_CHECKING:
    from brokers.models import Queue
    from dashboard.findings.facts import Facts

COLUMNS = ("course", "rule", "planted", "found", "missed", "false", "flapping", "after", "stays")
TOLERANCE_SECONDS = 120.0
"""What was planted is found if a finding begins by then, or was there at its end."""
DRAINS_SECONDS = 1800.0
"""So long after what was planted its backlog may still be found."""
START = datetime(2026, 11, 24, tzinfo=UTC)


class Score(NamedTuple):
    """`flapping`: findings beyond the first of the same planted time. Seconds: medians; None without any."""

    course: str
    rule: str
    planted: int
    found: int
    missed: int
    false: int
    flapping: int
    after_seconds: float | None
    stays_seconds: float | None


def main(directory: Path) -> int:
    """Prints the table of docs/findings.md; 1 if anything was missed, false or flapping."""
    os.environ |= {"DJANGO_SETTINGS_MODULE": "dashboard.settings", "HARELINE_DATA_DIR": str(directory)}
    import django

    django.setup()
    scores = [score for course in (*courses(DAY_SECONDS), *recorded_courses()) for score in scores_of(course)]
    print(table(scores))
    return 1 if any(one.missed or one.false or one.flapping for one in scores) else 0


def scores_of(course: Course) -> list[Score]:
    """One for each rule that can be replayed."""
    from dashboard.findings.replay import NUMBERS, REPLAYED, as_it_was, replay
    from dashboard.findings.rules import ALL
    from dashboard.findings.thresholds import Thresholds

    times = [START + timedelta(seconds=POLL_SECONDS * place) for place in range(len(course.numbers["ready"]))]
    queue, facts = course_queue(course), course_facts(times[-1])
    past = as_it_was(queue, times, {name: course.numbers[name] for name in NUMBERS})
    found = []
    for key in REPLAYED:
        spans = replay(ALL[key], facts, times, past, Thresholds(ALL.values(), (), "demo"))
        moments = [(_seconds(one.opened_at), _seconds(one.ended_at) if one.ended_at else None) for one in spans]
        found.append(score(course.name, key, [one for one in course.planted if one.rule == key], moments, course.allowed.get(key, ())))
    return found


def course_queue(course: Course) -> Queue:
    from brokers.models import Queue

    return Queue(pk=1, vhost="/", name=course.name, type="classic", state="running", arguments={}, effective_policy={})


def course_facts(now: datetime) -> Facts:
    from brokers.models import Broker
    from dashboard.findings.facts import Facts

    return Facts(now=now, broker=Broker(pk=1, name="demo", state=Broker.UP, since=START, polled_at=now, tried_at=now, poll_seconds=POLL_SECONDS))


def score(
    course: str, rule: str, planted: Sequence[Planted], spans: Sequence[tuple[float, float | None]], allowed: Iterable[Planted] = ()
) -> Score:  # fmt: skip
    """Compares (opened, closed) of findings with what was planted. Pure. `allowed`: what may be found and need not.

    >>> score("mail", "growing", [Planted("growing", 100, 500)], [(130, 560), (3000, 3050)])
    Score(course='mail', rule='growing', planted=1, found=1, missed=0, false=1, flapping=0, after_seconds=30, stays_seconds=60)
    """
    left = list(spans)
    found = flapping = 0
    after: list[float] = []
    stays: list[float] = []
    for one in planted:
        mine = [span for span in left if _belongs(span, one)]
        left = [span for span in left if span not in mine]
        if mine and min(span[0] for span in mine) <= max(one.begin + TOLERANCE_SECONDS, one.end):
            found += 1
            flapping += len(mine) - 1
            after.append(max(0.0, mine[0][0] - one.begin))
            if (ended := mine[-1][1]) is not None:
                stays.append(max(0.0, ended - one.end))
    false = [span for span in left if not any(_belongs(span, one) for one in allowed)]
    return Score(course, rule, len(planted), found, len(planted) - found, len(false), flapping, _median(after), _median(stays))


def _belongs(span: tuple[float, float | None], planted: Planted) -> bool:
    return planted.begin - POLL_SECONDS <= span[0] <= planted.end + DRAINS_SECONDS


def _median(values: Sequence[float]) -> float | None:
    return sorted(values)[len(values) // 2] if values else None


def _seconds(at: datetime) -> float:
    return (at - START).total_seconds()


def table(scores: Sequence[Score]) -> str:
    """As Markdown: a line for each course, and rule in which something was planted or found."""
    lines = [f"| {' | '.join(COLUMNS)} |", "|---|---|---:|---:|---:|---:|---:|---:|---:|"]
    for course in dict.fromkeys(one.course for one in scores):
        mine = [one for one in scores if one.course == course]
        shown = [one for one in mine if one.planted or one.false] or [mine[0]._replace(rule="all")]
        lines += [f"| {' | '.join(_cells(one))} |" for one in shown]
    return "\n".join(lines)


def _cells(one: Score) -> list[str]:
    numbers = (one.planted, one.found, one.missed, one.false, one.flapping)
    seconds = ["–" if value is None else f"{value:.0f} s" for value in (one.after_seconds, one.stays_seconds)]
    return [one.course, one.rule, *map(str, numbers), *seconds]
