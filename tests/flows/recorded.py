"""Workflows that real workers of Celery 5.7 ran, as their events described them, and what each task found in its own request.

`joined_by_header`: a result backend that counts (in memory, as Redis does); each workflow was started by a task. `joined_by_unlock`: one that does not
(files); most were started by a program.
"""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from dashboard.flows.tree import Member
from workers.canvas import UNLOCK, unlock_of
from workers.receiving.events import Event
from workers.receiving.task_state import TaskRecord, happenings, merge

CASES = Path(__file__).parent.parent / "cases" / "flows"
NOON = 1795435200.0


@cache
def recording(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((CASES / f"{name}.json").read_text())
    return found


def root_of(name: str, which: str) -> str:
    """The root of a workflow: that of the result which the program got, which is its last task's."""
    started: str = recording(name)["started"][which]
    return next((line["root"] for line in recording(name)["log"] if line["uuid"] == started), started)


def members(name: str, which: str) -> list[Member]:
    """The tasks with the root of one workflow."""
    records: dict[str, TaskRecord] = {}
    for given in recording(name)["events"]:
        facts = {key: value for key, value in given.items() if key not in ("at", "by")}
        event = Event(hostname=given["by"], timestamp=NOON + given["at"], **facts)
        records[event.uuid or ""] = merge(records.get(event.uuid or ""), event, NOON + given["at"]) or TaskRecord("", 0)
    root = root_of(name, which)
    return [_member(record, order) for order, record in enumerate(records.values()) if record.root_id == root]


def logged(name: str, root: str) -> list[dict[str, Any]]:
    """What the tasks of a root wrote themselves, one line a try."""
    return [line for line in recording(name)["log"] if line["root"] == root]


def _member(record: TaskRecord, order: int) -> Member:
    times = {name: at(getattr(record, name)) for name in ("sent_at", "received_at", "started_at", "ended_at")}
    others = tuple(dict.fromkeys(each.detail for each in happenings(record.moments) if each.detail and each.event in ("task-sent", "task-received")))
    unlock = unlock_of(record.args, record.kwargs) if record.name == UNLOCK else None
    known = {"state": record.state, "parent": record.parent_id, "retries": record.retries or 0, "others": others, "unlock": unlock}
    return Member(record.uuid, order, record.name or "", runtime_seconds=record.runtime, **known, **times)


def at(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def tries(lines: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        found[line["uuid"]].append(line)
    return found
