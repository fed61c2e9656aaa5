"""Which tasks that have not begun were revoked: a worker drops a task with an ETA only once that comes, and reports it only then.

Workers list what they are to revoke (`inspect revoked`). The note goes when a worker no longer lists the task, as after a restart.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from workers.inspection.inspector import Answer
from workers.receiving.task_buffer import TaskBuffer
from workers.receiving.task_state import TaskRecord

COMMAND = "revoked"
WAITING = frozenset(("PENDING", "RECEIVED", "RETRY"))
"""States in which a revoked task has not begun."""
MOST_AT_ONCE = 1000


class Revocations:
    """Of one virtual host. `note_answer` takes what a worker lists, `apply` notes it on the tasks in `buffer` and on those that it loads into it."""

    def __init__(self, buffer: TaskBuffer) -> None:
        self._buffer = buffer
        self._listed: dict[str, frozenset[str]] = {}
        self._waiting: dict[str, None] = {}

    def note_answer(self, answer: Answer) -> None:
        if answer.command == COMMAND:
            self._waiting |= dict.fromkeys(answer.uuids ^ self._listed.get(answer.hostname, frozenset()))
            self._listed[answer.hostname] = answer.uuids

    def apply(self, known: Collection[str], load: Callable[[list[str]], Mapping[str, TaskRecord]]) -> None:
        """`known`: the workers that are kept; `load` gives stored tasks. At most 1,000 tasks a call, besides those that have just changed."""
        for hostname in self._listed.keys() - set(known):
            self._waiting |= dict.fromkeys(self._listed.pop(hostname))
        buffer = self._buffer
        uuids = list(self._waiting)[:MOST_AT_ONCE]
        for uuid in uuids:
            del self._waiting[uuid]
        loaded = load([uuid for uuid in uuids if uuid not in buffer.records])
        found = [buffer.records.get(uuid) or loaded.get(uuid) for uuid in uuids]
        if any(self._listed.values()):
            found += buffer.changed.values()
        for record in found:
            if record is None or record.state not in WAITING:
                continue
            revoked_by = self._revoked_by(record)
            if revoked_by != record.revoked_by:
                record.revoked_by = revoked_by
                buffer.records[record.uuid] = buffer.changed[record.uuid] = record

    def _revoked_by(self, record: TaskRecord) -> str:
        """The worker that lists the task, that which has it before others; "" if none does."""
        own = self._listed.get(record.worker or "", frozenset())
        if record.uuid in own:
            return record.worker or ""
        return min((hostname for hostname, uuids in self._listed.items() if record.uuid in uuids), default="")
