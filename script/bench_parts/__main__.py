"""Runs the parts, each in a process of its own, and prints their rows as a table: `.venv/bin/python -m script.bench_parts [--quick] [PART …]`.

Without a part all of them run three times, and docs/benchmarks.md is written with the medians. `--quick` runs each once and small, and only prints.
`script/bench` does this after setting everything up.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from script.bench_parts.rounds import middle
from script.rabbitmq_machine import find_server

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "benchmarks.md"
PARTS = {
    "routing": "Explaining where a message goes",
    "intake": "Taking Celery’s events in",
    "tasks": "Tasks, a million of them",
    "task_statistics": "Statistics of tasks",
    "history": "History",
    "fanout": "Many viewers",
    "reconnect": "Many viewers who come back at once",
    "queues": "A broker with 10,000 queues",
    "first_page": "The first page of a visit",
    "findings": "Looking for what is wrong",
}
ON_REQUEST = {"scaling": "How costs grow", "map": "The map of a broker with 10,000 queues"}
"""Not among those that run without a name: docs/scaling.md is written from the first; the second has not been run in full yet."""
QUICK = {
    "routing": ("--bindings", "2000", "--seconds", "0.3"),
    "intake": ("--tasks", "12000"),
    "tasks": ("--tasks", "40000"),
    "task_statistics": ("--names", "100"),
    "history": ("--queues", "2000", "--polls", "180", "--days", "2"),
    "fanout": ("--viewers", "300", "--rounds", "5"),
    "reconnect": ("--viewers", "100"),
    "queues": ("--queues", "1500", "--polls", "6", "--cell-seconds", "30"),
    "first_page": (),
    "findings": ("--queues", "1500", "--workers", "80", "--tasks", "20000", "--rounds", "8"),
    "map": ("--queues", "500", "--peer-seconds", "10"),
}
"""Options of each part that make all of them take some two minutes: figures to compare two versions by, not those of the goals, which are for other sizes."""
ROUNDS = 3
PART_SECONDS = 1800
TABLE_HEAD = "| what | Hareline | the peer, in the same run | times better | goal | of the goal | met |\n|---|---|---|---|---|---|---|\n"
INTRODUCTION = """# Benchmarks

