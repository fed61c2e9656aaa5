"""Many findings about nodes whose names differ only in what a machine made up (pods) are explained by one about all of them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from dashboard.findings.facts import Facts
from dashboard.findings.rule import Found, Object
from workers.models import Worker
from workers.name_patterns import folded, pattern_of

MOST_OF_ONE_PATTERN = 50
"""Of so many nodes of a pattern the rule reports each by itself too."""

Reporting = Callable[[Worker], Found]
Summing = Callable[[Object, Sequence[Worker]], Found]


def findings(rule: str, workers: Sequence[Worker], facts: Facts, of_one: Reporting, of_many: Summing) -> Iterable[Found]:
    """A finding of each worker, and where at least three of a virtual host have a pattern, one more that explains theirs. The worst come first in `workers`."""
    by_vhost: dict[str, list[Worker]] = {}
    for worker in workers:
        by_vhost.setdefault(worker.vhost, []).append(worker)
    for vhost, members in by_vhost.items():
        folds, alone = folded(members, lambda worker: worker.hostname)
        for pattern, alike in folds:
            one = Object("worker", pattern, vhost)
            above = facts.identity(rule, one)
            yield of_many(one, alike)
            for worker in alike[:MOST_OF_ONE_PATTERN]:
                yield msgspec.structs.replace(of_one(worker), under=above)
        yield from map(of_one, alone)


def matches(pattern: str, hostname: str) -> bool:
    """Whether a name has this pattern, which may have letters that mean something in others: no glob."""
    return pattern_of(hostname) == pattern


def object_of(worker: Worker) -> Object:
    return Object("worker", worker.hostname, worker.vhost, worker.pk)
