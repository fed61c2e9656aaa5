"""The run of `script/soak quiet`: traffic without any fault, in which the memory of no process grows."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from script.soak_parts.run import Run
from script.soak_parts.stack import COMMANDS

PROCESSES = ("web", *COMMANDS)
LONG_SECONDS = 600.0
SAMPLES = 60
GROWTH_BYTES = 24 << 20
"""What the last quarter may need beyond the second one: caches that are bounded still fill."""


def quiet(run: Run, seconds: float | None = None) -> None:
    """Samples the memory of each process while the fleet works."""
    seconds = LONG_SECONDS if seconds is None else seconds
    found: dict[str, list[int]] = {name: [] for name in PROCESSES}
    for _ in range(SAMPLES):
        time.sleep(seconds / SAMPLES)
        for name in PROCESSES:
            found[name].append(resident_bytes(run.stack.pid(name)))
    for text in growing(found):
        run.observer.seen.note("memory grows", text)


def resident_bytes(pid: int) -> int:
    """The resident memory of a process, as Linux reports it."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) << 10
    raise ValueError(f"/proc/{pid}/status has no VmRSS")


def growing(samples: Mapping[str, Sequence[int]]) -> list[str]:
    """A sentence for each process that needs more and more. The first quarter is the start. Pure.

    >>> growing({"web": [50 << 20] * 4 + [90 << 20] * 8 + [200 << 20] * 4, "poller": [90 << 20] * 16})
    ['web: 90 MB in the second quarter, 200 MB in the last']
    """
    found = []
    for name, values in samples.items():
        quarter = len(values) // 4
        second, last = median(values[quarter : 2 * quarter]), median(values[-quarter:])
        if last - second > GROWTH_BYTES:
            found.append(f"{name}: {int(second) >> 20} MB in the second quarter, {int(last) >> 20} MB in the last")
    return found