Written by `script/bench`, which runs everything here on one machine, each row beside its peer; `script/bench PART` runs one part alone. Compare by ratio:
absolute figures drift with the machine and what else it does. "CPU" is the time of the process alone. Where no peer does the same, its column is empty.
Of several rounds each row is the median, with the least and the most times that it was better in brackets. "Of the goal" is how much of it was reached: 1 and
more is all of it.
"""
METHOD = """
## How it is measured
- **routing**: 10,000 (and 100,000) topic bindings of a shop; the peer is a compiled regular expression for each binding, tried one after the other.
- **intake**: messages as Celery's workers send them (3 events a task, 1 to 5 a message), 120,000 events a round, the median of three rounds in which all take
  turns. Ours are assessed and stored in SQLite or PostgreSQL and searchable, as under load (20,000 events a transaction); Celery's `State` and Flower's
  `EventsState` keep theirs in memory only (10,000 and 100,000 tasks at most). Beside these two, messages are handed over without the broker's part; beside
  decoding alone (py-amqp, msgspec's own types, acknowledgements) they wait in a queue of a real RabbitMQ. CPU is that of the process; what PostgreSQL's
  server needs is named.
- **tasks**: pages as Django makes them, each against Flower's table of tasks (its search), while another process stores 2,000 events a second into the same
  database: SQLite, and a private server of PostgreSQL, whose processor time is not in that of the page, with the tasks of seven days in as many partitions.
  `.venv/bin/python -m script.bench_parts.tasks --engine postgresql --tasks 10000000` measures ten million of them.
- **task_statistics**: pages and calls as Django makes them, of a thousand task names that all ran in every minute, hour and day that is kept of 30 days,
  in SQLite: more rows than any real database of as many names has. The next viewer reads what is kept of the first one’s answer.
- **history**: an hour of polls every 5 seconds; the peer is a row for each queue that changed, in SQLite, and VictoriaMetrics or Prometheus, where one is
  installed, with every number of every poll. Then copies of that hour under a bound of 50 MB, and 90 simulated days of 100 queues through all tiers. Every
  answer is compared with the generator. Ours counts by the processor time of the process, theirs by that of their server. A queue's hour and day are read of
  30 queues that change, by both in turns, in seven rounds, the median of which counts; frames that are not packed yet are kept from the round before, as they
  are in a web process. `.venv/bin/python -m script.bench_parts.history --engine postgresql` reads from PostgreSQL, and counts its server's processor time.
- **fanout**: one web server, one patch to 1,000 sockets, against the in-memory channel layer. The program of the sockets shares the machine; it does no more
  for a frame than to find its end and its time.
- **reconnect**: the web process is killed and started anew while 300 and 1,000 pages are open; the time begins when it listens, and ends when the last
  page has the state of its 50 rows. The pages' program shares the machine.
- **queues**: a RabbitMQ node of its own. Pages: each against RabbitMQ's list by depth, with a save of the broker before every fifth read, as polls do,
  after which the web process works out in the background what the pages share, as it does while anybody's page is live.
  Broker CPU is that of its process less what it needs without requests; what is read more rarely than depths counts by its share of a poll, while nothing
  changes. The time to the cell begins with the broker's answer, and holds reading, storing and the socket of a real web process, with a poller of its own;
  a binding is added every 10 s, so that bindings are read as often as their budget allows.
- **findings**: all rules look at one broker after a poll: a tenth of the queues changed, every worker sent a heartbeat, a thousand tasks ended; twenty queues
  hold messages that nobody consumes, twenty workers were killed. Processor time of the thread, reading and storing included; the median of rounds.
- **map**: a real node with five bindings of each queue, and pages as a real Chromium loads and draws them, its cache empty; from the request to the first
  drawing, from the click to the next, each after a save of the broker as polls do. A tick fetches the part of the drawing with every figure changed at random;
  what it costs is the processor time of the page’s main thread until two frames later, from a trace: the request, putting the answer in place, the drawing,
  style, layout and paint. The peer arranges the whole graph in Node.js and is ended after a minute.
- **first_page**: Chromium's own count of the bytes that an empty cache has to load, as the web process compresses them.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS | ON_REQUEST))
    parser.add_argument("--quick", action="store_true", help="once and small, in some two minutes; written nowhere")
    parser.add_argument("--rounds", type=int, help=f"of each part; the middle one counts ({ROUNDS} where all parts run, else 1)")
    options = parser.parse_args()
    wanted, rounds = options.parts, options.rounds or (ROUNDS if not options.parts and not options.quick else 1)
    if unknown := [part for part in wanted if part not in PARTS | ON_REQUEST]:
        parser.error(f"there is no part {unknown[0]}; there are {', '.join(PARTS | ON_REQUEST)}")
    started, load = datetime.now(UTC), os.getloadavg()[0]
    text = ""
    for part in wanted or PARTS:
        began, small = time.monotonic(), QUICK.get(part, ()) if options.quick else ()
        rows = middle([run(part, small) for _ in range(rounds)])
        how = f"quick, so other sizes than the goals’: `{' '.join(small)}`, " if options.quick else f"median of {rounds} rounds, " if rounds > 1 else ""
        seconds = time.monotonic() - began
        section = f"\n## {(PARTS | ON_REQUEST)[part]}\n`script/bench {part}` ({how}{seconds:.0f} s)\n\n{TABLE_HEAD}{''.join(map(line, rows))}"
        print(section, flush=True)
        text += section
    if not wanted and not options.quick:
        PAGE.write_text(INTRODUCTION + machine(started, load) + text + METHOD, encoding="utf-8")
        print(f"written: {PAGE.relative_to(ROOT)}", file=sys.stderr)


def run(part: str, options: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The part's rows. A part that fails ends everything."""
    print(f"bench: {part}", file=sys.stderr, flush=True)
    done = subprocess.run([sys.executable, "-m", f"script.bench_parts.{part}", *options], cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=PART_SECONDS)
    return [row for line in done.stdout.splitlines() for row in json.loads(line)["rows"]]


def line(row: dict[str, Any]) -> str:
    times = ratio(row["times"]) if row["times"] else ""
    if spread := row.get("spread"):
        times += f" ({ratio(spread[0])}–{ratio(spread[1])})"
    reached = row["of_goal"]
    of_goal, met = (f"{reached:.2f}", "yes" if reached >= 1 else "**no**") if reached is not None else ("", "not measured" if row["goal"] else "no goal")
    return f"| {row['what']} | {row['ours']} | {row['peer']} | {times} | {row['goal']} | {of_goal} | {met} |\n"


def ratio(times: float) -> str:
    """With two digits at least.

    >>> ratio(12.345), ratio(0.0068)
    ('12.3', '0.0068')
    """
    return f"{times:.1f}" if times >= 1 else f"{times:.2g}"


def machine(started: datetime, load: float) -> str:
    """What it ran on."""
    processors = [row.partition(":")[2].strip() for row in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if row.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = ", ".join(f"{name} {version(name)}" for name in ("celery", "kombu", "Django", "channels", "daphne"))
    rabbitmq = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "rabbitmq-server"], capture_output=True, text=True, check=False).stdout.strip()
    named = rabbitmq or Path(find_server()).name
    return (
        f"\nRun on {started:%Y-%m-%d %H:%M} UTC: {len(processors)} × {processors[0] if processors else platform.machine()}, {memory:.0f} GB, "
        f"{platform.system()} {platform.release()}, load {load:.1f} before the run. Python {platform.python_version()}, RabbitMQ {named}, {packages}.\n"
    )


if __name__ == "__main__":
    main()
