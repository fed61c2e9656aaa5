"""`script/soak moved`: a million tasks and a day of history copied to PostgreSQL by `manage.py movedatabase`, once interrupted by a kill; then every answer
of the API must be the same from both databases."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from script.api_comparison import __main__ as comparison
from script.postgresql_server import PostgresServer

TASKS, QUEUES, HOURS = 1_000_000, 100, 24.0
KILLED_AFTER = "workers_worker:"  # the table before that of the tasks
COPIED_A_SECOND = 300_000
ROOT = Path(__file__).parents[2]


def main(directory: Path, tasks: int = TASKS, queues: int = QUEUES, hours: float = HOURS) -> int:
    """1 if an answer differs."""
    data = directory / "data"
    data.mkdir(parents=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HARELINE_", "DJANGO_"))}
    environment = kept | {"HARELINE_DATA_DIR": str(data), "HARELINE_LOG_LEVEL": "ERROR", "HARELINE_BROKERS": "bench=http://user:password@127.0.0.1:1"}
    environment |= {"HARELINE_RETENTION_TASKS": "100000000"}
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "script.soak_parts.moved_database", str(tasks), str(queues), str(hours)], cwd=ROOT, env=environment, check=True)
    note(f"made in {time.monotonic() - began:.0f} s, {sum(file.stat().st_size for file in data.glob('hareline.sqlite3*')) / 1e6:,.0f} MB")
    server = PostgresServer()
    try:
        server.start()
        move = [sys.executable, "manage.py", "movedatabase"]
        began = time.monotonic()
        killed = interrupted(move, environment, server.url(), tasks / COPIED_A_SECOND)
        subprocess.run(move, cwd=ROOT, env=environment, input=f"{server.url()}\n", text=True, stdout=subprocess.DEVNULL, check=True)
        note(f"moved in {time.monotonic() - began:.0f} s, {'killed once meanwhile' if killed else 'before it could be killed'}")
        moment = comparison.recorded_at(data / "hareline.sqlite3")
        before = comparison.answers_of(ROOT, environment, moment, "--more")
        after = comparison.answers_of(ROOT, environment | {"HARELINE_DATABASE_URL": server.url()}, moment, "--more")
    finally:
        server.remove()
    found, sentences = comparison.compared(before, after)
    refused = sum(status >= 400 for status, _ in before.values())
    broken = [call for answers in (before, after) for call, (status, _) in answers.items() if status >= 500]
    print(f"{len(before)} calls of the API ({refused} refused) on {tasks:,} tasks and {hours:g} h of {queues} queues, moved from SQLite to PostgreSQL:")
    print(f"{len(found)} places and {sentences} sentences differ, {len(broken)} calls failed", *broken[: comparison.SHOWN], sep="\n    ")
    for place, examples in sorted(found.items()):
        print(f"{place}: {len(examples)} times", *examples[: comparison.SHOWN], sep="\n    ")
    return 1 if found or sentences or broken or not killed else 0


def interrupted(command: list[str], environment: dict[str, str], url: str, seconds: float) -> bool:
    """Starts it and kills it when it has copied tasks for so long; False if it ended before."""
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        stdin, stdout = process.stdin, process.stdout
        if stdin and stdout:
            stdin.write(f"{url}\n")
            stdin.close()
            while line := stdout.readline():
                if line.startswith(KILLED_AFTER):
                    time.sleep(seconds)
                    break
            process.kill()
    return process.returncode != 0


def note(text: str) -> None:
    print(f"soak: moved: {text}", file=sys.stderr, flush=True)
