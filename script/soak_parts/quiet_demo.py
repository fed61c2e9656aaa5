"""The second run of `script/soak quiet`: the healthy demo for an hour, in which the rules find nothing. Each finding is printed."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
LONG_SECONDS = 3600.0
START_SECONDS = 300.0
STOP_SECONDS = 60.0
LOOK_SECONDS = 2.0
ROUNDS_AT_LEAST_EVERY = 30.0
COLUMNS = ("minutes", "rules", "rounds", "findings", "rules that failed", "longest without a round")


class SeenFinding(NamedTuple):
    """A row of dashboard_finding, as far as a person needs it to understand what was found."""

    id: int
    rule: str
    level: str
    title: str
    opened_at: str
    closed_at: str | None

    @property
    def line(self) -> str:
        return f"{self.opened_at[:19]} to {(self.closed_at or 'the end')[:19]}: {self.level}, {self.rule}: {self.title}"


class Watched(NamedTuple):
    """`oldest_round_seconds`: how long ago that was, of the places that rules look at."""

    findings: list[SeenFinding]
    rules: int
    failed: set[str]
    oldest_round_seconds: float | None


def main(directory: Path, seconds: float | None) -> int:
    """The exit status: 1 if anything was found, or the rules did not look."""
    data = directory / "demo"
    environment = {**os.environ, "HARELINE_DATA_DIR": str(data)}
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "demo.log").open("wb") as log:
        demo = subprocess.Popen([ROOT / "script" / "demo"], env=environment, stdout=log, stderr=subprocess.STDOUT, cwd=ROOT, start_new_session=True)
    try:
        return report(watch(data / "hareline.sqlite3", LONG_SECONDS if seconds is None else seconds, demo))
    finally:
        demo.send_signal(signal.SIGTERM)
        try:
            demo.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(demo.pid, signal.SIGKILL)


class Outcome(NamedTuple):
    minutes: float
    rules: int
    rounds: int
    findings: list[SeenFinding]
    failed: set[str]
    longest_without: float


def watch(database: Path, seconds: float, demo: subprocess.Popen[Any]) -> Outcome:
    """From the first round of the rules on. Raises RuntimeError if there is none, or the demo ends."""
    began = _first_round(database, demo)
    seen: dict[int, SeenFinding] = {}
    failed: set[str] = set()
    rules, rounds, longest = 0, 0, 0.0
    while time.monotonic() - began < seconds:
        time.sleep(LOOK_SECONDS)
        if demo.poll() is not None:
            raise RuntimeError(f"the demo ended with {demo.returncode}")
        found = look(database)
        for one in found.findings:
            if one.id not in seen:
                print(f"soak: found after {(time.monotonic() - began) / 60:.1f} min: {one.line}", file=sys.stderr, flush=True)
            seen[one.id] = one
        failed |= found.failed
        rules, rounds = max(rules, found.rules), rounds + 1
        longest = max(longest, found.oldest_round_seconds or 0.0)
    return Outcome((time.monotonic() - began) / 60, rules, rounds, list(seen.values()), failed, longest)


def _first_round(database: Path, demo: subprocess.Popen[Any]) -> float:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if demo.poll() is not None:
            raise RuntimeError(f"the demo ended with {demo.returncode}")
        if database.exists() and look(database).rules:
            return time.monotonic()
        time.sleep(LOOK_SECONDS)
    raise RuntimeError(f"no rule had looked {START_SECONDS:.0f} s after the demo's start")


def look(database: Path) -> Watched:
    """What is stored now; nothing while the tables are not there yet."""
    try:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10) as link:
            findings = [SeenFinding(*row) for row in link.execute("SELECT id, rule, worst_level, title, opened_at, closed_at FROM dashboard_finding")]
            rounds = list(link.execute("SELECT at, rules, failed FROM dashboard_findinground"))
    except sqlite3.OperationalError:
        return Watched([], 0, set(), None)
    now = datetime.now(UTC)
    ages = [(now - datetime.fromisoformat(at).replace(tzinfo=UTC)).total_seconds() for at, _, _ in rounds]
    failed = {name.strip('"') for _, _, names in rounds for name in names.strip("[]").split(", ") if name}
    return Watched(findings, sum(rules for _, rules, _ in rounds), failed, max(ages, default=None))


def report(outcome: Outcome) -> int:
    """Prints the table. 1 if anything is wrong."""
    cells = (
        f"{outcome.minutes:.0f}",
        str(outcome.rules),
        f"looked at {outcome.rounds:,} times",
        str(len(outcome.findings)),
        ", ".join(sorted(outcome.failed)) or "none",
        f"{outcome.longest_without:.0f} s",
    )
    print(f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|", f"| {' | '.join(cells)} |", *(f"  {one.line}" for one in outcome.findings), sep="\n")
    return 1 if outcome.findings or outcome.failed or outcome.longest_without > ROUNDS_AT_LEAST_EVERY else 0
