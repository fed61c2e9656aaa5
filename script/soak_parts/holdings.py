"""Who did which piece of work when, by the logs of the processes themselves: the journal of holders. Pure but for reading the logs."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

LINE = re.compile(r"^timestamp=(\S+) .*event=(lease_taken|lease_not_ours) (?:.* )?lease=(\"[^\"]*\"|\S+)")


@dataclass(frozen=True)
class Life:
    """A process from its start to its end, by the clock of this machine; `ended` inf where it runs."""

    name: str
    log: Path
    ended: float


@dataclass(frozen=True)
class Holding:
    lease: str
    process: str
    began: float
    ended: float


def holdings(life: Life, lines: Iterable[str]) -> list[Holding]:
    """What one process held, until it noted the opposite or ended."""
    open_since: dict[str, float] = {}
    found = []
    for line in lines:
        match = LINE.match(line)
        if match is None:
            continue
        at, lease = datetime.fromisoformat(match[1]).timestamp(), match[3].strip('"')
        if match[2] == "lease_taken":
            open_since.setdefault(lease, at)
        elif lease in open_since:
            found.append(Holding(lease, life.name, open_since.pop(lease), at))
    return found + [Holding(lease, life.name, began, life.ended) for lease, began in open_since.items()]


def read(lives: Iterable[Life]) -> list[Holding]:
    return [holding for life in lives for holding in holdings(life, life.log.read_text(errors="replace").splitlines())]


def held_by_two(found: Sequence[Holding]) -> list[str]:
    """A sentence for each time that a piece of work was two processes' at a time.

    >>> held_by_two([Holding("poll a", "one", 0, 5), Holding("poll a", "two", 5, 9), Holding("poll a", "three", 8.5, 10)])
    ['poll a was held by two and three for 0.500 s']
    """
    by_lease: dict[str, list[Holding]] = defaultdict(list)
    for holding in sorted(found, key=lambda holding: holding.began):
        by_lease[holding.lease].append(holding)
    return [
        f"{lease} was held by {earlier.process} and {later.process} for {min(earlier.ended, later.ended) - later.began:.3f} s"
        for lease, ours in sorted(by_lease.items())
        for number, earlier in enumerate(ours)
        for later in ours[number + 1 :]
        if later.began < earlier.ended
    ]


def longest_pause(found: Sequence[Holding], until: float) -> Mapping[str, float]:
    """{lease: the longest time, in seconds, that nobody held it between the first holder and `until`}."""
    pauses: dict[str, float] = {}
    last_end: dict[str, float] = {}
    for holding in sorted(found, key=lambda holding: holding.began):
        if holding.lease in last_end:
            pauses[holding.lease] = max(pauses.get(holding.lease, 0.0), holding.began - last_end[holding.lease])
        last_end[holding.lease] = max(last_end.get(holding.lease, 0.0), holding.ended)
    return {lease: max(pauses.get(lease, 0.0), until - end) for lease, end in last_end.items()}
