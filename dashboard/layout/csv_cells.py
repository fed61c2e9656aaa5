"""Values as cells of CSV. Pure."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # wide forms are read as the others by East Asian settings


def csv_cell(value: Any) -> str:
    """A text that no spreadsheet takes for a formula: names come from whoever made them.

    >>> csv_cell("=1+1"), csv_cell(None), csv_cell({"a": 1}), csv_cell(-1)
    ("'=1+1", '', '{"a": 1}', '-1')
    """
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, datetime):
        return value.isoformat()
    text = "" if value is None else str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(FORMULA) else text
