"""Compares the queue that Hareline shows of tasks with the one that worker nodes took them from, by their own log.

HARELINE_DEMO_TAKEN_LOG=taken.tsv script/demo &   # and after some minutes:
python -m script.soak_parts.task_queues taken.tsv var/hareline.sqlite3 500
"""

from __future__ import annotations

import sqlite3
import sys
import time
from collections import Counter
from pathlib import Path

SETTLED_SECONDS = 15.0
"""Receipts of the last seconds are left out: their events may not have arrived yet."""


def latest(log: str, most: int, now: float) -> dict[str, str]:
    """{uuid: queue} of the last tasks received, each as it was received last, but for those of the last seconds."""
    found: dict[str, str] = {}
    young: set[str] = set()
    for line in log.splitlines():
        uuid, queue, at = line.split("\t")
        found.pop(uuid, None)
        found[uuid] = queue
        if now - float(at) < SETTLED_SECONDS:
            young.add(uuid)
    return dict([(uuid, queue) for uuid, queue in found.items() if uuid not in young][-most:])


def shown(database: Path, uuids: list[str]) -> dict[str, tuple[str | None, str | None, str | None, str | None]]:
    """{uuid: (queue, source, why unknown, the sender's word)}."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        statement = "SELECT queue, queue_source, queue_reason, sent_queue FROM workers_task WHERE uuid = ?"
        return {uuid: row for uuid in uuids if (row := connection.execute(statement, (uuid,)).fetchone()) is not None}


def main(arguments: list[str]) -> int:
    if len(arguments) != 3:
        sys.exit(__doc__)
    taken = latest(Path(arguments[0]).read_text(encoding="utf-8"), int(arguments[2]), time.time())
    rows = shown(Path(arguments[1]), list(taken))
    right = sum(uuid in rows and rows[uuid][0] == queue for uuid, queue in taken.items())
    unknown = sum(uuid in rows and rows[uuid][0] is None for uuid in taken)
    by_sender = sum(uuid in rows and rows[uuid][3] == queue for uuid, queue in taken.items())
    print(f"{len(taken)} tasks: {right} as taken, {unknown} unknown, {len(taken) - len(rows)} not stored, {len(rows) - right - unknown} wrong")
    print(f"the sender's word would have been right for {by_sender}")
    print(dict(Counter((queue, rows[uuid][1]) for uuid, queue in taken.items() if uuid in rows)))
    for uuid, queue in taken.items():
        if uuid not in rows or rows[uuid][0] != queue:
            print(uuid, queue, rows.get(uuid))
    return int(right != len(taken))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
