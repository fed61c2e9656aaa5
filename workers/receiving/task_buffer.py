"""The tasks of one virtual host that were heard of lately, in memory: what they told since the last store, and what of them is to be stored.

Pure and bounded: at most `most` records that are stored already, none of them ended. What is not in memory the caller loads (`missing`), in one question.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from workers.receiving.events import Event
from workers.receiving.orphaned_tasks import WorkerSigns, judge
from workers.receiving.task_order import ENDED, RANKS
from workers.receiving.task_state import HEAVY, TaskRecord, apply

MOST_RECORDS = 20_000
LEAST_CLOCK_CHANGE = 0.25  # smaller changes of a worker's measured skew are its noise


class TaskBook:
    def __init__(self, most: int = MOST_RECORDS) -> None:
        self.most = most
        self.records: dict[str, TaskRecord] = {}  # the longest untouched first
        self.changed: dict[str, TaskRecord] = {}
        self.faults: list[Exception] = []  # errors of ours in `settle`, for the caller to report
        self._heard: list[tuple[Event, float]] = []
        self._ahead: dict[str, float] = {}
        self._ahead_by_host: dict[str, float] = {}

    def hear(self, events: Iterable[Event], heard_at: float) -> int:
        """Notes the task events among them until `settle`. How many are refused since they name no task."""
        refused = 0
        for event in events:
            if event.type in RANKS:
                if event.uuid:
                    self._heard.append((event, heard_at))
                else:
                    refused += 1
        return refused

    def note_clock(self, hostname: str, ahead: float | None) -> None:
        """By how many seconds a worker's clock is ahead of ours, as measured now. It holds for the producers on its machine too."""
        known = self._ahead.get(hostname)
        if ahead is not None and (known is None or abs(ahead - known) >= LEAST_CLOCK_CHANGE):
            self._ahead[hostname] = self._ahead_by_host[_host(hostname)] = ahead

    def missing(self) -> list[str]:
        """The uuids that were heard of and are not in memory; they may be stored."""
        records = self.records
        return list({event.uuid: None for event, _ in self._heard if event.uuid not in records})  # type: ignore[misc]

    def settle(self, loaded: Mapping[str, TaskRecord]) -> None:
        """Brings the tasks up to what was heard. `loaded` are those of `missing` that are stored."""
        records, changed = self.records, self.changed
        heard, self._heard = self._heard, []
        for event, heard_at in heard:
            uuid = event.uuid
            record = records.pop(uuid, None) or loaded.get(uuid)  # type: ignore[arg-type]
            if record is None:
                record = TaskRecord(uuid, heard_at)  # type: ignore[arg-type]
            records[uuid] = record  # type: ignore[index]
            ahead = self._ahead.get(event.hostname)
            if ahead is None:
                ahead = self._ahead_by_host.get(_host(event.hostname), 0.0)
            try:
                told = apply(record, event, heard_at, ahead)
            except Exception as error:  # noqa: BLE001  (a fault of ours must not stop the others, nor come again for ever)
                self.faults.append(error)
                told = False
            if told:
                changed[uuid] = record  # type: ignore[index]

    def judge(self, loaded: Mapping[str, TaskRecord], signs: WorkerSigns) -> None:
        """Judges the tasks `loaded`, each as memory has it if it is there."""
        for uuid, stored in loaded.items():
            record = self.records.get(uuid, stored)
            if judge(record, signs):
                self.records[uuid] = self.changed[uuid] = record

    def note_stored(self, stored: Iterable[TaskRecord]) -> None:
        """They are committed: memory forgets their long texts, and the records longest untouched."""
        for record in stored:
            record.stored, record.retold, record.indexed = True, False, record.name is not None
            for name in HEAVY:
                setattr(record, name, None)
            self.changed.pop(record.uuid, None)
            if record.state in ENDED:  # little more is heard of it; if so, it is loaded
                self.records.pop(record.uuid, None)
        for uuid in list(self.records)[: max(0, len(self.records) - self.most)]:
            if uuid not in self.changed:
                del self.records[uuid]


def _host(hostname: str) -> str:
    return hostname.partition("@")[2]
