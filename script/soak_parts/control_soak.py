"""`script/soak control`: every order to a worker node of each pool and of several versions of Celery, checked by what the node then does; beside Flower too.

Each version has an environment of its own in var/, made by pip.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from script.rabbitmq_node import RabbitNode
from script.soak_parts.run import virtual_host
from script.soak_parts.stack import ROOT

POOLS = ("prefork", "threads", "solo", "gevent", "eventlet")
GREEN = ("gevent", "eventlet")
WITH_FLOWER = "5.7"
VERSIONS = {
    "5.7": ("celery==5.7.*", "flower", *GREEN),
    "5.4": ("celery==5.4.*", *GREEN),
    "4.4": ("celery==4.4.7", "setuptools<80", "importlib-metadata<5", "gevent<24", "eventlet"),
}
OLD_PYTHONS = {"4.4": ("python3.10", "python3.9", "python3.8")}
"""Celery 4.4 needs `inspect.formatargspec`, which ended with Python 3.10."""
SCALED = "autoscale, of a node with --autoscale"
SCALES = ("prefork", *GREEN)


def main(directory: Path, version: str | None, only_flower: bool = False) -> int:
    """`version`: one of VERSIONS, all if None. `only_flower`: only what is compared with Flower's API."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    os.environ.setdefault("HARELINE_DATA_DIR", str(directory))
    directory.mkdir(parents=True, exist_ok=True)
    node, wrong = RabbitNode(directory / "rabbitmq", statistics_interval_ms=1000), 0
    node.start(600)
    try:
        for name in [WITH_FLOWER] if only_flower else [version] if version else VERSIONS:
            python = interpreter(name)
            if python is None:
                print(f"control: Celery {name} is left out: none of {', '.join(OLD_PYTHONS[name])} is installed", flush=True)
                continue
            wrong += 0 if only_flower else one_version(node, directory / name, name, python)
            if name == WITH_FLOWER:
                wrong += beside_flower(node, directory / "flower", python)
    finally:
        node.kill()
    return 1 if wrong else 0


def interpreter(version: str) -> str | None:
    """Of an environment with that Celery, which is made where it is missing; None if no Python that it needs is installed."""
    found = ROOT / "var" / f"celery-{version}" / "bin" / "python"
    if not (found.parent / "celery").exists():
        base = next(filter(None, map(shutil.which, OLD_PYTHONS.get(version, (sys.executable,)))), None)
        if base is None:
            return None
        subprocess.run([base, "-m", "venv", "--clear", found.parent.parent], check=True)
        subprocess.run([found, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *VERSIONS[version]], check=True)
    return str(found)


def one_version(node: RabbitNode, directory: Path, version: str, python: str) -> int:
    """Prints a row for each order, a column for each pool; returns how many cells are not as expected."""
    from script.soak_parts.control_steps import STEPS, expected

    directory.mkdir()
    cells: dict[str, dict[str, str]] = {step: {} for step in (*STEPS, SCALED)}
    wrong = []
    for pool in POOLS:
        for step, word, text in steps_of(node, directory, version, pool, python):
            wanted = ("done" if pool in SCALES else "refused") if step == SCALED else expected(pool, version)[step]
            cells[step][pool] = word
            if word != wanted:
                wrong.append(f"{pool}, {step}: {word} instead of {wanted}: {text}")
            print(f"control: Celery {version}, {pool}, {step}: {word} ({text})", file=sys.stderr, flush=True)
    print(f"\n| Celery {version} | {' | '.join(POOLS)} |\n{'|---' * (len(POOLS) + 1)}|")
    for step, found in cells.items():
        print(f"| {step} | {' | '.join(found.get(pool, '') for pool in POOLS)} |")
    print("".join(f"  {line}\n" for line in wrong), flush=True)
    return len(wrong)


def steps_of(node: RabbitNode, directory: Path, version: str, pool: str, python: str) -> list[tuple[str, str, str]]:
    """(step, word, text) of one pool."""
    from script.soak_parts.control_steps import STEPS, autoscale
    from script.soak_parts.controlled import Controlled

    found = []
    slots = 1 if pool in ("prefork", "solo") else 2
    with virtual_host(node, f"control-{version}-{pool}") as vhost:
        for steps, slots_now, options in ((STEPS, slots, ()), ({SCALED: autoscale}, 2, ("--autoscale=2,1",))):
            one = Controlled(node, vhost, directory, f"{pool}{len(options)}", pool, slots_now, *options, python=python)
            try:
                for step, made in steps.items():
                    came = made(one)
                    found.append((step, came.word, came.text))
            finally:
                one.kill()
    return found


def beside_flower(node: RabbitNode, directory: Path, python: str) -> int:
    """Prints what each scenario led to; returns how many led to different states."""
    from script.soak_parts.flower_nodes import all_scenarios

    directory.mkdir()
    with virtual_host(node, "control-flower") as vhost:
        found = all_scenarios(node, vhost, directory, python)
    same = [name for name, differs in found.items() if not differs]
    print(f"control: beside Flower, the same state after {len(same)} of {len(found)} scenarios: {', '.join(same)}", flush=True)
    for name, differs in found.items():
        if differs:
            print(f"control: beside Flower, {name}: {differs}", flush=True)
    return sum(map(bool, found.values()))
