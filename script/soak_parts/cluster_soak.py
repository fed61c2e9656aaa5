"""`script/soak cluster`: two nodes under Hareline's own processes. Each is killed, stays away and comes back, twice; an alarm is raised and cleared."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from script.soak_parts.cluster import Cluster, Member
from script.soak_parts.cluster_run import ClusterRun, Report, ShownQueue
from script.soak_parts.stack import Stack

LOOK_SECONDS = 1.0
AWAY_SECONDS = 60.0
ROUNDS = 2


class FromApi:
    """What Hareline's API shows."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def _items(self, path: str) -> list[dict[str, Any]]:
        status, answer = self._stack.get(path)
        return list(answer["items"]) if status == 200 else []

    def queues(self) -> Sequence[ShownQueue]:
        return [ShownQueue(row["name"], row["depth"], row["level"], row["level_reason"]) for row in self._items("/api/v1/queues?broker=soak&page_size=100")]

    def alarms(self) -> Sequence[str]:
        return [str(alarm["node"]) for broker in self._items("/api/v1/brokers") for alarm in broker["alarms"]]


def run(directory: Path, away_seconds: float) -> Report:
    with Cluster(directory / "nodes").running() as cluster:
        first = cluster.nodes[0]
        stack = Stack(first, directory / "data", first.ports["amqp"])
        stack.environment["HARELINE_BROKERS"] = f"soak={cluster.brokers_url}"
        try:
            stack.start()
            soak = ClusterRun(cluster, FromApi(stack), LOOK_SECONDS, note=lambda text: print(f"soak: cluster: {text}", file=sys.stderr, flush=True))
            soak.plant()
            soak.whole("planted")
            for _ in range(ROUNDS):
                for number in (1, 0):
                    soak.lose(number, Member.kill, Member.start, away_seconds)
                soak.alarm(1)
            for name in stack.ended():
                soak.report.fault(f"process ended: {name}")
            if soak.report.faults:
                print(stack.logs(), file=sys.stderr)
            return soak.report
        finally:
            stack.stop()


def main(directory: Path, seconds: float | None) -> int:
    report = run(directory, AWAY_SECONDS if seconds is None else seconds)
    steps = ", ".join(f"{step} after {took:g} s" for step, took in report.steps.items())
    print(f"cluster: {report.looks} comparisons with list_queues, {len(report.faults)} faults; {steps}")
    for fault in report.faults:
        print(f"  {fault}")
    return 1 if report.faults else 0
