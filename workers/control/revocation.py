"""Revoking tasks: which of them an order reaches, what will happen to them, in sentences, and whether it did. Pure.

Worker nodes remember what is revoked in memory (`celery.worker.state`) and discard such a task when they take it. With `terminate`, the process that runs a
task gets a signal too (`celery/worker/control.py`, `celery/worker/request.py`, 4.x and 5.x).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

MOST_TASKS = 1000
MOST_STAMPS, LONGEST_STAMP = 50, 500
SIGNALS: Mapping[str, str] = {
    "SIGTERM": "ends the process",
    "SIGQUIT": "ends the process at once, as Celery’s cold shutdown does",
    "SIGKILL": "kills the process; nothing of the task can clean up",
    "SIGUSR1": "raises SoftTimeLimitExceeded in the task; the process goes on",
}
ENDED = frozenset(("SUCCESS", "FAILURE", "REVOKED", "REJECTED"))
ENDING_SINCE = {"prefork": (0, 0), "gevent": (5, 5), "eventlet": (5, 2)}
"""The first version of Celery in which these pools can end a task: their `terminate_job`."""
POOLS = (*ENDING_SINCE, "threads", "solo")
READ_BACK_SECONDS = 45.0
"""What worker nodes list as revoked is inspected every 30 s."""
MEMORY = (
    "Worker nodes remember revoked tasks in memory only, unless they have a --statedb. A task that still waits when all of them have restarted is run. "
    "A node that starts later learns of it from one that runs, where mingle is on."
)
STAMP_MEMORY = "Only the nodes that run now remember the header, in memory. One that starts or restarts later runs tasks that carry it."
BESIDE = "A signal ends whatever the process runs at that moment. If the task ends by itself just before, the next one is ended instead, and lost."
Seen = Literal["revoked", "remembered", "ended", "runs", "not seen"]


class Revocable(msgspec.Struct, frozen=True):
    """A task to revoke. `state` is Celery's, UNKNOWN, or "" of an id that Hareline has not seen; `pool` and
    `version` of Celery those of the node that has the task."""

    uuid: str
    name: str | None = None
    state: str = ""
    pool: str | None = None
    version: str | None = None


class Nodes(msgspec.Struct, frozen=True):
    """How many nodes of the virtual host get the order, and how many of them may not receive it: of unknown state, or without remote control."""

    count: int
    doubtful: int = 0


class Revocation(msgspec.Struct, frozen=True):
    """`going`: the uuids that are revoked, [] for a header; `left_out` and `warnings` are sentences; `text` says what will happen, "" if nothing can."""

    going: tuple[str, ...]
    text: str
    left_out: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    signal: str = ""
    stamps: Mapping[str, Sequence[str]] = {}
    typed: str = ""  # what a person types to confirm it

    @property
    def command(self) -> str:
        return "revoke_by_stamped_headers" if self.stamps else "revoke"

    @property
    def arguments(self) -> dict[str, Any]:
        """The keyword arguments of Celery's command."""
        what = {"headers": {name: list(values) for name, values in self.stamps.items()}} if self.stamps else {"task_id": list(self.going)}
        return what | ({"terminate": True, "signal": self.signal} if self.signal else {"terminate": False})


def revocation(tasks: Sequence[Revocable], nodes: Nodes, signal: str = "") -> Revocation:
    """What revoking these tasks does; with a signal, those that run are terminated.

    >>> revocation([Revocable("a", "shop.pay", "PENDING")], Nodes(2)).text
    '1 task that waits will be discarded by the worker node that takes it.'
    """
    ended = [task for task in tasks if task.state in ENDED]
    stuck = [task for task in tasks if signal and task.state == "STARTED" and not _can_be_ended(task)]
    going = [task for task in tasks if task.state not in ENDED and task not in stuck]
    left_out = []
    if ended:
        left_out.append(f"{_counted(ended)} {'has' if len(ended) == 1 else 'have'} ended, so there is nothing to revoke.")
    if stuck:
        pools = " or ".join(sorted({_unable(task.pool or "") for task in stuck}))
        left_out.append(f"{_counted(stuck)} {'runs' if len(stuck) == 1 else 'run'} in a pool that can’t end a task ({pools}).")
    if going and not nodes.count:
        left_out.append("No worker node is known there, so nothing would remember it.")
        going = []
    if not going:
        return Revocation((), "", tuple(left_out), (), signal)
    typed = (going[0].name or going[0].uuid) if len(going) == 1 else f"{'terminate' if signal else 'revoke'} {len(going)}"
    warnings = (*_warnings(going, nodes, signal), MEMORY, *([BESIDE] if signal else []))
    return Revocation(tuple(task.uuid for task in going), _text(going, signal), tuple(left_out), warnings, signal, {}, typed)


