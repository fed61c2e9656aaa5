"""docs/faults.md names only tests that there are, and each of its rows names one."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parent.parent
TABLE = TESTS.parent / "docs" / "faults.md"
NAMED = re.compile(r"`([\w/]+\.py)(?:::(\w+))?`")


def file_of(path: str) -> Path:
    """A path without a folder is under tests/faults/."""
    return TESTS / path.removeprefix("tests/") if "/" in path else TESTS / "faults" / path


def rows() -> list[str]:
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    return [line for line in lines if not line.startswith(("| fault |", "|---"))]


def test_every_row_has_four_cells_and_names_a_test() -> None:
    assert len(rows()) > 50
    for row in rows():
        assert len(re.split(r"(?<!\\)\|", row.strip("|"))) == 4, row
        assert NAMED.search(row), row


def test_no_fault_stands_there_twice() -> None:
    faults = [row.split("|")[1].strip() for row in rows()]
    assert sorted(faults) == sorted(set(faults))


def test_every_test_that_is_named_is_there() -> None:
    missing = [
        f"{path}::{name}"
        for path, name in NAMED.findall("\n".join(rows()))
        if not file_of(path).is_file() or (name and f"def {name}(" not in file_of(path).read_text(encoding="utf-8"))
    ]
    assert missing == []
