"""The reader of a watched virtual host's result backend, where HARELINE_RESULTS_<NAME> names one."""

from __future__ import annotations

from datetime import UTC, datetime

from workers import queries
from workers.receiving.place import Place
from workers.redaction import Redaction
from workers.results.reader import ResultReader, backend_at


def reader_of(place: Place, redaction: Redaction) -> ResultReader | None:
    if place.results is None:
        return None

    def unended() -> list[str]:
        return queries.unended_tasks(place.broker_id, place.vhost, datetime.now(UTC))

    return ResultReader(backend_at(place.results, redaction, place.ca_file), unended, f"{place.address.name} {place.vhost}")
