"""The time limit of a task that runs, and by how much it is past it. Pure.

The limit is that of the task's name on its worker node: `inspect registered` lists the limits of task classes, which contain `task_time_limit` and what remote
control changed, and `inspect stats` those of a pool of processes, which contain `--time-limit`. The message of a task may set others, which neither
events nor `inspect` contain. None is unknown, or no limit: the two can't be distinguished for a task, so nothing is claimed of either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workers.models import Task

Limit = tuple[float, str]
"""Seconds, and whether Celery ends the task (HARD) or raises an exception in it, which it may catch (SOFT)."""
Limits = Mapping[str, Limit]
"""By name of task; that of a whole pool under ""."""
HARD, SOFT = "hard", "soft"
ENFORCED = {"prefork": (HARD, SOFT), "gevent": (HARD,)}
"""Which limits the pools of Celery apply (celery.concurrency, 5.7); those not named here apply none."""
_LONGEST_SECONDS = 1e9


def limits_of(registered: Iterable[Mapping[str, Any]], pool: Limit | None) -> dict[str, Limit]:
    """What a worker reports, by task name. Only tasks with a limit are in it.

    >>> limits_of([{"name": "a", "attributes": {"time_limit": "30", "soft_time_limit": "20"}}, {"name": "b"}], None)
    {'a': (30.0, 'hard')}
    """
    found: dict[str, Limit] = {} if pool is None else {"": pool}
    for task in registered:
        attributes = task.get("attributes") or {}
        limit = limit_from(attributes.get("time_limit"), attributes.get("soft_time_limit"))
        if limit is not None:
            found[str(task.get("name"))] = limit
    return found


def limit_from(hard: Any, soft: Any) -> Limit | None:
    """The hard limit, or else the soft one.

    >>> limit_from(None, "2.5"), limit_from(0, 0), limit_from("never", None)
    ((2.5, 'soft'), None, None)
    """
    for value, kind in ((hard, HARD), (soft, SOFT)):
        try:
            seconds = float(value)
        except (TypeError, ValueError, OverflowError):
            continue
        if 0 < seconds <= _LONGEST_SECONDS and not isinstance(value, bool):
            return seconds, kind
    return None


def limit_for(name: str | None, limits: Limits) -> Limit | None:
    """That of a task of this name. A pool's hard limit counts where a task has a soft one only."""
    own, pool = limits.get(name) if name else None, limits.get("")
    return pool if own is None or (own[1] == SOFT and pool is not None and pool[1] == HARD) else own


def past_limit_seconds(task: Task, now: datetime) -> float | None:
    """By how much a task that runs is past its limit; None if it is not, or nothing shows it."""
    if task.state != "STARTED" or task.started_at is None or task.limit_seconds is None:
        return None
    past = (now - task.started_at).total_seconds() - task.limit_seconds
    return past if past > 0 else None
