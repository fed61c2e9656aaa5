"""Worker nodes that are unknown for one reason are one line, and what follows from them is unknown for that."""

from __future__ import annotations

from brokers.scope import EVERYTHING
from dashboard.overview.celery_panel import Work
from dashboard.workers.visibility import unknown_by_reason
from tests.findings.objects import NOON, broker, worker

BLOCKED = "the broker blocks publishers since 2026-11-24 12:00:00 UTC"


def test_one_alarm_is_one_reason_however_many_consumers_are_attached() -> None:
    nodes = [worker(f"a@web-{number}", pk=number, state="unknown", reason=f"{BLOCKED}, {number} consumer{'s' * (number > 1)} attached") for number in (1, 2, 3)]
    assert unknown_by_reason(nodes) == [("/", BLOCKED, 3)]
    assert unknown_by_reason(nodes[:1]) == [("/", f"{BLOCKED}, 1 consumer attached", 1)]


def test_slots_are_unknown_since_the_nodes_are_and_not_since_none_is_online() -> None:
    work = Work(EVERYTHING, broker(), None, NOON)
    work.workers = [worker(state="unknown", reason=BLOCKED)]
    assert work.slots.note == "unknown: worker nodes are unknown"
    gone = Work(EVERYTHING, broker(), None, NOON)
    gone.workers = [worker(state="gone")]
    assert gone.slots.note == "unknown: no worker node is online"
