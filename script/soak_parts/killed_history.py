"""`script/soak history`: polls are stored, rolled up and packed by a process that is killed with SIGKILL again and again; afterwards every answer of every
tier is compared with what was polled. Time is simulated, so that seconds of the machine are hours of history.

`.venv/bin/python -m script.soak_parts.killed_history record|check DIRECTORY` is that process, and the comparison.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, cast

KILLS = 100
SHORTEST, LONGEST = 0.02, 0.8
START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
POLL = timedelta(seconds=5)
QUEUES = 40


def numbers(poll: int, queue: int) -> tuple[float | None, ...]:
    """What the queue had at that poll; nothing while it was not there."""
    if queue % 10 == 0 and (poll // 500) % 2:
        return (None,) * 8
    ready = poll * (queue + 3) // 7 % 1000 if queue % 4 == 1 else queue
    return (ready, poll // 3 % 5, 1, ready / 4, 0.0, 0.0, 0.0, 4096)


@dataclass
class Found:
    """How many polls are stored, how many numbers of all tiers were compared, and what was wrong, in sentences."""

    polls: int
    compared: int
    problems: list[str]


def main(directory: Path, kills: int = KILLS, seed: int = 1) -> int:
    """The exit status; prints what was wrong."""
    found = run(directory, kills, random.Random(seed))  # noqa: S311  (the same in every run)
    whole = f"history: {kills} kills, {found.polls:,} polls, {found.compared:,} numbers of three tiers compared, none differs"
    print("\n".join(found.problems) or whole)
    return 1 if found.problems else 0


def run(directory: Path, kills: int, dice: random.Random) -> Found:
    acknowledged = -1
    command, environment = [sys.executable, "-m", __name__], _environment(directory)
    for _ in range(kills):
        with subprocess.Popen([*command, "record", str(directory)], stdout=subprocess.PIPE, text=True, env=environment) as child:
            output = cast(IO[str], child.stdout)
            output.readline()  # it has begun
            time.sleep(dice.uniform(SHORTEST, LONGEST))
            child.kill()
            acknowledged = max([acknowledged, *(int(line) for line in output.read().split("\n")[:-1])])
    done = subprocess.run([*command, "check", str(directory)], stdout=subprocess.PIPE, text=True, env=environment, check=True)
    found = Found(**json.loads(done.stdout))
    if found.polls <= acknowledged:
        found.problems.append(f"{acknowledged + 1} polls were acknowledged, and {found.polls} are there")
    return found


def _environment(directory: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HARELINE_")}
    return {**kept, "HARELINE_DATA_DIR": str(directory), "HARELINE_BROKERS": "killed=http://u:p@127.0.0.1:1", "HARELINE_LOG_LEVEL": "ERROR"}


def prepare() -> int:
    """The tables and the broker; its primary key."""
    from script.bench_parts.own_database import attach

    attach()
    from brokers import store
    from brokers.addresses import BrokerAddress
    from brokers.models import Broker
    from dashboard.operations import database_state

    database_state.make_file()
    database_state.migrate()
    known = Broker.objects.filter(name="killed").values_list("pk", flat=True).first()
    return known or store.ensure_brokers([BrokerAddress("killed", ("http://127.0.0.1:1",), "u", "p")], START)["killed"].pk


def record() -> None:
    """Stores poll after poll from the last stored one on, prints the number of each once it is committed, does what maintenance does."""
    broker = prepare()
    from django.db import transaction

    from brokers.packing import pack_history
    from brokers.queries.rollups import last_poll
    from brokers.rolling_up import HistoryRollups
    from brokers.store import SnapshotWriter

    writer, rollups, last = SnapshotWriter(broker, "queues"), HistoryRollups(), last_poll(broker, "queues")
    poll = 0 if last is None else round((last - START) / POLL) + 1
    print("begun", flush=True)
    while True:
        at = START + poll * POLL
        with transaction.atomic():
            writer.write({queue: numbers(poll, queue) for queue in range(1, QUEUES + 1)}, at)
        print(poll, flush=True)
        if poll % 7 == 0:
            rollups.update(at)
        if poll % 50 == 0:
            pack_history()
        poll += 1


def check() -> None:
    """Prints a Found."""
    broker = prepare()
    import numpy as np

    from brokers.bands import bands
    from brokers.queries.frames import moment
    from brokers.queries.rollups import last_poll
    from brokers.queries.spans import spans
    from brokers.rolling_up import HistoryRollups
    from brokers.snapshots import METRICS
    from brokers.tiers import TIERS, Part

    last = last_poll(broker, "queues") or START
    polls, names = round((last - START) / POLL) + 1, [metric.name for metric in METRICS["queues"]]
    rollups = HistoryRollups()
    while rollups.update(last + timedelta(hours=1)):
        pass
    ids = list(range(1, QUEUES + 1))
    truth = np.array([[[np.nan if one is None else one for one in numbers(poll, queue)] for queue in ids] for poll in range(polls)], np.float64)
    problems, compared = [], 0
    for tier in TIERS:
        size = tier // 5
        count = polls // size
        parts = truth[: count * size].reshape(count, size, len(ids), len(names))
        known = ~np.isnan(parts)
        with np.errstate(invalid="ignore", divide="ignore"):
            average = np.where(known, parts, 0).sum(axis=1) / known.sum(axis=1)
        lowest, highest = np.where(known, parts, np.inf).min(axis=1), np.where(known, parts, -np.inf).max(axis=1)
        start, end = START.timestamp(), START.timestamp() + count * tier
        found = bands(spans(broker, "queues", ids, names, [Part(tier, start, end)]), np.arange(start + tier, end + 1, tier), float(tier))
        for name, ours, theirs in (("average", found.average, average), ("minimum", found.minimum, lowest), ("maximum", found.maximum, highest)):
            expected = np.where(np.isinf(theirs), np.nan, theirs).transpose(2, 1, 0)
            wrong = int((~np.isclose(ours, expected, atol=0.006, equal_nan=True)).sum())
            compared += expected.size
            if wrong:
                problems.append(f"{wrong} of {expected.size} numbers of the tier of {tier} s have another {name}")
    for poll in range(0, polls, 37):
        then = moment(broker, "queues", START + poll * POLL)
        if then is None or any(then[1].column(name).get(queue) != numbers(poll, queue)[place] for place, name in enumerate(names) for queue in ids):
            problems.append(f"the moment of poll {poll} is not as it was")
    print(json.dumps(asdict(Found(polls, compared, problems))))


if __name__ == "__main__":
    os.environ.setdefault("HARELINE_DATA_DIR", sys.argv[2])
    {"record": record, "check": check}[sys.argv[1]]()
