"""Records the queues of a demo for `script/soak noise`, as its polls stored them. While it runs, or after:

HARELINE_DATA_DIR=var .venv/bin/python -m script.soak_parts.record_queues MINUTES FILE
"""

from __future__ import annotations

import json
import os
import sys
from datetime import timedelta
from pathlib import Path

import zstandard

from script.soak_parts.noise_courses import METRICS, POLL_SECONDS


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    os.environ["DJANGO_SETTINGS_MODULE"] = "dashboard.settings"
    import django

    django.setup()
    from brokers import queries
    from brokers.scope import EVERYTHING

    found: dict[str, dict[str, list[float | None]]] = {}
    for broker in queries.brokers(EVERYTHING):
        end = broker.polled_at
        if end is None:
            continue
        queues = {queue.pk: queue for queue in queries.deep_queues(EVERYTHING, broker, 100)}
        start = end - timedelta(minutes=float(arguments[0]))
        _, numbers = queries.histories(EVERYTHING, broker.pk, "queues", list(queues), METRICS, start, end, POLL_SECONDS)
        found |= {queue.name: {name: numbers[name][pk] for name in METRICS} for pk, queue in queues.items()}
    Path(arguments[1]).write_bytes(zstandard.ZstdCompressor(level=19).compress(json.dumps(found, separators=(",", ":")).encode()))
    print(f"{len(found)} queues, {Path(arguments[1]).stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
