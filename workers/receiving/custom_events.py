"""Custom events of tasks in the receiver's round: kept in memory until they are stored, together with what is stored of the same tasks.

A task of which one came counts as changed, so that its open page shows it. An event of a task that is not known makes none: nothing is known of its state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from workers.custom_events import CustomEvent, kept
from workers.receiving.events import Event
from workers.receiving.task_buffer import TaskBuffer
from workers.receiving.task_state import TaskRecord

Stored = Mapping[str, list[CustomEvent]]


class CustomEvents:
    """Of one virtual host. `prepare` each round, then `note_stored` once that is committed."""

    def __init__(self, buffer: TaskBuffer) -> None:
        self._buffer = buffer
        self._new: dict[str, list[CustomEvent]] = {}
        self._complete: dict[str, list[CustomEvent]] = {}

    def add(self, event: Event, fields: Mapping[str, object], left_out: int, received_at: float) -> None:
        """`fields` and `left_out` as `workers.custom_events.fields_of` returns them; the event has the uuid of its task."""
        at = received_at if event.timestamp is None else min(event.timestamp - self._buffer.clock_ahead(event.hostname), received_at)
        new = CustomEvent(event.type, round(at, 6), event.hostname, dict(fields), left_out, event.clock)  # type: ignore[arg-type]
        uuid = event.uuid or ""
        self._new[uuid] = kept((*self._new.get(uuid, ()), new))

    def prepare(self, load: Callable[[Sequence[str]], Mapping[str, TaskRecord]], load_events: Callable[[Sequence[str]], Stored]) -> None:
        """Completes what came by what is stored, and marks the tasks as changed."""
        if not self._new:
            return
        buffer = self._buffer
        uuids = list(self._new)
        loaded = load([uuid for uuid in uuids if uuid not in buffer.records])
        for uuid in uuids:
            record = buffer.records.get(uuid) or loaded.get(uuid)
            if record is not None:
                buffer.records[uuid] = buffer.changed[uuid] = record
        before = load_events(uuids)
        self._complete = {uuid: kept((*before.get(uuid, ()), *events)) for uuid, events in self._new.items()}

    @property
    def to_store(self) -> Stored:
        """All that is kept of each task of which an event came since the last stored batch."""
        return self._complete

    def note_stored(self) -> None:
        self._new, self._complete = {}, {}
