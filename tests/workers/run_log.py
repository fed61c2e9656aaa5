"""What tasks noted of their own runs, and between which durations that places what was measured of them. Pure.

One worker process runs them one after the other, so that a run started after the one before had ended, and had ended before the next began.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

Bounds = tuple[float, float]


class Run(NamedTuple):
    """One try of a task, in seconds since 1970."""

    uuid: str
    outcome: str
    begun_at: float
    ended_at: float


def runs_of(text: str) -> list[Run]:
    """In the order in which they ran."""
    found = [line.split() for line in text.splitlines()]
    return [Run(uuid, outcome, float(begun_at), float(ended_at)) for uuid, outcome, begun_at, ended_at in found]


def runtimes(runs: Sequence[Run], before: float, after: float) -> list[Bounds]:
    """(least, most) of each run that was not retried. `before`: a moment before the first could start; `after`: one when the last had ended."""
    ended = [before, *(run.ended_at for run in runs)]
    begun = [*(run.begun_at for run in runs[1:]), after]
    return [(run.ended_at - run.begun_at, begun[at] - ended[at]) for at, run in enumerate(runs) if run.outcome != "retried"]


def waits(runs: Sequence[Run], sent: Mapping[str, Bounds], before: float, countdown: float) -> list[Bounds]:
    """(least, most) from sending, or from the ETA of a second try, until each run started. `sent`: between which moments each was."""
    found, ready = [], dict(sent)
    for at, run in enumerate(runs):
        least, most = ready[run.uuid]
        found.append((max(0.0, (runs[at - 1].ended_at if at else before) - most), max(0.0, run.begun_at - least)))
        if run.outcome == "retried":
            ready[run.uuid] = (run.ended_at + countdown, runs[at + 1].begun_at + countdown)
    return found


def percentile(values: Iterable[float], percent: float) -> float:
    """The exact one, by the rank that DDSketch defines."""
    found = sorted(values)
    return found[int(percent / 100 * (len(found) - 1))]
