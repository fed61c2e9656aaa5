"""The fault of `script/soak kills`: every process is killed at random, the broker's node too, and what must be as before afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from script.soak_parts.pages import page_problems
from script.soak_parts.run import Run
from script.soak_parts.stack import COMMANDS

TARGETS = ("web", *COMMANDS, "broker")
LONG_SECONDS = 600.0
LONGEST_PAUSE = 5.0


def kills(run: Run, seconds: float | None = None) -> None:
    """Each is started again at once, as its supervisor would. Afterwards all pages answer, and nothing is left over at the broker or on the disk."""
    seconds = LONG_SECONDS if seconds is None else seconds
    before = traces(run)
    ends = time.monotonic() + seconds
    due: list[str] = []
    back = run.return_seconds
    with run.observer.phase(grace_seconds=back), run.observer.phase("web", grace_seconds=back):
        while due or time.monotonic() < ends:
            if not due and seconds_left(ends) > 0:
                due = run.rng.sample(TARGETS, len(TARGETS))
            kill(run, due.pop())
            time.sleep(run.rng.uniform(0.05, 1.0) * min(LONGEST_PAUSE, seconds / len(TARGETS) / 2))
    until_quiet(lambda: [*run_problems(run), *growth(before, traces(run))], run)


def seconds_left(ends: float) -> float:
    return ends - time.monotonic()


def kill(run: Run, target: str) -> None:
    if target == "broker":
        run.node.kill()
        run.probe.set_uncertain()
        run.node.start(keep_ports=True)
        run.probe.set_uncertain()
    else:
        run.stack.kill(target)
        run.stack.start_process(target)


def run_problems(run: Run) -> list[str]:
    """Pages that don't answer as they should, and parts that are not ready."""
    status, answer = run.stack.get("/readyz")
    return ([] if status == 200 else [f"/readyz is {status}: {answer}"]) + page_problems(run.stack)


def traces(run: Run) -> dict[str, int]:
    """What grows if something is left behind: our queues and connections at the broker, files in the data directory."""
    queues = [queue["name"] for queue in run.node.api("GET", "queues")]
    files = [path for path in Path(run.stack.directory).rglob("*") if path.is_file()]
    return {
        "queues of Hareline's": sum(name.startswith("hareline.") for name in queues),
        "files in the data directory": len(files),
    }


def growth(before: Mapping[str, int], after: Mapping[str, int]) -> list[str]:
    """Sentences on what is more than before. Pure.

    >>> growth({"files": 3}, {"files": 5})
    ['5 files, before the kills 3']
    """
    return [f"{after[name]} {name}, before the kills {before[name]}" for name in before if after[name] > before[name]]


def until_quiet(problems: Callable[[], list[str]], run: Run) -> None:
    """Notes what is still wrong after the time that everything may take to be back."""
    deadline = time.monotonic() + run.back_seconds
    while found := problems():
        if time.monotonic() > deadline:
            for text in found:
                run.observer.seen.note("not back", text)
            return
        time.sleep(0.5)
