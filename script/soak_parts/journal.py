"""The independent log: which events the broker confirmed, written line by line before anything of Hareline is looked at. Standard library only."""

from __future__ import annotations

import json
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

STATE_AFTER = {
    "task-sent": "PENDING",
    "task-received": "RECEIVED",
    "task-started": "STARTED",
    "task-retried": "RETRY",
    "task-rejected": "REJECTED",
    "task-revoked": "REVOKED",
    "task-failed": "FAILURE",
    "task-succeeded": "SUCCESS",
}


@dataclass
class TrueEvent:
    """One event as it happened. `at`: seconds since 1970 by this machine's clock, whatever the sender's clock showed."""

    kind: str
    worker: str
    at: float
    copies: int = 1  # messages that carried it: more than one where it was repeated, or published again since no confirm came


@dataclass
class TrueTask:
    uuid: str
    events: list[TrueEvent] = field(default_factory=list)

    @property
    def state(self) -> str:
        """The one true state: that of the latest event of a worker; a sending counts only where nothing else happened."""
        by_workers = [event for event in self.events if event.kind != "task-sent"]
        return STATE_AFTER[(by_workers or self.events)[-1].kind]


class Journal:
    """Appends what was confirmed to a file, and reads it back as tasks."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("a", encoding="utf-8")
        self._lock = threading.Lock()

    def note(self, events: Iterable[dict[str, Any]], true_times: Iterable[float], copies: int = 1) -> None:
        """Events of one message that the broker confirmed; those of no task are left out."""
        lines = [
            json.dumps({"uuid": event["uuid"], "kind": event["type"], "worker": event["hostname"], "at": at, "copies": copies}) + "\n"
            for event, at in zip(events, true_times, strict=True)
            if "uuid" in event
        ]
        with self._lock:
            self._file.writelines(lines)

    def tasks(self) -> dict[str, TrueTask]:
        """{uuid: task}, the events of each in the order in which they happened."""
        with self._lock:
            self._file.flush()
        found: dict[str, dict[tuple[str, str, float], TrueEvent]] = defaultdict(dict)
        with self.path.open(encoding="utf-8") as lines:
            for line in lines:
                fields = json.loads(line)
                key = (fields["kind"], fields["worker"], fields["at"])
                known = found[fields["uuid"]].get(key)
                if known is None:
                    found[fields["uuid"]][key] = TrueEvent(*key, copies=fields["copies"])
                else:
                    known.copies += fields["copies"]
        return {uuid: TrueTask(uuid, sorted(events.values(), key=lambda event: event.at)) for uuid, events in found.items()}

    def close(self) -> None:
        self._file.close()


def counts_by_worker(tasks: Iterable[TrueTask]) -> dict[str, tuple[Counter[str], Counter[str]]]:
    """{worker: (events of each kind, the same with every copy counted)}; senders of tasks are no workers and left out."""
    found: dict[str, tuple[Counter[str], Counter[str]]] = defaultdict(lambda: (Counter(), Counter()))
    for task in tasks:
        for event in task.events:
            if event.kind != "task-sent":
                once, copied = found[event.worker]
                once[event.kind] += 1
                copied[event.kind] += event.copies
    return dict(found)
