"""What the rules about Hareline itself look at, beside the heartbeats of its processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brokers.models import Broker
    from workers.models import EventSource


@dataclass(frozen=True)
class Installation:
    """`waiting`: of each event source, by primary key, the messages that its queue of events holds at the last poll. `tasks_most`: the bound that
    HARELINE_RETENTION_TASKS sets; None where there is none."""

    brokers: Sequence[Broker] = ()
    sources: Sequence[EventSource] = ()
    waiting: Mapping[int, int] = field(default_factory=dict)
    database_bytes: int | None = None
    tasks: int = 0
    tasks_most: int | None = None
    task_days: float = 7.0
    oldest_task_at: datetime | None = None
    not_stored: str = ""
