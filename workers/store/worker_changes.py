"""What changed of worker nodes since they were last stored, as sentences: they came, went or restarted, other pools, queues and settings. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from brokers.diff import ChangeText
from workers.receiving.worker_state import WorkerState, reported

MOST_CHANGES = 100
MOST_SETTINGS = 30
_ONLINE, _GONE, _UNKNOWN = "online", "gone", "unknown"


def worker_changes(vhost: str, workers: Iterable[WorkerState]) -> list[ChangeText]:
    """At most 100. A node that was only unknown for a time did not come or go; what it has not reported before is no change."""
    found: list[ChangeText] = []
    for worker in workers:
        found += [*_presence(vhost, worker), *_differences(vhost, worker)]
    more = len(found) - MOST_CHANGES
    if more > 0:
        found[MOST_CHANGES:] = [ChangeText("worker", "changed", vhost, "", f"{more:,} more workers came, went, restarted or changed")]
    return found


def _presence(vhost: str, worker: WorkerState) -> Iterable[ChangeText]:
    was, name = worker.stored_state, worker.hostname
    if worker.state == _ONLINE and was in (None, _GONE):
        yield ChangeText("worker", "added", vhost, name, f"Worker {name} is online", after=_shown(reported(worker)) or None)
    elif worker.state == _GONE and was in (_ONLINE, _UNKNOWN):
        yield ChangeText("worker", "gone", vhost, name, f"Worker {name} is gone: {worker.reason}", before=_shown(worker.known) or None)
    elif worker.restarted and worker.state == _ONLINE:
        yield ChangeText("worker", "restarted", vhost, name, f"Worker {name} {worker.restarted}")


def _differences(vhost: str, worker: WorkerState) -> Iterable[ChangeText]:
    was, now, name = worker.known, reported(worker), worker.hostname
    if _differs("pool", was, now) or (_differs("concurrency", was, now) and worker.autoscale_max is None):
        before, after = _of(("pool", "concurrency"), was), _of(("pool", "concurrency"), now)
        text = f"Worker {name} has another pool: {_pool(after)}, before {_pool(before)}"
        yield ChangeText("worker", "changed", vhost, name, text, before, after)
    if _differs("queues", was, now):
        gained, lost = sorted(set(now["queues"]) - set(was["queues"])), sorted(set(was["queues"]) - set(now["queues"]))
        parts = [f"{verb} {', '.join(some)}" for verb, some in (("now also", gained), ("no longer", lost)) if some]
        text = f"Worker {name} consumes other queues: {', '.join(parts)}"
        yield ChangeText("worker", "changed", vhost, name, text, {"queues": was["queues"]}, {"queues": now["queues"]})
    if _differs("configuration", was, now):
        before, after = was["configuration"], now["configuration"]
        keys = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))[:MOST_SETTINGS]
        text = f"Worker {name} has another configuration: {', '.join(keys)}"
        yield ChangeText("worker", "changed", vhost, name, text, _of(keys, before), _of(keys, after))


def _differs(name: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    return name in was and name in now and was[name] != now[name]


def _of(names: Iterable[str], values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}


def _shown(values: Mapping[str, Any]) -> dict[str, Any]:
    return _of(("pool", "concurrency", "queues"), values)


def _pool(values: Mapping[str, Any]) -> str:
    """
    >>> _pool({"pool": "prefork", "concurrency": 4}), _pool({"concurrency": 1}), _pool({"pool": "solo"})
    ('prefork of 4', '1 process', 'solo')
    """
    count = values.get("concurrency")
    if "pool" not in values:
        return f"{count} process{'' if count == 1 else 'es'}"
    return f"{values['pool']} of {count}" if count is not None else str(values["pool"])