def stamped_revocation(stamps: Mapping[str, Sequence[str]], seen: int, old: int, nodes: Nodes, signal: str = "") -> Revocation:
    """What revoking by a stamped header does. `seen`: how many tasks that have not ended are known to carry it; `old`: how many nodes are older than 5.3."""
    named = " or ".join(f"{name}={value}" for name, values in stamps.items() for value in values)
    if not nodes.count:
        return Revocation((), "", ("No worker node is known there, so nothing would remember it.",), (), signal, stamps)
    text = f"Every task stamped {named} will be discarded by the worker node that takes it"
    text += f", and those that run get {signal} ({SIGNALS[signal]})." if signal else "; those that run go on."
    known = f"{seen:,} {'is' if seen == 1 else 'are'} known to carry it" if seen else "None is known to carry it"
    warnings = [f"{known}, from messages that were seen: events have no stamps, so that others may."]
    if old:
        warnings.append(f"{old:,} of the worker nodes {'runs' if old == 1 else 'run'} a Celery older than 5.3, which doesn’t know this order.")
    warnings += [*_doubtful(nodes), STAMP_MEMORY, *([BESIDE] if signal else [])]
    return Revocation((), text, (), tuple(warnings), signal, stamps, f"{'terminate' if signal else 'revoke'} {named}"[:200])


def read_stamps(given: Any) -> dict[str, list[str]]:
    """The header's stamps by name. Raises ValueError with a sentence.

    >>> read_stamps({"order": "17"})
    {'order': ['17']}
    """
    if not isinstance(given, Mapping) or not given:
        raise ValueError('expected an object of names with a value or several, such as {"order": ["17"]}.')
    found = {}
    for name, values in given.items():
        listed = values if isinstance(values, list) else [values]
        if not name or not listed or not all(isinstance(value, str) and value for value in listed):
            raise ValueError(f"{str(name)[:80]}: expected a text or several, none of them empty.")
        if any(len(text) > LONGEST_STAMP or "\x00" in text for text in (name, *listed)):
            raise ValueError(f"{str(name)[:80]}: at most {LONGEST_STAMP} characters each, and no NUL.")
        found[name] = listed
    if sum(map(len, found.values())) > MOST_STAMPS:
        raise ValueError(f"one order takes at most {MOST_STAMPS} values.")
    return found


def is_older(version: Any, than: tuple[int, int] = (5, 3)) -> bool:
    """True if this version of Celery is older; as a rule than 5.3, which brought the order by stamped header. False if it is unknown.

    >>> is_older("4.4.7"), is_older("5.3.0rc1"), is_older(None), is_older("dev")
    (True, False, False, False)
    """
    parts = str(version or "").split(".")[:2]
    return len(parts) == 2 and all(part.isdecimal() for part in parts) and tuple(map(int, parts)) < than


def _can_be_ended(task: Revocable) -> bool:
    """Whether the pool that runs it can end it, as far as that is known."""
    if task.pool not in POOLS:
        return True
    return task.pool in ENDING_SINCE and not is_older(task.version, ENDING_SINCE[task.pool])


def _unable(pool: str) -> str:
    """
    >>> _unable("solo"), _unable("gevent")
    ('solo', 'gevent before Celery 5.5')
    """
    since = ENDING_SINCE.get(pool)
    return f"{pool} before Celery {since[0]}.{since[1]}" if since else pool


def seen(state: str, revoked_by: str) -> Seen:
    """What a task shows of its revocation by now. `revoked_by`: a node that lists it as revoked."""
    if state == "REVOKED":
        return "revoked"
    if state in ENDED:
        return "ended"
    if state == "STARTED":
        return "runs"
    return "remembered" if revoked_by else "not seen"


def _text(going: Sequence[Revocable], signal: str) -> str:
    running = [task for task in going if task.state == "STARTED"]
    unseen = [task for task in going if not task.state or task.state == "UNKNOWN"]
    waiting = [task for task in going if task not in running and task not in unseen]
    found = []
    if waiting:
        waits = "waits" if len(waiting) == 1 else "wait"
        found.append(f"{_counted(waiting)} that {waits} will be discarded by the worker node that takes {'it' if len(waiting) == 1 else 'them'}.")
    if running and signal:
        found.append(f"The process that runs {_counted(running)} gets {signal}, which {SIGNALS[signal]}.")
    elif running:
        found.append(f"{_counted(running)} that {'runs' if len(running) == 1 else 'run'} will go on; only a later retry will be discarded.")
    if unseen:
        also = f" and those that run get {signal}" if signal else ""
        found.append(f"Of {_counted(unseen)} the state is unknown: what still waits will be discarded{also}.")
    return " ".join(found)


def _warnings(going: Sequence[Revocable], nodes: Nodes, signal: str) -> list[str]:
    green = [task for task in going if signal and task.state == "STARTED" and task.pool in ("gevent", "eventlet")]
    found = [f"{_counted(green)} {'runs' if len(green) == 1 else 'run'} in greenlets, which are killed whatever the signal."] if green else []
    return found + _doubtful(nodes)


def _doubtful(nodes: Nodes) -> list[str]:
    if not nodes.doubtful:
        return []
    verb = "does" if nodes.doubtful == 1 else "do"
    return [f"{nodes.doubtful:,} of {nodes.count:,} worker nodes {verb} not answer now, and may take one of these tasks without knowing of the order."]


def _counted(tasks: Sequence[Revocable]) -> str:
    return f"{len(tasks):,} task{'' if len(tasks) == 1 else 's'}"
