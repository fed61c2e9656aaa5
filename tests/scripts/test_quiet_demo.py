"""`script/soak demo`: what it reads of findings, and when it fails. The run itself takes an hour."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from script.soak_parts.quiet_demo import Outcome, SeenFinding, look, report

ROW = SeenFinding(1, "no_consumer", "warning", "mail has no consumer", "2026-11-29 18:33:14.248026", None)


def test_a_database_that_is_not_there_yet_has_nothing(tmp_path: Path) -> None:
    assert look(tmp_path / "none.sqlite3").rules == 0


def test_findings_rounds_and_rules_that_failed_are_read(tmp_path: Path) -> None:
    path = tmp_path / "hareline.sqlite3"
    with sqlite3.connect(path) as link:
        link.execute("CREATE TABLE dashboard_finding (id, rule, worst_level, title, opened_at, closed_at)")
        link.execute("CREATE TABLE dashboard_findinground (at, rules, failed)")
        link.execute("INSERT INTO dashboard_finding VALUES (?, ?, ?, ?, ?, ?)", ROW)
        at = datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=40)
        link.execute("INSERT INTO dashboard_findinground VALUES (?, 20, '[\"stuck\"]')", (str(at),))
        link.execute("INSERT INTO dashboard_findinground VALUES (?, 3, '[]')", (str(datetime.now(UTC).replace(tzinfo=None)),))
    found = look(path)
    assert (found.findings, found.rules, found.failed) == ([ROW], 23, {"stuck"})
    assert found.oldest_round_seconds is not None and found.oldest_round_seconds >= 40


@pytest.mark.parametrize(
    ("findings", "failed", "longest", "status"),
    [([], set(), 3.0, 0), ([ROW], set(), 3.0, 1), ([], {"stuck"}, 3.0, 1), ([], set(), 31.0, 1)],
)
def test_it_fails_where_anything_was_found_or_nobody_looked(
    findings: list[SeenFinding], failed: set[str], longest: float, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(Outcome(60.0, 23, 700, findings, failed, longest)) == status
    printed = capsys.readouterr().out
    assert ("mail has no consumer" in printed) == bool(findings) and "| 60 | 23 |" in printed
