"""A list as a file, CSV or JSON with an object a line, piece by piece, so that millions of rows need no memory. Pure."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from io import StringIO
from typing import Any

from dashboard.layout.csv_cells import csv_cell

TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/x-ndjson"}
ENDINGS = {"csv": "csv", "json": "ndjson"}


def head(kind: str, columns: Iterable[str]) -> str:
    return ",".join(columns) + "\r\n" if kind == "csv" else ""


def piece(kind: str, rows: Iterable[Mapping[str, Any]]) -> str:
    """The rows, each with a value for every column in the order of the head.

    >>> piece("csv", [{"name": "=1", "count": 2}]), piece("json", [{"name": "=1", "count": 2}])
    ("'=1,2\\r\\n", '{"name": "=1", "count": 2}\\n')
    """
    if kind == "json":
        return "".join(json.dumps(row, ensure_ascii=False, default=datetime.isoformat) + "\n" for row in rows)
    text = StringIO()
    csv.writer(text).writerows([csv_cell(value) for value in row.values()] for row in rows)
    return text.getvalue()


def ended(kind: str, why: str) -> str:
    """In place of the rest."""
    reason = f"The export ends here: {why}"
    return f'"{reason}"\r\n' if kind == "csv" else json.dumps({"error": reason}) + "\n"
