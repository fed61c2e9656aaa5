"""Answers of a worker to `celery inspect` commands: its pool, slots, queues and tasks, as fields of its row.

Pure. Each reader takes the answer to one command and returns the fields of `workers.models.Worker` that it contains. Anything in a form that
Celery 4 and 5 do not use is left unknown. The forms are those of Celery's pools, seen with Celery 5.7.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from brokers.characters import is_storable
from workers.inspection import routing_settings
from workers.periodic import entries
from workers.redaction import Redaction
from workers.time_limits import Limit, limit_from

TASK_ATTRIBUTES = ("queue", "exchange", "routing_key", "priority", "serializer", "rate_limit", "send_events", "time_limit", "soft_time_limit")
QUERY_TASK = "query_task"
ACTIVE_TASKS_KEPT = 50
MOST_IN_ONE = 20
TEXT_LENGTH = 500
MOST_NAMES = 2000
MOST_UUIDS, MOST_REVOKED = 10_000, 50_000
MOST_ROUTES = 50
MOST_KILOBYTES = 2**24  # 16 GiB of one main process

_POOLS = {
    "celery.concurrency.prefork:TaskPool": "prefork",
    "celery.concurrency.thread:TaskPool": "threads",
    "celery.concurrency.solo:TaskPool": "solo",
    "celery.concurrency.gevent:TaskPool": "gevent",
    "celery.concurrency.eventlet:TaskPool": "eventlet",
}
Fields = dict[str, Any]


def by_hostname(replies: Any) -> dict[str, Any]:
    """The answers in a message by worker node, one as a rule; {} for anything else, and for more than any node sends, which would make as many nodes.

    >>> by_hostname({"w@a": {"ok": "pong"}, 7: 1, "": 2, "w\\0@b": 3}), by_hostname([])
    ({'w@a': {'ok': 'pong'}}, {})
    """
    if not isinstance(replies, dict) or len(replies) > MOST_IN_ONE:
        return {}
    return {name: answer for name, answer in replies.items() if isinstance(name, str) and 0 < len(name) <= 255 and is_storable(name)}


def stats(answer: Any) -> Fields:
    """Pool kind (Celery's short word, or the dotted name of another), slots now, autoscale limits, processes, prefetch, uptime, pid.

    >>> stats({"pool": {"implementation": "celery.concurrency.thread:TaskPool", "max-concurrency": 3}})["concurrency"]
    3
    """
    reported = _mapping(answer)
    pool, autoscaler = _mapping(reported.get("pool")), _mapping(reported.get("autoscaler"))
    implementation = pool.get("implementation")
    processes = pool.get("processes")
    pids = [pid for pid in processes if _count(pid) is not None] if isinstance(processes, list) else None
    fields: Fields = {
        "pool": _POOLS.get(implementation, implementation[:32]) if isinstance(implementation, str) else None,
        "concurrency": _slots(pool, pids),
        "autoscale_min": _count(autoscaler.get("min")),
        "autoscale_max": _count(autoscaler.get("max")),
        "processes": pids[:MOST_NAMES] if pids is not None else None,
        "prefetch": _count(reported.get("prefetch_count")),
        "uptime_seconds": _count(reported.get("uptime")),
        "pool_limit": _pool_limit(pool.get("timeouts")),
        "peak_memory_bytes": _peak_memory(_mapping(reported.get("rusage")).get("maxrss")),
    }
    pid = _count(reported.get("pid"))
    return fields if pid is None else {**fields, "pid": pid}


def _slots(pool: Mapping[str, Any], pids: list[int] | None) -> int | None:
    """How many tasks can run at once. `max-concurrency` is what the pool was started with: after pool_grow or pool_shrink only the list of
    processes (prefork) or the counts of green threads (eventlet) show it. A pool that renews its processes has fewer of them at times."""
    started_with = _count(pool.get("max-concurrency"))
    free, running = _count(pool.get("free-threads")), _count(pool.get("running-threads"))
    if free is not None and running is not None:
        return free + running
    if not pids:
        return started_with
    return max(len(pids), started_with or 0) if _count(pool.get("max-tasks-per-child")) else len(pids)


def _pool_limit(timeouts: Any) -> Limit | None:
    """Of all that a pool of processes runs: it reports (soft, hard), 0 for none.

    >>> _pool_limit([20, 30]), _pool_limit([0, 0])
    ((30.0, 'hard'), None)
    """
    return limit_from(timeouts[1], timeouts[0]) if isinstance(timeouts, list | tuple) and len(timeouts) == 2 else None


def active(answer: Any) -> Fields:
    """How many tasks run, and the first 50 of them."""
    if not isinstance(answer, list):
        return {}
    tasks = [
        {
            "uuid": _text(task.get("id")),
            "name": _text(task.get("name") or task.get("type")),
            "args": _text(task.get("args")),
            "kwargs": _text(task.get("kwargs")),
            "started_at": _moment(task.get("time_start")),
            "acknowledged": acknowledged if isinstance(acknowledged := task.get("acknowledged"), bool) else None,
        }
        for task in answer[:ACTIVE_TASKS_KEPT]
        if isinstance(task, dict)
    ]
    return {"active": len(answer), "active_tasks": tasks}


def reserved(answer: Any) -> Fields:
    """How many tasks it has taken from its queues and not started, without those that wait for their ETA, and by which exchange and routing key they came."""
    return {"reserved": len(answer), "reserved_routes": _routes(answer)} if isinstance(answer, list) else {}


def scheduled(answer: Any) -> Fields:
    """How many tasks it holds until their ETA, and by which exchange and routing key they came."""
    return {"scheduled": len(answer), "scheduled_routes": _routes([_mapping(entry).get("request") for entry in answer])} if isinstance(answer, list) else {}


def _routes(tasks: Iterable[Any]) -> list[tuple[str, str, int]]:
    """[(exchange, routing key, how many)], the most frequent first; without those that report neither.

    >>> _routes([{"delivery_info": {"exchange": "", "routing_key": "mail"}}, {}, None])
    [('', 'mail', 1)]
    """
    infos = [task.get("delivery_info") for task in tasks if isinstance(task, dict)]
    pairs = [(info.get("exchange"), info.get("routing_key")) for info in infos if isinstance(info, dict)]
    found = Counter((exchange or "", key) for exchange, key in pairs if isinstance(key, str) and isinstance(exchange, str | None))
    return [(_text(exchange), _text(key), count) for (exchange, key), count in found.most_common(MOST_ROUTES)]


def _peak_memory(reported: Any) -> int | None:
    """`getrusage` counts kilobytes on Linux and the BSDs (on macOS bytes, where it is left unknown by its size)."""
    kilobytes = _count(reported)
    return kilobytes * 1024 if kilobytes and kilobytes < MOST_KILOBYTES else None


def active_queues(answer: Any) -> Fields:
    """The queues that it consumes, with the exchange and key that its own configuration gives them; `declared`: the whole declaration."""
    if not isinstance(answer, list):
        return {}
    queues = []
    for queue in answer[:MOST_NAMES]:
        reported = _mapping(queue)
        exchange = _mapping(reported.get("exchange"))
        if isinstance(reported.get("name"), str):
            queues.append(
                {
                    "name": _text(reported["name"]),
                    "exchange": _text(exchange.get("name")),
                    "exchange_type": _text(exchange.get("type")),
                    "routing_key": _text(reported.get("routing_key")),
                    "declared": routing_settings.kept_queue(reported),
                }
            )
    return {"queues": queues}


def conf(answer: Any) -> Fields:
    """The settings that decide where tasks go, None if they are too many to keep; and the schedule of periodic tasks, None if there is none."""
    return {"configuration": routing_settings.kept(answer), "periodic": entries.kept(answer)} if isinstance(answer, dict) else {}


def registered(answer: Any) -> Fields:
    """Its registered tasks by name, with the attributes that are set. They arrive as "name [key=value key=value]"."""
    if not isinstance(answer, list):
        return {}
    tasks = []
    for entry in answer[:MOST_NAMES]:
        if isinstance(entry, str):
            name, _, rest = _text(entry, 1000).partition(" [")
            attributes = _attributes(rest.removesuffix("]"))
            if attributes.get("send_events") == "True":  # as of every task whose class does not set it
                del attributes["send_events"]
            tasks.append({"name": name, "attributes": attributes})
    return {"registered": tasks}


def _attributes(text: str) -> dict[str, str]:
    """Split where a known key begins, since values may hold blanks."""
    found: dict[str, str] = {}
    key = ""
    for word in text.split(" "):
        before, equals, value = word.partition("=")
        if equals and before in TASK_ATTRIBUTES:
            key = before
            found[key] = value
        elif key:
            found[key] += f" {word}"
    return found


def uuids(command: str, answer: Any) -> tuple[frozenset[str], bool]:
    """(the tasks that an answer to active, reserved, scheduled or revoked lists, at most 10,000 (revoked: 50,000, as many as Celery keeps by default);
    whether these are all); of query_task those that it has. Empty for other commands."""
    if command == "revoked" and isinstance(answer, list):
        return frozenset(uuid for uuid in answer[:MOST_REVOKED] if isinstance(uuid, str)), len(answer) <= MOST_REVOKED
    if command == QUERY_TASK and isinstance(answer, dict):
        return frozenset(uuid for uuid in answer if isinstance(uuid, str)), True
    if command not in ("active", "reserved", "scheduled") or not isinstance(answer, list):
        return frozenset(), False
    found: set[str] = set()
    for entry in answer[:MOST_UUIDS]:
        reported = _mapping(entry)
        uuid = _mapping(reported.get("request")).get("id") or reported.get("id")
        if not isinstance(uuid, str):
            return frozenset(found), False
        found.add(uuid)
    return frozenset(found), len(answer) <= MOST_UUIDS


def lamport_clock(command: str, answer: Any) -> int | None:
    """The worker's Lamport clock, which its answer to `stats` contains as text; None for other commands."""
    found = _mapping(answer).get("clock") if command == "stats" else None
    return int(found) if isinstance(found, str) and found.isascii() and found.isdecimal() and len(found) < 17 else None


def totals(command: str, answer: Any) -> dict[str, int]:
    """{task name: how many the worker has started}, from its answer to `stats`; empty for other commands."""
    found = _mapping(_mapping(answer).get("total")) if command == "stats" else {}
    return {name: count for name, started in list(found.items())[:MOST_NAMES] if isinstance(name, str) and (count := _count(started)) is not None}


READERS: Mapping[str, Callable[[Any], Fields]] = {
    "stats": stats,
    "active": active,
    "reserved": reserved,
    "scheduled": scheduled,
    "active_queues": active_queues,
    "registered": registered,
    "conf": conf,
    "revoked": lambda _: {},
    QUERY_TASK: lambda _: {},
    "ping": lambda _: {},
}


def redacted(fields: Fields, redaction: Redaction) -> Fields:
    """The fields without secrets: in arguments of tasks, and in addresses of a configuration, of which only what decides routing and when is kept at all."""
    found = dict(fields)
    if fields.get("active_tasks"):
        found["active_tasks"] = [{**task, "args": redaction.text(task["args"]), "kwargs": redaction.text(task["kwargs"])} for task in fields["active_tasks"]]
    if fields.get("configuration"):
        found["configuration"] = redaction.texts(fields["configuration"])
    if fields.get("periodic"):
        found["periodic"] = redaction.texts(fields["periodic"])
    return found


def _mapping(found: Any) -> Mapping[str, Any]:
    return found if isinstance(found, dict) else {}


def _count(found: Any) -> int | None:
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        return None
    return int(found) if 0 <= found <= 2**31 - 1 else None


def _text(found: Any, length: int = TEXT_LENGTH) -> str:
    """At most `length` characters that every database takes; "" for None."""
    text = "" if found is None else found if isinstance(found, str) else repr(found)
    return text[:length].encode("utf-8", "replace").decode().replace("\x00", "�")


def _moment(found: Any) -> str | None:
    """ISO 8601 UTC of seconds since 1970."""
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 < found < 4e9:
        return None
    return datetime.fromtimestamp(found, UTC).isoformat()
