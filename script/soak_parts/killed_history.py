"""`script/soak history`: polls are stored by one process, rolled up and packed by another, and both are killed with SIGKILL again and again; afterwards every
answer of every tier is compared with what was polled. Time is simulated, so that seconds of the machine are hours of history.

`.venv/bin/python -m script.soak_parts.killed_history host|check DIRECTORY`: the parent of those processes, which has loaded everything once and forks, and the
comparison.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, cast

from script.postgresql_server import PostgresServer

KILLS = 100
ENGINES = ("sqlite", "postgresql")
SHORTEST, LONGEST = 0.02, 0.8
START = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)
"""Amid an hour, since minutes are packed once the next hour has one."""
POLL = timedelta(seconds=5)
QUEUES = 40
LEAST_POLLS = 500
"""So many are stored before the end, so that minutes, ten minutes and blocks are made, however slow the machine is."""
LONGEST_WAIT_SECONDS = 600
POLLER, MAINTENANCE = "poller", "maintenance"
_KEY = 0x6B696C6C  # "kill": the key of the advisory lock, as the lease of a real poller


def numbers(poll: int, queue: int) -> tuple[float | None, ...]:
    """What the queue had at that poll; nothing while it was not there."""
    if queue % 10 == 0 and (poll // 500) % 2:
        return (None,) * 8
    ready = poll * (queue + 3) // 7 % 1000 if queue % 4 == 1 else queue
    return (ready, poll // 3 % 5, 1, ready / 4, 0.0, 0.0, 0.0, 4096)


@dataclass
class Found:
    """How many polls, blocks of them and blocks of minutes are stored, how many numbers of all tiers were compared, and what was wrong, in sentences."""

    polls: int
    blocks: int
    blocks_of_minutes: int
    compared: int
    problems: list[str]


def main(directory: Path, kills: int | None = None, seed: int = 1, engine: str | None = None) -> int:
    """The exit status; prints what was wrong. `kills` of each of the two processes; on both engines without one."""
    failed, count = 0, kills or KILLS
    for one in ENGINES if engine is None else (engine,):
        dice = random.Random(seed)  # noqa: S311  (the same in every run)
        found = run_on_postgresql(directory / one, count, dice) if one == "postgresql" else run(directory / one, count, dice)
        stored = f"{found.polls:,} polls, {found.blocks:,} blocks of them, {found.blocks_of_minutes:,} of minutes"
        whole = f"{count} kills of each, {stored}, {found.compared:,} numbers of three tiers compared, none differs"
        print(f"history on {one}:", "\n".join(found.problems) or whole)
        failed = max(failed, 1 if found.problems else 0)
    return failed


def run_on_postgresql(directory: Path, kills: int, dice: random.Random) -> Found:
    server = PostgresServer()
    try:
        server.start()
        return run(directory, kills, dice, {"HARELINE_DATABASE_URL": server.url()})
    finally:
        server.remove()


def run(directory: Path, kills: int, dice: random.Random, more: Mapping[str, str] | None = None) -> Found:
    """`more` of the environment: the address of an empty database."""
    directory.mkdir(parents=True, exist_ok=True)
    log, environment = directory / "acknowledged", {**_environment(directory), **(more or {})}
    log.touch()
    command = [sys.executable, "-m", __name__]
    with subprocess.Popen([*command, "host", str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as program:
        host = Host(program)
        for name in (POLLER, MAINTENANCE):
            host.order("start", name)
        for _ in range(kills):
            for name in dice.sample((POLLER, MAINTENANCE), 2):
                time.sleep(dice.uniform(SHORTEST, LONGEST))
                host.order("kill", name)
                host.order("start", name)
        ends = time.monotonic() + LONGEST_WAIT_SECONDS
        while acknowledged(log) < LEAST_POLLS:
            if time.monotonic() > ends:
                raise RuntimeError("polls are no longer stored")
            time.sleep(0.1)
        for name in (POLLER, MAINTENANCE):
            host.order("kill", name)
        host.end()
    done = subprocess.run([*command, "check", str(directory)], stdout=subprocess.PIPE, text=True, env=environment, check=True)
    found, last = Found(**json.loads(done.stdout)), acknowledged(log)
    if found.polls <= last:
        found.problems.append(f"{last + 1} polls were acknowledged, and {found.polls} are there")
    return found


def acknowledged(log: Path) -> int:
    """The number of the last poll of which the log says that it was committed; -1 before the first."""
    return max((int(line) for line in log.read_text(encoding="ascii").split("\n")[:-1]), default=-1)


class Host:
    """Orders to the parent of the two processes; each returns once it is carried out: begun, or dead."""

    def __init__(self, program: subprocess.Popen[str]) -> None:
        self._orders, self._answers = cast(IO[str], program.stdin), cast(IO[str], program.stdout)

    def order(self, what: str, name: str) -> None:
        print(what, name, file=self._orders, flush=True)
        if self._answers.readline() != f"{what} {name}\n":
            raise RuntimeError(f"{name} did not {what}")

    def end(self) -> None:
        self._orders.close()


def _environment(directory: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HARELINE_")}
    return {**kept, "HARELINE_DATA_DIR": str(directory), "HARELINE_BROKERS": "killed=http://u:p@127.0.0.1:1", "HARELINE_LOG_LEVEL": "ERROR"}


def prepare() -> int:
    """The tables and the broker; its primary key."""
    from script.bench_parts.own_database import attach

    attach()
    from brokers import store
    from brokers.addresses import BrokerAddress
    from brokers.database import engine
    from brokers.models import Broker
    from dashboard.operations import database_state

    if not engine.is_postgresql():
        database_state.make_file()
    database_state.migrate()
    known = Broker.objects.filter(name="killed").values_list("pk", flat=True).first()
    return known or store.ensure_brokers([BrokerAddress("killed", ("http://127.0.0.1:1",), "u", "p")], START)["killed"].pk


def host(directory: Path) -> None:
    """Starts and kills by the lines of standard input, and answers each with itself once that is done."""
    from django.db import connections

    broker = prepare()
    connections.close_all()  # each child has one of its own
    children: dict[str, int] = {}
    for line in sys.stdin:
        what, name = line.split()
        if what == "start":
            begun, begins = os.pipe()
            children[name] = os.fork()
            if not children[name]:
                os.close(begun)
                record(broker, directory / "acknowledged", begins) if name == POLLER else maintain(broker, begins)
                os._exit(0)
            os.close(begins)
            if not os.read(begun, 1):
                sys.exit(f"{name} ended")
            os.close(begun)
        else:
            os.kill(children[name], signal.SIGKILL)
            if not os.WIFSIGNALED(os.waitpid(children[name], 0)[1]):
                sys.exit(f"{name} had ended by itself")
        print(what, name, flush=True)


def record(broker: int, log: Path, begins: int) -> None:
    """Stores poll after poll from the last stored one on, and appends the number of each to the log once it is committed."""
    from django.db import transaction

    from brokers.database import engine
    from brokers.queries.rollups import last_poll
    from brokers.store import SnapshotWriter

    acknowledgements, parent = os.open(log, os.O_WRONLY | os.O_APPEND), os.getppid()
    with engine.one_process(_KEY):  # what a killed one has just sent is committed or not before the last poll is read
        writer, last = SnapshotWriter(broker, "queues"), last_poll(broker, "queues")
        poll = 0 if last is None else round((last - START) / POLL) + 1
        os.write(begins, b".")
        while os.getppid() == parent:
            at = START + poll * POLL
            with transaction.atomic():
                writer.write({queue: numbers(poll, queue) for queue in range(1, QUEUES + 1)}, at)
            os.write(acknowledgements, b"%d\n" % poll)
            poll += 1


def maintain(broker: int, begins: int) -> None:
    """Rolls up, packs, and drops what is packed, without a pause."""
    from brokers.packing import pack_history
    from brokers.queries.rollups import last_poll
    from brokers.rolling_up import HistoryRollups

    rollups, parent = HistoryRollups(), os.getppid()
    os.write(begins, b".")
    while os.getppid() == parent:
        pack_history()
        if last := last_poll(broker, "queues"):
            rollups.update(last)


def check() -> None:
    """Prints a Found."""
    broker = prepare()
    import numpy as np

    from brokers.bands import bands
    from brokers.models import RollupBlock, SnapshotBlock
    from brokers.packing import pack_history
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
    while pack_history():
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
    print(json.dumps(asdict(Found(polls, SnapshotBlock.objects.count(), RollupBlock.objects.filter(step=60).count(), compared, problems))))


if __name__ == "__main__":
    os.environ.setdefault("HARELINE_DATA_DIR", sys.argv[2])
    host(Path(sys.argv[2])) if sys.argv[1] == "host" else check()
