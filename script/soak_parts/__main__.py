"""Runs the kinds of soak and prints what was found: `.venv/bin/python -m script.soak_parts [KIND] [--only RUN] [--seconds N]`."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from script.rabbitmq_node import RabbitNode
from script.soak_parts import cluster_soak, control_soak, flood, killed_history, many, moved, noise, notified, planted_demo, quiet_demo, recorded_depths
from script.soak_parts.celery_run import CeleryRun
from script.soak_parts.faults import CELERY_FAULTS, FAULTS, MAY_LOSE_EVENTS
from script.soak_parts.kills import kills
from script.soak_parts.proxy import Proxy
from script.soak_parts.quiet import quiet
from script.soak_parts.run import LONG, Outcome, Pace, Run, virtual_host, wait_until_receiving
from script.soak_parts.stack import Stack

KINDS: dict[str, tuple[str, ...]] = {"faults": (*FAULTS, *CELERY_FAULTS), "kills": ("kills",), "quiet": ("quiet",)}
RUNS: dict[str, Callable[[Run, float | None], None]] = {**FAULTS, "kills": kills, "quiet": quiet}
CLUSTER, MOVED, MANY, FLOOD, NOISE, DEMO, PLANTS, NOTIFICATIONS, CONTROL, HISTORY, RECORDER = (
    "cluster",
    "moved",
    "many",
    "flood",
    "noise",
    "demo",
    "plants",
    "notifications",
    "control",
    "history",
    "recorder",
)
ALONE = (CLUSTER, MOVED, MANY, FLOOD, NOISE, DEMO, PLANTS, NOTIFICATIONS, CONTROL, HISTORY, RECORDER)
COLUMNS = ("run", "published", "stored", "lost", "double", "wrong", "lost_events", "threads", "readyz", "times off by", "other", "seconds")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="script/soak", description="Minutes of faults under traffic, compared with an independent log.")
    parser.add_argument("kind", nargs="?", help=f"{', '.join([*KINDS, *ALONE])}; all of them by default")
    parser.add_argument("--only", action="append", metavar="RUN", help=f"one of {', '.join(KINDS['faults'])}; plants: the key of one; may be repeated")
    parser.add_argument("--seconds", type=float, help="how long the fault of each run lasts")
    parser.add_argument(
        "--rate", type=float, help=f"events a second; {LONG.events_per_second:g}, many: {many.EVENTS_PER_SECOND:g}, flood: {flood.EVENTS_PER_SECOND:g}"
    )
    parser.add_argument("--engine", choices=flood.ENGINES, help="of flood and history; both by default")
    parser.add_argument("--kills", type=int, help=f"of history, of each of its two processes; {killed_history.KILLS}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plain", action="store_true", help="no repeated events and no late sendings among the traffic")
    parser.add_argument("--sqlite", action="store_true", help="many: on SQLite, as on one machine")
    parser.add_argument("--celery", choices=control_soak.VERSIONS, help="of control; each of them by default")
    parser.add_argument("--flower", action="store_true", help="of control; only what is compared with Flower's API")
    options = parser.parse_args(arguments)
    if options.kind not in (None, *ALONE, *KINDS):
        parser.error(f"there is no soak {options.kind}; there is {', '.join([*KINDS, *ALONE])}")
    with tempfile.TemporaryDirectory(prefix="hareline-soak-", ignore_cleanup_errors=True) as directory:
        failed = cluster_soak.main(Path(directory), options.seconds) if options.kind in (None, CLUSTER) and not options.only else 0
        if options.kind in (None, MOVED) and not options.only:
            failed = max(failed, moved.main(Path(directory) / "moved"))
        if options.kind in (None, MANY) and not options.only:
            failed = max(failed, many.main(Path(directory) / "many", options.seconds, options.rate, options.seed, options.sqlite))
        if options.kind in (None, NOTIFICATIONS) and not options.only:
            failed = max(failed, notified.main(Path(directory) / "notifications", options.seconds, options.seed))
        if options.kind in (None, CONTROL) and not options.only:
            failed = max(failed, control_soak.main(Path(directory) / "control", options.celery, options.flower))
        if options.kind in (None, HISTORY) and not options.only:
            failed = max(failed, killed_history.main(Path(directory) / "history", options.kills, options.seed, options.engine))
        if options.kind in (None, RECORDER) and not options.only:
            failed = max(failed, recorded_depths.main(Path(directory) / "recorder", options.seconds, options.seed))
        if options.kind in (None, FLOOD) and not options.only:
            failed = max(failed, flood.main(Path(directory), options.engine, options.seconds, options.rate if options.kind == FLOOD else None))
        if options.kind in (None, NOISE) and not options.only:
            failed = max(failed, noise.main(Path(directory) / "noise"))
        if options.kind == PLANTS or (options.kind is None and not options.only):
            failed = max(failed, planted_demo.main(Path(directory) / "plants", options.only))
        if options.kind in (None, "quiet", DEMO) and not options.only:
            failed = max(failed, quiet_demo.main(Path(directory) / "quiet", options.seconds))
    return failed if options.kind in ALONE else max(failed, one_node(parser, options))


def one_node(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """The runs against a single node."""
    runs = [run for kind, its_runs in KINDS.items() if options.kind in (None, kind) for run in its_runs]
    if unknown := [name for name in options.only or () if name not in runs]:
        parser.error(f"there is no run {unknown[0]}; there are {', '.join(runs)}")
    pace = Pace(**{**vars(LONG), "events_per_second": options.rate or LONG.events_per_second, "odd": 0.0 if options.plain else LONG.odd})
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="hareline-soak-", ignore_cleanup_errors=True) as directory:
        node = RabbitNode(Path(directory) / "rabbitmq", statistics_interval_ms=1000)
        node.start()
        try:
            for name in options.only or runs:
                print(f"soak: {name}", file=sys.stderr, flush=True)
                outcomes.append(one_run(name, node, Path(directory) / name, pace, options.seed, options.seconds))
                print(row(outcomes[-1]), file=sys.stderr, flush=True)
        finally:
            node.kill()
    print(table(outcomes))
    return 1 if any(outcome.faults for outcome in outcomes) else 0


def one_run(name: str, node: RabbitNode, directory: Path, pace: Pace, seed: int, seconds: float | None) -> Outcome:
    """The run with processes and a virtual host of its own, so that what an earlier one broke has no part in it."""
    directory.mkdir()
    proxy = Proxy(node.ports["amqp"])
    stack = Stack(node, directory / "data", proxy.port, inspect=name in CELERY_FAULTS)
    with virtual_host(node, f"soak-{name}") as vhost:
        try:
            stack.start()
            wait_until_receiving(stack, vhost)
            if name in CELERY_FAULTS:
                workers = CeleryRun(name, node, proxy, stack, vhost, directory, seed, name in MAY_LOSE_EVENTS)
                outcome = workers.go(lambda run: CELERY_FAULTS[name](run, seconds))
            else:
                outcome = Run(name, node, proxy, stack, vhost, directory, pace, seed).go(lambda run: RUNS[name](run, seconds))
            if outcome.faults and "SOAK_LOGS" in os.environ:
                print(stack.logs(), file=sys.stderr)
        finally:
            stack.stop()
            proxy.close()
    return outcome


def row(outcome: Outcome) -> str:
    found, seen = outcome.found, outcome.seen
    others = {kind: count for kind, count in seen.contradictions.items() if kind != "readyz"} | dict.fromkeys(outcome.left_over, 1)
    cells = (
        outcome.name,
        f"{found.published:,}",
        f"{found.stored:,}",
        str(found.lost),
        str(found.double),
        f"{found.wrong} ({found.unknown} unknown)" if found.unknown else str(found.wrong),
        str(found.lost_events),
        f"{outcome.deaths} died" if outcome.deaths else f"ended: {', '.join(outcome.ended)}" if outcome.ended else "alive",
        f"{seen.untrue} of {seen.samples} untrue" if seen.untrue else f"true ({seen.samples})",
        f"{found.worst_seconds:.2f} s",
        ", ".join(f"{kind} {count}" for kind, count in others.items()) or "-",
        f"{outcome.seconds:.0f}",
    )
    return f"| {' | '.join(cells)} |"


def table(outcomes: list[Outcome]) -> str:
    """The runs as a Markdown table, followed by examples of each fault."""
    lines = [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|", *map(row, outcomes)]
    for outcome in outcomes:
        if outcome.faults:
            lines += ["", f"{outcome.name}: {'; '.join(outcome.faults)}", *(f"  {text[:400]}" for text in (*outcome.found.examples, *outcome.seen.examples))]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
