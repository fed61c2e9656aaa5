"""Ends of tasks that were read from a result backend, made part of tasks whose events of their end are missing. Pure but for loading.

An end counts for the attempt that ran last: one that is older than what the events show is of an earlier delivery and changes nothing. Should the event
come after all, it takes the place of what was read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from workers.receiving.task_buffer import TaskBuffer
from workers.receiving.task_fields import DETAIL_LENGTH, clean_text
from workers.receiving.task_order import UNCERTAIN_SECONDS, UNKNOWN, Moment
from workers.receiving.task_state import TaskRecord, add_read_end
from workers.results.outcomes import Outcome
from workers.state_sources import BACKEND

TAKEN = frozenset(("RECEIVED", "STARTED", "RETRY", UNKNOWN))
"""States that an end may follow: a worker has or had the task, and no end is known."""
READ = "from the result backend"


class ReadEnds:
    """Of one virtual host; `note` what was read, and `apply` it to the tasks in `buffer` and to those that it loads into it."""

    def __init__(self, buffer: TaskBuffer) -> None:
        self._buffer = buffer
        self._noted: dict[str, tuple[Outcome, float]] = {}

    def note(self, outcomes: Iterable[tuple[Outcome, float]]) -> None:
        """Each with when it was read, seconds since 1970."""
        self._noted |= {outcome.uuid: (outcome, read_at) for outcome, read_at in outcomes}

    def apply(self, load: Callable[[list[str]], Mapping[str, TaskRecord]]) -> None:
        if not self._noted:
            return
        buffer, noted = self._buffer, self._noted
        loaded = load([uuid for uuid in noted if uuid not in buffer.records])
        self._noted = {}
        for uuid, (outcome, read_at) in noted.items():
            record = buffer.records.get(uuid) or loaded.get(uuid)
            if record is not None and mend(record, outcome, read_at):
                buffer.records[uuid] = buffer.changed[uuid] = record
                buffer.note_mended(record.worker or "")


def mend(record: TaskRecord, outcome: Outcome, read_at: float) -> bool:
    """False where the end is not of the attempt that ran last, or one is known."""
    latest = max((moment.at for moment in record.moments), default=None)
    if record.state not in TAKEN or record.worker is None or latest is None or outcome.done_at < latest - UNCERTAIN_SECONDS:
        return False
    detail = clean_text(outcome.exception, DETAIL_LENGTH) if outcome.exception else READ
    at = round(max(min(outcome.done_at, read_at), latest), 6)
    add_read_end(record, Moment(at, outcome.rank, record.worker, None, detail, fields=0), (BACKEND, read_at))
    for name in ("result", "exception", "traceback"):
        value = getattr(outcome, name)
        if value is not None:
            setattr(record, name, value)
    return True
